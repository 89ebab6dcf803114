# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --passthrough /pl031@9010000 --boot-guest tests/testbed/suites/boot-web.cfg --boot-guest tests/testbed/suites/boot-late.cfg
# testbed-long: --xen 4.20 --passthrough /pl031@9010000 --boot-guest tests/testbed/suites/boot-web.cfg --boot-guest tests/testbed/suites/boot-late.cfg
# testbed-long: --timeout 600 --passthrough /pl031@9010000 --boot-guest tests/testbed/suites/boot-web.cfg --boot-guest tests/testbed/suites/boot-late.cfg --boot-guest tests/testbed/suites/boot-one.cfg --boot-guest tests/testbed/suites/boot-eight.cfg
# testbed-long: --timeout 600 --xen 4.20 --passthrough /pl031@9010000 --boot-guest tests/testbed/suites/boot-web.cfg --boot-guest tests/testbed/suites/boot-late.cfg --boot-guest tests/testbed/suites/boot-one.cfg --boot-guest tests/testbed/suites/boot-eight.cfg
# testbed-long: --timeout 600 --uboot --passthrough /pl031@9010000 --boot-guest tests/testbed/suites/boot-web.cfg --boot-guest tests/testbed/suites/boot-late.cfg
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# Guests that Xen started before dom0, Linux and one without an operating system, become guests like any other: every command
# works on them; the supervisor builds them again; the same configuration creates them again. With more guests (1 and 8 vcpus of
# Linux) where there is time.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

connected() { # GUEST KIND NUMBER
	[ "$(xenstore-read "/local/domain/0/backend/$2/$(xl domid "$1")/$3/state")" = 4 ]
}

has_memory() { # GUEST MIB
	[ "$(xl list "$1" | awk 'NR == 2 { print $3 }')" = "$2" ]
}

# ask GUEST COMMAND: what its shell answers
ask() {
	printf '%s; echo end-$((2 + 2))\r' "$2" | timeout 8 xl console "$1" 2>&1 | sed '/end-4/q'
}

# The board's clock, whose interrupt and registers it was given.
has_clock() { # GUEST
	ask "$1" 'cat /sys/class/rtc/rtc0/name' | grep -q rtc-pl031
}

dd if=/dev/zero of=/root/web.img bs=1M count=4 2>/dev/null
cp /root/web.img /root/more.img
bridge xenbr0

guests='web:2 late:8'
[ ! -e /etc/xen/boot/eight.cfg ] || guests="$guests one:1 eight:8"
# shellcheck disable=SC2086 # a list
set -- $guests

echo '--- taken in'
[ "$(xl list | grep -c '(null)')" = $# ] || fail "Xen started not $# guests: $(xl list)"
xl init-dom0less || fail "init-dom0less"
xl init-dom0less || fail "init-dom0less a second time"
domid=0
for guest; do
	domid=$((domid + 1))
	[ "$(xl domid "${guest%:*}")" = $domid ] || fail "names: $(xl list)"
	await 60 listens "${guest%:*}" || fail "${guest%:*} does not use its store ring"
	[ "$(xl vcpu-list "${guest%:*}" | tail -n +2 | wc -l)" = "${guest#*:}" ] || fail "vcpus: $(xl vcpu-list "${guest%:*}")"
done
[ "$(node late data/late)" = 'first words' ] || fail "what was said before anybody listened: $(node late data/late)"
xl vcpu-list web | awk '$3 == 1 && $7 == "1" { ok = 1 } END { exit !ok }' || fail "cpus: $(xl vcpu-list web)"
await 60 connected web vbd 51712 || fail "the disk of web"
await 60 connected web vif 0 || fail "the interface of web"

echo '--- consoles'
for guest; do
	[ "$guest" = late:8 ] || await 60 connected "${guest%:*}" console 9 || fail "console of ${guest%:*}"
done
await 60 has $console/guest-late.log 'late: served' || fail "console of late: $(cat $console/guest-late.log)"
# shellcheck disable=SC2016 # the guest's shell
counts_cpus() {
	ask web 'echo cpus-$(nproc)' | grep -q cpus-2
}
await 60 counts_cpus || fail "console of web: $(ask web nproc)"
await 60 has_clock web || fail "web has no clock: $(ask web 'dmesg | tail -n 3')"
xl dmesg | grep -q 'late: up' || fail "the UART of late: $(xl dmesg | tail -n 3)"

echo '--- commands'
xl pause web || fail "pause"
has_state web p || fail "not paused: $(xl list web)"
xl unpause web || fail "unpause"
xl vcpu-pin web 0 1 || fail "vcpu-pin"
xl vcpu-list web | awk '$3 == 0 && $7 == "1" { ok = 1 } END { exit !ok }' || fail "not pinned: $(xl vcpu-list web)"
xl mem-set web 160 || fail "mem-set"
await 60 has_memory web 160 || fail "memory: $(xl list web)"
xl mem-set web 192 || fail "mem-set back"
await 60 has_memory web 192 || fail "memory: $(xl list web)"
xl sysrq web h || fail "sysrq"
await 60 has $console/guest-web-console9.log 'sysrq: HELP' || fail "sysrq: $(tail -n 2 $console/guest-web-console9.log)"
xl network-attach web bridge=xenbr0 || fail "network-attach"
xl block-attach web /root/more.img,raw,xvdb,w || fail "block-attach"
await 60 connected web vif 1 || fail "the second interface of web"
await 60 connected web vbd 51728 || fail "the disk of web"
ask web 'ls /dev/xvdb /sys/class/net' | grep -q eth1 || fail "web does not see them: $(ask web ls)"
xl network-list web | grep -q ' 00:16:3e:' || fail "network-list: $(xl network-list web)"
xl block-detach web xvdb || fail "block-detach"
xl dump-core late /tmp/core || fail "dump-core"
head -c 4 /tmp/core | grep -q ELF || fail "the core is none"
grep -q 'late: the store refuses' /tmp/core || fail "the core has no memory"
xl list -l web | grep -q '"name": "web"' || fail "list -l"
xl uptime web | grep -q web || fail "uptime"

echo '--- rebooted and started again by the supervisor'
xl monitor || fail "monitor"
for guest in web late; do
	outdate $guest || fail "marking the old domain"
done
xl reboot web || fail "reboot"
xenstore-write "/local/domain/$(xl domid late)/data/crash" 1 || fail "crash"
await 60 is_fresh late || fail "no successor after a crash: $(xl list)"
await 60 is_fresh web || fail "no successor: $(xl list)"
await 60 has $console/guest-web.log 'guest: up' || fail "console of the successor"
outdate late
xl reboot late || fail "reboot of late"
await 60 is_fresh late || fail "no successor of late: $(xl list)"

echo '--- stopped, and created again from the same configuration'
xl shutdown web || fail "shutdown"
xl shutdown late || fail "shutdown of late"
for guest in web late; do
	await 60 is_gone $guest || fail "still there: $(xl list)"
	xl create -q /etc/xen/boot/$guest.cfg || fail "create $guest"
	await 60 listens $guest || fail "the created $guest does not come up"
done
await 60 connected web vbd 51712 || fail "the disk of the created guest"
await 60 has_clock web || fail "the created guest has no clock"
for guest; do
	xl destroy "${guest%:*}" || fail "destroy ${guest%:*}"
done
kill "$(cat /run/xen/xlmonitor.pid)"
exit $failed
