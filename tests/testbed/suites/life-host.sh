# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --xen 4.17
# testbed-long: --xen 4.20
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# The host's side of guests' lives: the init scripts, eight commands at the same time, numbers that rest, a domain that cannot die.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

pid() {
	cat "/run/xen/$1.pid"
}

common() {
	/etc/init.d/xencommons "$@"
}

echo '--- the script that started the daemons knows how they are, and starts them again'
common status >/tmp/out || fail "status: $(cat /tmp/out)"
[ "$(grep -c 'is running (pid' /tmp/out)" = 3 ] || fail "status: $(cat /tmp/out)"
before="$(pid xenstored) $(pid xenconsoled) $(pid xlmonitor)"
common start || fail "start a second time"
[ "$before" = "$(pid xenstored) $(pid xenconsoled) $(pid xlmonitor)" ] || fail "a second start started something"
bare stay idle
xl create -q /tmp/stay.cfg || fail "create stay"
says stay 30 'idle: up' || fail "stay does not come up"
common restart || fail "restart"
after="$(pid xenstored) $(pid xenconsoled) $(pid xlmonitor)"
[ "${after%% *}" = "${before%% *}" ] || fail "restart took the store away: $before, $after"
[ "${after#* }" != "${before#* }" ] || fail "restart restarted nothing: $before, $after"
kill -9 "$(pid xlmonitor)"
knows_the_dead() {
	! common status >/tmp/out && grep -q 'xlmonitor is not running' /tmp/out
}
await 10 knows_the_dead || fail "status with a dead supervisor: $(cat /tmp/out)"
common start || fail "start of what is missing"
common status >/dev/null || fail "status after start"
common stop || fail "stop"
common status >/tmp/out && fail "status after stop: $(cat /tmp/out)"
[ "$(xl domid stay)" ] || fail "the guest went with the daemons"
common start || fail "start after stop"
xl destroy stay || fail "destroy stay"
common nonsense 2>/tmp/err && fail "nonsense is accepted"
[ "$(/etc/init.d/xendriverdomain status)" = 'xl devd is not running' ] || fail "status of the driver domain's script"

echo '--- guests that start and stop with the host'
mkdir -p /etc/xen/auto
guest first ''
bare second idle 'start_after = [ "first:store=control/feature-poweroff" ]'
mv /tmp/first.cfg /etc/xen/auto/20-first
mv /tmp/second.cfg /etc/xen/auto/10-second
/etc/init.d/xendomains start >/tmp/out 2>&1 || fail "xendomains start: $(cat /tmp/out)"
[ "$(xl domid second)" -gt "$(xl domid first)" ] || fail "second did not wait: $(xl list)"
/etc/init.d/xendomains status | grep -q second || fail "xendomains status"
echo 'XENDOMAINS_STOP_MAXWAIT=3' >/etc/default/xendomains
/etc/init.d/xendomains stop >/tmp/out 2>&1 || fail "xendomains stop: $(cat /tmp/out)"
grep -n 'stopped' /tmp/out | head -n 1 | grep -q second || fail "who waited does not stop first: $(cat /tmp/out)"
is_gone first || fail "first is left"
is_gone second || fail "second is left"
rm -r /etc/xen/auto

echo '--- eight at once'
free=$(xl info free_memory)
for n in 1 2 3 4 5 6 7 8; do
	bare "many$n" idle
done
at_once() { # COMMAND with %: all eight; the time they took, in hundredths of seconds
	t0=$(tr -d . </proc/uptime | cut -d ' ' -f 1)
	for n in 1 2 3 4 5 6 7 8; do
		eval "$(echo "$1" | sed "s/%/$n/g")" >/tmp/at-once.$n 2>&1 || echo "$?" >>/tmp/at-once.$n.failed &
	done
	wait
	t1=$(tr -d . </proc/uptime | cut -d ' ' -f 1)
	cat /tmp/at-once.*.failed 2>/dev/null && fail "$1: $(cat /tmp/at-once.?)"
	rm -f /tmp/at-once.*
	echo "$1: $((t1 - t0)) hundredths of a second"
}
for round in 1 2 3; do
	at_once 'xl create -q /tmp/many%.cfg'
	[ "$(xl list | grep -c '^many')" = 8 ] || fail "round $round: not eight: $(xl list)"
	at_once 'xl destroy many%'
	[ "$(xl list | grep -c '^many')" = 0 ] || fail "round $round: some are left: $(xl list)"
done
[ "$(xl info free_memory)" = "$free" ] || fail "memory: $free MiB before, $(xl info free_memory) after"
no_devices_left 'after eight at once'
left=$(xenstore-ls -f /libxl /vm | grep -E '^/libxl/[1-9]|^/vm/[^ ]*/name = "many')
[ -z "$left" ] || fail "left in the store: $left"

echo '--- one name for eight: one has it, seven are told so'
for n in 1 2 3 4 5 6 7 8; do
	xl create -q /tmp/many1.cfg 2>/tmp/same.$n && echo won >>/tmp/same.won &
done
wait
[ "$(cat /tmp/same.won)" = won ] || fail "not one: $(cat /tmp/same.won)"
[ "$(grep -l 'already in use' /tmp/same.? | wc -l)" = 7 ] || fail "not seven: $(cat /tmp/same.?)"
xl destroy many1 || fail "destroy many1"

echo '--- memory is promised once'
most=$((free * 6 / 10))
for n in 1 2; do
	sed "s/^memory.*/memory = $most/" /tmp/many$n.cfg >/tmp/large$n.cfg
done
for n in 1 2; do
	xl create -q -p /tmp/large$n.cfg 2>/tmp/large.$n.err || echo $n >>/tmp/large.failed &
done
wait
[ "$(wc -l </tmp/large.failed)" = 1 ] || fail "both or none: $(cat /tmp/large.?.err)"
grep -q 'MiB free.*; lower memory=' /tmp/large.?.err || fail "not for memory: $(cat /tmp/large.?.err)"
xl destroy "many$((3 - $(cat /tmp/large.failed)))" || fail "destroy the large one"
[ "$(xl info free_memory)" = "$free" ] || fail "memory: $free MiB before, $(xl info free_memory) after"
xl claims | grep -q Claimed || fail "claims"

echo '--- a number rests, and a domain whose page is held cannot go'
xl create -q /tmp/many1.cfg || fail "create many1"
id=$(xl domid many1)
says many1 30 'idle: up'
kill -STOP "$(pid xenconsoled)"
refused "still holds .*xl destroy $id" 1 xl destroy many1
xl list | awk -v id="$id" '$2 == id && $5 ~ /d/ { ok = 1 } END { exit !ok }' || fail "not dying: $(xl list)"
kill -CONT "$(pid xenconsoled)"
xl destroy "$id" 2>/tmp/err || grep -q "no domain" /tmp/err || fail "destroy once more: $(cat /tmp/err)"
is_gone "$id" || fail "it cannot go: $(xl list)"
grep -q " $id\$" /run/xen/domid-history || fail "its number does not rest: $(cat /run/xen/domid-history)"
xl create -q /tmp/many1.cfg || fail "create many1 again"
[ "$(xl domid many1)" != "$id" ] || fail "the same number at once"
xl destroy many1 || fail "destroy many1"
[ "$(xl info free_memory)" = "$free" ] || fail "memory: $free MiB before, $(xl info free_memory) after"
exit $failed
