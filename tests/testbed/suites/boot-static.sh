# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --xen 4.20-static --boot-guest tests/testbed/suites/boot-left.cfg --boot-guest tests/testbed/suites/boot-right.cfg --boot-guest tests/testbed/suites/boot-fixed.cfg --boot-pool tests/testbed/suites/boot-apart.cfg
# testbed: --xen 4.17-static --boot-guest tests/testbed/suites/boot-left.cfg --boot-guest tests/testbed/suites/boot-right.cfg --boot-guest tests/testbed/suites/boot-fixed.cfg --boot-pool tests/testbed/suites/boot-apart.cfg
# testbed-long: --uboot --xen 4.20-static --boot-guest tests/testbed/suites/boot-left.cfg --boot-guest tests/testbed/suites/boot-right.cfg --boot-guest tests/testbed/suites/boot-fixed.cfg --boot-pool tests/testbed/suites/boot-apart.cfg
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# What only a boot can set up: memory at fixed places of the machine, with its own addresses or not, an event channel and memory
# between two guests, a pool of pcpus. dom0 then manages what there is as far as Xen lets it.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

xen_says() { # WORDS
	xl dmesg | grep -q -- "$1"
}

echo '--- taken in'
[ "$(xl list | grep -c '(null)')" = 3 ] || fail "Xen started not three guests: $(xl list)"
xl init-dom0less || fail "init-dom0less"
[ "$(xl domid left) $(xl domid right) $(xl domid fixed)" = '1 2 3' ] || fail "names: $(xl list)"
await 60 xen_says 'DOM1: late: port 10 leads to port 11 of domain 2' || fail "the event channel of left"
await 60 xen_says 'DOM2: late: port 11 leads to port 10 of domain 1' || fail "the event channel of right"
await 60 xen_says 'DOM1: late: met' || fail "shared memory of left"
await 60 xen_says 'DOM2: late: met' || fail "shared memory of right"
await 60 xen_says 'DOM3: guest: up' || fail "fixed does not come up"
for guest in left right; do
	await 60 listens $guest || fail "$guest does not use its store ring: $(xenstore-ls "/local/domain/$(xl domid $guest)" | head -n 12)"
done
xl cpupool-list | grep -q '^apart  *1 ' || fail "the pool: $(xl cpupool-list)"
xl list -c left | grep -q apart || fail "left's pool: $(xl list -c left)"

echo '--- as far as it goes without a store ring'
xl pause fixed || fail "pause"
xl unpause fixed || fail "unpause"
xl vcpu-pin fixed 0 0 || fail "vcpu-pin"
refused 'no store ring' 1 xl shutdown fixed
xl destroy fixed || fail "destroy"

echo '--- rebooted and created again, anywhere in memory'
xl monitor || fail "monitor"
outdate left
xl reboot left || fail "reboot"
await 60 is_fresh left || fail "no successor: $(xl list)"
xl list -c left | grep -q apart || fail "left's pool after its reboot: $(xl list -c left)"
xl destroy right || fail "destroy right"
xl create -q /etc/xen/boot/right.cfg || fail "create right"
await 60 listens right || fail "the created guest does not come up"
for guest in left right; do
	xl destroy $guest || fail "destroy $guest"
done
kill "$(cat /run/xen/xlmonitor.pid)"
exit $failed
