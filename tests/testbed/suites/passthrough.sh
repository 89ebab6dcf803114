# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --passthrough /pl031@9010000 --passthrough /pl061@9030000 --daemons stock
# testbed: --xen 4.20 --passthrough /pl031@9010000 --passthrough /pl061@9030000 --daemons stock
# shellcheck shell=sh
#
# Devices named by their node in the host's tree: one line in guest.cfg, and Linux drives the board's clock and GPIO controller. Which can be
# had, who has them, and why not the others; what is taken is had by nobody else, and after destroy by the next one at once.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
rtc=/pl031@9010000 gpio=/pl061@9030000

state() { # NODE: as the list has it
	xl passthrough list | awk -v node="$1" '$1 == node { print $2 }'
}

echo "--- what there is"
xl passthrough list | cut -c 1-180 | grep -v 'virtio_mmio@a000[2-9a-f]\|virtio_mmio@a00[1-3]'
[ "$(state $rtc)" = free ] || fail "the clock is not free: $(state $rtc)"
[ "$(state $gpio)" = free ] || fail "the GPIO controller is not free: $(state $gpio)"
[ "$(state /virtio_mmio@a000000)" = no ] || fail "virtio: $(state /virtio_mmio@a000000)"
xl passthrough list --json >/tmp/list.json || fail "no JSON"
grep -q '"path": "/pl031@9010000"' /tmp/list.json || fail "JSON has no clock"
echo "--- what a guest is told"
xl passthrough show rtc0=$rtc $gpio >/tmp/show.dts || fail "nothing to show"
cat /tmp/show.dts
grep -q 'iomem = \[ "0x9010,1@0x9010", "0x9030,1@0x9030" \]' /tmp/show.dts || fail "not the pages"
grep -q 'irqs = \[ 34, 39 \]' /tmp/show.dts || fail "not the interrupts"

echo "--- Linux drives them"
# shellcheck disable=SC2016 # for the guest's shell
guest clock 'cat /sys/class/rtc/rtc0/name; grep rtc-pl031 /proc/interrupts; cat /proc/device-tree/aliases/rtc0; echo
	ls /sys/bus/amba/drivers/pl061_gpio /sys/class/gpio 2>/dev/null; grep . /sys/bus/gpio/devices/gpiochip0/of_node/name
	for i in 1 2 3; do cat /sys/class/rtc/rtc0/since_epoch; sleep 1; done; echo DONE' \
	"devices = [ \"rtc0=$rtc\", \"$gpio\" ]"
xl create -q -e /tmp/clock.cfg || fail "clock is not created"
says clock 60 '^DONE' || fail "clock does not come to its end"
said clock | grep -v '^\[' | tail -n 14
has_said clock 'rtc-pl031 9010000.pl031' || fail "no clock in the guest"
has_said clock '^/passthrough/pl031@9010000' || fail "no alias in the guest"
has_said clock '^9030000.pl061' || fail "no GPIO controller in the guest"
[ "$(state $rtc)" = taken ] || fail "the clock is not taken: $(state $rtc)"
xl passthrough list | grep "^$rtc" | grep -q 'domain [0-9]* (clock) has it' || fail "no owner named"

echo "--- nobody else gets them"
cannot 'domain [0-9]*: iomem .* are its already' "devices = [ \"$rtc\" ]"
cannot 'domain [0-9]*: iomem "9030,1@9030": the pages .* are its already' 'iomem = [ "0x9030,1" ]'
cannot 'domain [0-9]*: irqs: interrupt 39 is its already' 'irqs = [ 39 ]'
xl destroy clock || fail "clock is not destroyed"

echo "--- at once the next one's, again and again"
for i in 1 2 3 4 5; do
	bare next$i hello "devices = [ \"$rtc\", \"$gpio\" ]"
	xl create -q -e -p /tmp/next$i.cfg || fail "round $i: not given again"
	xl list -l next$i | grep -q '"start": 36880' || fail "round $i: not in the configuration"
	xl destroy next$i
done
[ "$(state $rtc)" = free ] || fail "the clock is not free again: $(state $rtc)"

echo "--- a guest that starts again has them again"
bare phoenix devices "devices = [ \"$rtc\", \"$gpio\" ]" 'on_poweroff = "restart"' 'restart_limit = 2'
xl create -q /tmp/phoenix.cfg || fail "phoenix is not created"
# shellcheck disable=SC2317 # await calls it
lives() {
	[ "$(said phoenix 2>/dev/null | grep -c 'clock at 0x9010000 id 31')" -ge 3 ]
}
await 40 lives || fail "phoenix: $(said phoenix)"
has_said phoenix 'gpio at 0x9030000 id 61, pins follow' || fail "phoenix: no GPIO"
xl destroy phoenix 2>/dev/null
await 10 is_gone phoenix || fail "phoenix is left over"

echo "--- what cannot be had"
cannot 'shares a page with /virtio_mmio@' 'devices = [ "/virtio_mmio@a000000" ]'
cannot 'accesses memory by itself' 'force_shared_page = 1' 'devices = [ "/virtio_mmio@a000000" ]'
cannot 'has no node /nothing' 'devices = [ "/nothing" ]'
cannot 'write .NAME=./PATH' 'devices = [ "pl031@9010000" ]'
cannot 'no registers in memory' 'devices = [ "/apb-pclk" ]'
cannot "the name 'A B'" "devices = [ \"A B=$rtc\" ]"
cannot 'a part of the machine itself' 'devices = [ "/hypervisor" ]'
cannot 'is part of, another device' "devices = [ \"$rtc\", \"$rtc\" ]"
xl passthrough list | awk '$2 == "dom0" { print $1; exit }' >/tmp/dom0dev
[ ! -s /tmp/dom0dev ] || cannot 'dom0' "devices = [ \"$(cat /tmp/dom0dev)\" ]"
head -c 400 /guests/rtc.dtb >/tmp/cut.dtb
cannot 'not a sound device tree blob' "devices = [ \"$rtc\" ]" 'host_dtb = "/tmp/cut.dtb"'
cannot 'not a sound device tree blob' "devices = [ \"$rtc\" ]" 'host_dtb = "/guests/initrd"'
cannot 'Is a directory\|No such file' "devices = [ \"$rtc\" ]" 'host_dtb = "/nowhere.dtb"'
xl dmesg | grep 'already used\|panic' | head -n 3

echo "--- the raw tree of the host from a file, and with a hand-written part"
cp /sys/firmware/fdt /tmp/host.dtb
bare file hello "devices = [ \"$gpio\" ]" 'host_dtb = "/tmp/host.dtb"' 'device_tree = "/guests/rtc.dtb"' \
	'iomem = [ "0x9010,1" ]' 'irqs = [ 34 ]'
xl create -q -e -p /tmp/file.cfg || fail "not from a file"
xl destroy file
xl dt-overlay add /tmp/host.dtb 2>&1 | sed 's/^/  /'
exit $failed
