# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --xen 4.17
# testbed-long: --xen 4.20
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# Nothing is lost: daemons killed at any moment of a guest's restart, every reason to end, a full disk under the logs, a guest that does not
# answer, and a core dump in which everything lies where it was.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

hundredths() {
	tr -d . </proc/uptime | cut -d ' ' -f 1
}

has_ended() { # DAEMON
	[ "$(cat "/proc/$(cat "/run/xen/$1.pid")/comm" 2>/dev/null)" != "$1" ]
}

# ends NAME WORD SETTING...: a guest that ends at once, for the reason of that word
ends() {
	ends_name=$1 ends_word=$2
	shift 2
	bare "$ends_name" crash "extra = \"end=$ends_word\"" "$@"
}

free=$(xl info free_memory)

echo '--- every reason to end'
ends a poweroff 'on_poweroff = "preserve"'
ends b watchdog 'on_watchdog = "preserve"'
ends c soft-reset 'restart_limit = 1'
ends d reboot 'restart_limit = 2'
ends e watchdog 'on_watchdog = "rename-restart"' 'restart_limit = 1'
for n in a b c d e; do
	xl create -q /tmp/$n.cfg || fail "create $n"
done
await 20 has_state a 's--' || fail "poweroff, preserved: $(xl list a)"
await 20 has_state b sw || fail "watchdog, preserved: $(xl list b)"
# Restarted, and when the limit is reached, destroyed. Between two lives nobody has the name either.
has_lived() { # NAME TIMES
	[ "$(said "$1" | grep -c 'last words')" = "$2" ] && is_gone "$1"
}
await 30 has_lived c 2 || fail "soft-reset: not two lives in its log, or there: $(said c; xl list)"
await 30 has_lived d 3 || fail "reboot: not three lives in its log, or there: $(said d; xl list)"
await 30 has_lived e 2 || fail "rename-restart: not two lives in its log, or there: $(said e; xl list)"
old=$(xl list | awk '$1 ~ /^e-/ { print $1 }')
has_state "$old" sw || fail "rename-restart: $(xl list)"
for n in a b "$old"; do
	xl destroy "$n" || fail "destroy $n"
done

echo '--- killed at any moment of a restart'
ends again reboot 'restart_limit = 1000'
xl create -q /tmp/again.cfg || fail "create again"
last=0 begun=0
for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
	await 30 has_id_above again "$last" || fail "round $n: no successor of domain $last: $(xl list) $(ls /run/xen/restart)"
	# No pause before the next, and no help from it: what it counted is taken away.
	last=$id
	xenstore-rm "/libxl/$last/restarts" 2>/dev/null
	usleep $((n * 17000))
	case $((n % 3)) in
	0 | 1) killall -9 xl ;;
	2)
		kill -9 "$(cat /run/xen/xenstored.pid)" "$(cat /run/xen/xenconsoled.pid)"
		await 5 has_ended xenstored || fail "round $n: kill -9 does not end the store"
		await 5 has_ended xenconsoled || fail "round $n: kill -9 does not end the console daemon"
		;;
	esac
	begun=$((begun + $(find /run/xen/restart -name '*-*' | wc -l)))
	/etc/init.d/xencommons start || fail "round $n: the daemons do not start"
done
echo "$begun restarts were under way when something was killed"
await 30 has_id_above again "$last" || fail "no successor in the end: $(xl list)"
for _ in 1 2 3 4 5; do
	xl destroy again 2>/tmp/err && break
done
is_gone again || fail "it cannot be ended: $(cat /tmp/err)"
usleep 700000
is_gone again || fail "it came back after it was destroyed"
[ -z "$(find /run/xen/restart -name '*-*')" ] || fail "records are left: $(ls /run/xen/restart)"
[ "$(xl info free_memory)" = "$free" ] || fail "memory: $free MiB before, $(xl info free_memory) after: $(xl list)"
no_devices_left 'after the kills'

echo '--- a guest that does not answer, and many asked at once'
for n in 1 2 3; do
	bare mute$n idle
	xl create -q /tmp/mute$n.cfg || fail "create mute$n"
done
guest ears ''
xl create -q /tmp/ears.cfg || fail "create ears"
says ears 60 'guest: up' || fail "ears does not come up"
start=$(hundredths)
xl shutdown -a -w -t 4 >/tmp/out 2>&1 && fail "shutdown of the mute: $(cat /tmp/out)"
took=$(($(hundredths) - start))
[ "$(grep -c 'did not answer within 4 s' /tmp/out)" = 3 ] || fail "not three: $(cat /tmp/out)"
grep -q 'has been' /tmp/out || fail "the one that hears did not end: $(cat /tmp/out)"
[ $took -lt 1000 ] || fail "asked one after the other: $took hundredths of a second"
refused 'did not answer within 1 s' 1 xl reboot -t 1 mute1
[ -z "$(xenstore-read "/local/domain/$(xl domid mute1)/control/shutdown")" ] || fail "the question stands"
xl trigger mute1 reset 2>/tmp/err && fail "trigger"
grep -q "xl reboot" /tmp/err || fail "trigger: $(cat /tmp/err)"
refused 'Invalid button' 1 xl button-press mute1 nmi
[ "$(xl uptime mute1 | grep -c mute1)" = 1 ] || fail "uptime: $(xl uptime mute1)"

echo '--- the configuration of the next life'
ends twin reboot 'on_reboot = "preserve"'
xl create -q /tmp/twin.cfg || fail "create twin"
await 20 has_state twin sr || fail "twin: $(xl list)"
xl config-update twin /tmp/mute1.cfg 'name = "twin"' 'on_reboot = "preserve"' 2>/tmp/err || fail "config-update: $(cat /tmp/err)"
grep -q 'setting dom' /tmp/err || fail "config-update: $(cat /tmp/err)"
refused 'nosuch' 1 xl config-update twin /tmp/nosuch.cfg
xl destroy twin || fail "destroy twin"
guest next ''
xl create -q /tmp/next.cfg || fail "create next"
says next 60 'guest: up' || fail "next does not come up"
xl config-update next /tmp/mute2.cfg 'name = "next"' 2>/dev/null || fail "config-update next"
first=$(xl domid next) uuid=$(xl list -v next | awk 'NR == 2 { print $7 }')
xl reboot next || fail "reboot next"
await 30 has_id_above next "$first" || fail "no successor of next: $(xl list)"
says next 20 'idle: up' || fail "next does not have its new kernel: $(said next | tail -n 3)"
[ "$(xl list -v next | awk 'NR == 2 { print $7 }')" = "$uuid" ] || fail "the uuid did not stay"
for n in mute1 mute2 mute3 next; do
	xl destroy $n || fail "destroy $n"
done
is_gone ears || xl destroy ears

echo '--- what lies where in a core dump'
bare core crash 'on_crash = "preserve"'
xl create -q /tmp/core.cfg || fail "create core"
await 20 has_state core sc || fail "core: $(xl list)"
xl dump-core core /tmp/core.elf || fail "dump-core"
# The program headers of an ELF64 core: 56 bytes each from 64 on; type, flags, offset, virtual, physical address, size in the file.
word() { # OFFSET BYTES
	od -A n -t "u$2" -j "$1" -N "$2" /tmp/core.elf | tr -d ' '
}
if [ $bits = 64 ]; then
	nr=$(word 56 2) seen=''
	for i in $(seq 0 $((nr - 1))); do
		at=$((64 + 56 * i))
		[ "$(word $at 4)-$(word $((at + 24)) 8)" = 1-1073741824 ] || continue
		seen=1
		# The image was loaded at the start of memory, and its code has not changed since.
		dd if=/tmp/core.elf bs=4096 skip=$(($(word $((at + 8)) 8) / 4096)) count=1 2>/dev/null | head -c 1024 >/tmp/in.core
		head -c 1024 /guests/crash64.bin | cmp - /tmp/in.core || fail "the first bytes of memory are not the kernel's"
		[ "$(word $((at + 32)) 8)" -ge 33554432 ] || fail "not 32 MiB: $(word $((at + 32)) 8)"
	done
	[ -n "$seen" ] || fail "no segment at 0x40000000"
fi
xl destroy core || fail "destroy core"

echo '--- a full disk under the logs'
/etc/init.d/xencommons stop
mount -t tmpfs -o size=64k tmpfs $console
head -c 60000 /dev/zero >$console/filler
/etc/init.d/xencommons start || fail "start with a full disk"
bare noisy flood
xl create -q /tmp/noisy.cfg || fail "create with a full disk"
await 60 sh -c "timeout 2 xl console noisy </dev/null 2>/dev/null | grep -q 'flood: done'" || fail "the console does not go on"
rm $console/filler
bare late idle
xl create -q /tmp/late.cfg || fail "create late"
says late 20 'idle: up' || fail "no log after there was room again: $(ls -l $console)"
xl destroy noisy || fail "destroy noisy"
xl destroy late || fail "destroy late"
xl console --last noisy | grep -q 'flood: done' || fail "the last words are lost with the disk"
/etc/init.d/xencommons stop
umount $console
/etc/init.d/xencommons start || fail "start in the end"

[ "$(xl info free_memory)" = "$free" ] || fail "memory: $free MiB before, $(xl info free_memory) after: $(xl list)"
exit $failed
