# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons stock
# testbed-long: --xen 4.20 --daemons stock
# shellcheck shell=sh
#
# The life of guests through our xl alone: created, seen, paused, asked, reached through the console, destroyed, and nothing of
# them left; and what is wrong is refused in one clear line.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

left_over() {
	xenstore-ls -f | grep -vE '^/(local/domain/0|local/pool|tool|libxl/0|vm/00000000)' |
		grep -vE '^/(local|local/domain|libxl|vm)? = ""' |
		grep -E . || find /var/lib/xen -name 'userdata-*' ! -name '*.0.*' | grep -E .
	xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '/[0-9]+ = '
}

echo '--- a guest from beginning to end'
guest life '' 'vcpus = 2'
xl create -e /tmp/life.cfg || fail "create"
id=$(xl domid life) || fail "domid"
[ "$(xl domname "$id")" = life ] || fail "domname"
timeout 60 xl console life </dev/null 2>/tmp/err | grep -m 1 'guest: up' || fail "console: $(cat /tmp/err)"
xl pause life || fail "pause"
has_state life ..p || fail "state when paused: $(xl list life)"
refused 'paused' 1 xl shutdown life
xl unpause life || fail "unpause"
has_state life ^..- || fail "state when unpaused: $(xl list life)"
xl rename life leben || fail "rename"
[ "$(xl domid leben)" = "$id" ] || fail "domid of the new name"
# shellcheck disable=SC2016 # for the guest's shell
{ sleep 1; printf 'echo bee$((40 + 2))p\r'; sleep 2; printf '\035'; } |
	timeout 60 xl console leben >/tmp/console || fail "console on a pipe"
grep -q bee42p /tmp/console || fail "the guest's shell did not answer: $(cat /tmp/console)"
[ ! -e /var/lock/xenconsole."$id" ] || fail "the console's lock stays"
xl uptime leben | grep -q leben || fail "uptime"
xl vcpu-list leben | grep -c '^leben' | grep -qx 2 || fail "vcpu-list"
xl shutdown -w leben 2>/tmp/err || fail "shutdown: $(cat /tmp/err)"
has_state leben ...s- || fail "state after shutdown: $(xl list leben)"
xl destroy leben || fail "destroy"
left_over && fail "something is left"

echo '--- reboot, crash: without a supervisor they stay to be looked at'
xl create -q -e /tmp/life.cfg || fail "create"
timeout 60 xl console life </dev/null | grep -m 1 -q 'guest: up' || fail "console"
xl reboot -w life 2>/dev/null || fail "reboot"
has_state life ...sr || fail "state after reboot: $(xl list life)"
xl destroy life || fail "destroy"

echo '--- many, and all of them asked at once'
for n in 1 2 3; do
	guest "many$n" ""
	xl create -q -e "/tmp/many$n.cfg" || fail "create many$n"
done
for n in 1 2 3; do
	timeout 60 xl console "many$n" </dev/null | grep -m 1 -q 'guest: up' || fail "console many$n"
done
xl shutdown -a -w 2>/dev/null || fail "shutdown -a"
for n in 1 2 3; do
	has_state "many$n" ...s- || fail "many$n: $(xl list "many$n")"
	xl destroy "many$n" || fail "destroy many$n"
done

echo '--- twenty times, and the memory is all there again'
before=$(xl info free_memory)
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	xl create -q -e -p /tmp/life.cfg || fail "create, round $n"
	xl destroy life || fail "destroy, round $n"
done
[ "$(xl info free_memory)" = "$before" ] || fail "free memory: $before before, $(xl info free_memory) after"
left_over && fail "something is left"

echo '--- the words of create'
xl create -n /tmp/life.cfg 2>/dev/null | grep -q '"name": "life",' || fail "create -n"
xl -N create /tmp/life.cfg 'name="other"' 2>/dev/null | grep -q '"name": "other",' || fail "key=value"
xl create -n - </tmp/life.cfg 2>/dev/null | grep -q '"name": "life",' || fail "create -"
mkfifo /tmp/fifo
cat /tmp/life.cfg >/tmp/fifo &
xl create -q -n -f /tmp/fifo || fail "create from a FIFO"
xl create -q -e -p --timing /tmp/life.cfg | grep -q '^hypercalls ' || fail "--timing"
xl list -l life | grep -q "\"domid\": $(xl domid life)," || fail "list -l"
xl check /tmp/life.cfg || fail "check"

echo '--- what is wrong is refused'
refused "life" 1 xl create -q /tmp/life.cfg
refused 'nosuch' 1 xl destroy nosuch
refused '4711' 1 xl destroy 4711
refused 'domain 0' 1 xl destroy Domain-0
refused "nosuch" 1 xl create -q /tmp/nosuch.cfg
refused "requires at least" 2 xl rename life
refused "unknown option" 2 xl list -Q
refused "a/b" 1 xl rename life a/b
refused "Domain-0" 1 xl rename life Domain-0
refused "not one letter" 1 xl sysrq life xx
refused "neither pv nor vuart" 2 xl console -t video life
refused "domain 0" 1 xl console 0
refused "escape" 2 xl console -e abc life
refused "nosuch" 1 xl info nosuch
refused "not implemented" 1 xl nosuch
refused "dryrun" 1 xl -N destroy life
refused "kernel" 1 xl create -q /dev/null 'name="x"'
printf 'name = "x"\nkernel = "/nonexistent"\n' >/tmp/x.cfg
refused "/nonexistent" 1 xl create -q -e /tmp/x.cfg
: >/tmp/empty
printf 'name = "x"\nkernel = "/tmp/empty"\n' >/tmp/x.cfg
refused "/tmp/empty" 1 xl create -q -e /tmp/x.cfg
guest x '' 'memory = 100000'
refused "memory" 1 xl create -q -e /tmp/x.cfg
xl domid x 2>/dev/null && fail "x is there"
xl destroy life || fail "destroy"
left_over && fail "something is left"

echo '--- without the store, without the hypervisor, without rights'
refused "xenstored" 1 env XENSTORED_PATH=/nonexistent xl list
mv /dev/xen/privcmd /dev/xen/away
umount -l /proc/xen
refused "privcmd" 1 xl list
mv /dev/xen/away /dev/xen/privcmd
exit $failed
