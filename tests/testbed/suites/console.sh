# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed:
# testbed: --xen 4.20
# shellcheck shell=sh
#
# Consoles through our xenconsoled: both ways, logs, a flood, a daemon killed and started again, a guest that reboots
# under a client that waits, last words, channels as terminal and as socket, the hypervisor's log.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# shellcheck disable=SC2317 # by way of await
has_ended() { # PIDFILE
	! kill -0 "$(cat "$1")"
}

daemon_pid() {
	cat /run/xc.pid
}

start_daemon() {
	xenconsoled --pid-file=/run/xc.pid --log=all --log-dir=$console --log-max=100k || fail "xenconsoled: status $?"
}

cpu_ticks() {
	awk '{ print $14 + $15 }' "/proc/$(daemon_pid)/stat"
}

tty_of() { # NODE
	await 10 sh -c "[ -c \"\$(xenstore-read $1/tty)\" ]" || fail "$1/tty: $(xenstore-read "$1/tty" 2>&1)"
	xenstore-read "$1/tty"
}

# The testbed's own daemon makes room for one with our options.
kill "$(cat /run/xen/xenconsoled.pid)"
await 5 has_ended /run/xen/xenconsoled.pid || fail "the first daemon does not end"
start_daemon

echo '--- both ways'
guest talk '' 'channel = [ "name=one,connection=pty", "name=two,connection=socket,path=/run/two.sock" ]'
xl create -e /tmp/talk.cfg || fail "create"
id=$(xl domid talk)
says talk 60 'guest: up' || fail "no sign of life in its log"
# shellcheck disable=SC2016 # the guest's shell
printf 'echo two-and-two-is-$((2 + 2))\r' | timeout 30 xl console talk 2>/tmp/err | grep -m 1 -F two-and-two-is-4 ||
	fail "no answer: $(cat /tmp/err)"
has_said talk two-and-two-is-4 || fail "the answer is not logged"
# Its own, without what it shares with others: libraries, when it is linked with them.
rss=$(awk '/RssAnon/ { print $2 }' "/proc/$(daemon_pid)/status")
echo "resident memory of its own with one guest: $rss kB"
[ "$rss" -lt 1024 ] || fail "resident memory: $rss kB"

grep -q '^CapEff:.*[1-9a-f]' "/proc/$(daemon_pid)/status" && fail "it has capabilities"
grep -q '^NoNewPrivs:.*1' "/proc/$(daemon_pid)/status" || fail "it may get new privileges"
grep -q '^Seccomp:.*2' "/proc/$(daemon_pid)/status" || fail "its system calls are not filtered"

echo '--- an emulated serial port'
bare serial hello 'vuart = "sbsa_uart"' 'on_poweroff = "preserve"'
xl create -q -e /tmp/serial.cfg || fail "create serial"
await 20 has $console/guest-serial-vuart0.log 'bits, device tree' || fail "nothing from the serial port: $(ls $console)"
await 20 has $console/guest-serial.log 'bits, device tree' || fail "nothing from the console beside it"
timeout 5 xl console -t vuart serial </dev/null 2>/tmp/err | grep -q 'bits, device tree' || fail "xl console -t vuart: $(cat /tmp/err)"
xl destroy serial || fail "destroy serial"

echo '--- killed and started again'
tty=$(tty_of "/local/domain/$id/console")
kill -9 "$(daemon_pid)"
start_daemon
again=$(tty_of "/local/domain/$id/console")
[ "$tty" = "$again" ] || fail "its terminal was $tty and is $again"
# shellcheck disable=SC2016
printf 'echo three-is-$((2 + 1))\r' | timeout 30 xl console talk 2>/tmp/err | grep -m 1 -F three-is-3 ||
	fail "no answer after a restart: $(cat /tmp/err)"

echo '--- channels'
tty=$(tty_of "/local/domain/$id/device/console/1")
timeout 30 head -n 1 <"$tty" >/tmp/channel &
printf 'echo over-the-channel >/dev/hvc1\r' >"$again"
await 20 has /tmp/channel over-the-channel || fail "channel as terminal: $(cat /tmp/channel)"
[ "$(xenstore-read "/local/domain/0/backend/console/$id/1/state")" = 4 ] || fail "channel: backend's state"
[ -S /run/two.sock ] || fail "channel as socket: no socket"

echo '--- a flood that nobody reads'
before=$(cpu_ticks)
# shellcheck disable=SC2016
printf 'yes 0123456789012345678901234567890123456789 | head -n 4000; echo flood-$((40 + 2))\r' >"$again"
says talk 90 flood-42 || fail "the flood does not end"
echo "the flood took the daemon $(($(cpu_ticks) - before)) ticks"
for file in guest-talk.log guest-talk.log.1; do
	size=$(wc -c <$console/$file)
	[ "$size" -le 102400 ] || fail "$file has $size bytes"
done
before=$(cpu_ticks)
sleep 2
[ $(($(cpu_ticks) - before)) -le 2 ] || fail "the daemon is busy with nothing"
timeout 5 xl console talk </dev/null 2>/dev/null >/tmp/out
has /tmp/out flood-42 || fail "a client that comes late misses the end: $(wc -c </tmp/out) bytes"

echo '--- logs that are moved away'
mv $console/guest-talk.log /tmp/old.log
kill -HUP "$(daemon_pid)"
await 5 [ -e $console/guest-talk.log ] || fail "no new log after SIGHUP"
# shellcheck disable=SC2016
printf 'echo fresh-$((1 + 1))\r' >"$again"
says talk 20 fresh-2 || fail "nothing in the new log"

echo '--- a client that waits for the guest to come back'
(timeout 120 xl console -r talk </dev/null >/tmp/waiting 2>/tmp/waiting.err) &
sleep 1
xl destroy talk || fail "destroy"
await 5 has /tmp/waiting.err waiting || fail "the client does not say that it waits: $(cat /tmp/waiting.err)"
[ ! -e /run/two.sock ] || fail "the socket is left"
xl console --last talk | grep -qF fresh-2 || fail "last words: $(xl console --last talk 2>&1 | tail -n 3)"
guest talk ''
xl create -e /tmp/talk.cfg || fail "create again"
await 60 has /tmp/waiting 'guest: up' || fail "the client is not attached again: $(cat /tmp/waiting.err)"
xl destroy talk || fail "destroy"
xl console --last nobody 2>/tmp/err && fail "last words of nobody"
has /tmp/err nobody || fail "last words of nobody: $(cat /tmp/err)"

echo '--- the hypervisor'
has $console/hypervisor.log 'Xen version' || has $console/hypervisor.log '(XEN)' || fail "hypervisor.log: $(wc -c <$console/hypervisor.log)"

kill "$(daemon_pid)"
await 5 has_ended /run/xc.pid || fail "the daemon does not end"
exit $failed
