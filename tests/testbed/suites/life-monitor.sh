# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --xen 4.17
# testbed: --xen 4.20
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# The supervisor: every on_* action on real deaths of real guests, deaths it slept through, and the order of autostart.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

monitor_pid() {
	cat /run/xen/xlmonitor.pid
}

echo '--- poweroff destroys, reboot starts again'
guest off 'poweroff -f'
xl create /tmp/off.cfg || fail "create off"
await 90 is_gone off || fail "a guest that powered off is still there: $(xl list)"
guest again 'true'
xl create /tmp/again.cfg || fail "create again"
first=$(xl domid again)
uuid=$(xl list -v again | awk 'NR == 2 { print $7 }')
timeout 60 xl console again </dev/null | grep -q -m 1 'guest: up' || fail "again does not come up"
xl reboot again || fail "reboot"
await 90 has_id_above again "$first" || fail "no successor after reboot: $(xl list)"
[ "$(xl list -v again | awk 'NR == 2 { print $7 }')" = "$uuid" ] || fail "the successor has another uuid"

echo '--- the supervisor is killed and started again: it finds the death it missed'
second=$(xl domid again)
kill -9 "$(monitor_pid)"
timeout 60 xl console again </dev/null | grep -q -m 1 'guest: up' || fail "the successor does not come up"
xl reboot again || fail "reboot without a supervisor"
await 90 has_state again s || fail "the guest did not shut down: $(xl list)"
xl monitor || fail "xl monitor does not start again"
await 90 has_id_above again "$second" || fail "the missed death was not carried out: $(xl list)"
xl destroy again || fail "destroy again"

echo '--- crash: preserve, rename-restart, restart with a limit, core dump'
is_core() { # FILE
	head -c 4 "$1" | grep -q ELF || fail "$1 is no ELF file"
	[ "$(stat -c %s "$1")" -ge 16777216 ] || fail "$1 does not hold 16 MiB"
	grep -qa 'crash: these are the last words' "$1" || fail "$1 does not hold what the guest wrote"
	rm -f "$1"
}

bare keep crash 'memory = 16' 'on_crash = "preserve"'
xl create -q /tmp/keep.cfg || fail "create keep"
await 90 has_state keep sc || fail "the crashed guest is not there: $(xl list)"
xl dump-core keep /tmp/keep.core || fail "dump-core"
is_core /tmp/keep.core
xl destroy keep || fail "destroy keep"

# Between the renaming and the successor there is nobody of that name either: two must have spoken.
has_ended_twice() {
	[ "$(said twice | grep -c 'last words')" -ge 2 ] && is_gone twice
}
bare twice crash 'memory = 16' 'on_crash = "rename-restart"' 'restart_limit = 1'
xl create -q /tmp/twice.cfg || fail "create twice"
await 90 has_ended_twice || fail "restart_limit = 1: still there: $(xl list)"
old=$(xl list | awk '$1 ~ /^twice-/ { print $1 }')
[ "$(echo "$old" | wc -w)" = 1 ] || fail "one old domain expected: $(xl list)"
has_state "$old" sc || fail "the old domain did not keep its state"
xl destroy "$old" || fail "destroy $old"

bare core crash 'memory = 16' 'on_crash = "coredump-destroy"'
xl create -q /tmp/core.cfg || fail "create core"
await 90 is_gone core || fail "coredump-destroy: still there: $(xl list)"
is_core /var/lib/xen/dump/core

# Of one whose balloon gave memory back: holes, and the rest where it was.
guest ballooned 'echo ready-ballooned' 'memory = 256'
xl create -q -e /tmp/ballooned.cfg || fail "create ballooned"
says ballooned 60 '^ready-ballooned' || fail "ballooned does not come up"
xl mem-set ballooned 160 || fail "mem-set"
is_small() {
	[ "$(xl list ballooned | awk 'NR == 2 { print $3 }')" -le 161 ]
}
await 60 is_small || fail "ballooned keeps its memory: $(xl list ballooned)"
xl dump-core ballooned /tmp/ballooned.core || fail "dump-core of what a balloon left"
[ "$(stat -c %s /tmp/ballooned.core)" -ge 268435456 ] || fail "a core of $(stat -c %s /tmp/ballooned.core) bytes"
grep -qa 'ready-ballooned' /tmp/ballooned.core || fail "the core does not hold what the guest wrote"
rm -f /tmp/ballooned.core
xl destroy ballooned || fail "destroy ballooned"

echo '--- create -F stays until the guest is gone for good'
guest front 'poweroff -f'
timeout 60 xl create -F /tmp/front.cfg || fail "create -F: $?"
is_gone front || fail "create -F left the guest"

echo '--- autostart: order, conditions, stop'
mkdir -p /tmp/auto
guest early 'true'
guest late 'true' 'start_after = [ "early:store=device/suspend/event-channel", "early:console=guest: up" ]'
mv /tmp/early.cfg /tmp/auto/20-early.cfg
mv /tmp/late.cfg /tmp/auto/10-late.cfg
xl autostart show /tmp/auto | awk '{ print $1, $2 }' | tr '\n' ';' >/tmp/order
grep -q '0 early;1 late;' /tmp/order || fail "order: $(cat /tmp/order)"
xl autostart -t 60 start /tmp/auto || fail "autostart"
[ "$(xl domid late)" -gt "$(xl domid early)" ] || fail "late started first"
xl autostart -t 60 stop /tmp/auto || fail "autostart stop"
for name in early late; do
	is_gone $name || fail "autostart stop left $name: $(xl list)"
done

echo '--- nothing stays behind'
left=$(xenstore-ls -f /libxl | grep -vE '^/libxl/0|^/libxl = ')
[ -z "$left" ] || fail "left in the store: $left"
[ -z "$(find /var/lib/xen -name 'userdata-*' ! -name 'userdata-?.0.*')" ] || fail "left: $(ls /var/lib/xen)"
kill "$(monitor_pid)"

exit $failed
