# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --passthrough /pl031@9010000 --daemons stock
# testbed-long: --xen 4.20 --passthrough /pl031@9010000 --daemons stock
# shellcheck shell=sh
#
# A real device, the board's PL031 clock, is given to a Linux guest, which drives it; while it is taken nobody else gets it, and
# afterwards it can be given again at once. What cannot be given is refused by name and leaves nothing behind.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# with_clock NAME: a Linux guest with the clock tells what it makes of it.
with_clock() {
	guest "$1" 'cat /sys/class/rtc/rtc0/name; grep rtc-pl031 /proc/interrupts; echo DONE' 'memory = 160' \
		'iomem = [ "0x9010,1" ]' 'irqs = [ 34 ]' 'device_tree = "/guests/rtc.dtb"'
	rm -f "$console/guest-$1.log"
	xl create -e "/tmp/$1.cfg" >/tmp/out 2>&1 || {
		fail "$1 is not created"
		cat /tmp/out
		return
	}
	says "$1" 150 ^DONE
	grep -q 'rtc-pl031 9010000.pl031' "$console/guest-$1.log" || {
		fail "$1 has no clock"
		tail -n 5 "$console/guest-$1.log"
	}
	grep 'rtc-pl031' "$console/guest-$1.log"
}

with_clock first
cannot 'domain [0-9]*: iomem "9010,1@9010": the pages .* are its already' 'iomem=["0x9010,1"]'
cannot 'domain [0-9]*: irqs: interrupt 34 is its already' 'irqs=[34]'
xl destroy first

bare again hello 'iomem=["0x9010,1@0x20000"]' 'irqs=[34]' 'device_tree="/guests/rtc.dtb"'
if xl create -q -e -p /tmp/again.cfg; then
	echo "given again"
	xl destroy again
else
	fail "the clock cannot be given again"
fi

head -c 300 /guests/rtc.dtb >/tmp/cut.dtb
cannot 'not a sound device tree blob' 'device_tree="/tmp/cut.dtb"'
cannot 'No such file' 'device_tree="/nowhere.dtb"'
cannot 'cover its RAM' 'iomem=["0x9010,1@0x40000"]'
cannot 'cover its interrupt controller' 'iomem=["0x9010,1@0x3001"]'
cannot 'cover its grant table' 'iomem=["0x9010,1@0x38000"]'
cannot 'cover its emulated UART' 'iomem=["0x9010,1@0x22000"]' 'vuart="sbsa_uart"'
cannot 'iomem' 'iomem=["0xfffffffffffff,1"]'
cannot 'Xen does not let dom0 give these pages away' 'iomem=["0x9000,1"]'
cannot 'also the interrupt of the emulated UART' 'irqs=[32]' 'vuart="sbsa_uart"'
cannot 'interrupt 900: Xen does not let dom0 give it away' 'irqs=[900]'
cannot 'needs an IOMMU, and Xen uses none' 'dtdev=["/pl031@9010000"]'
cannot 'does not let dom0 give these pages away' 'iomem=["0x40000,1@0x9010"]'
cannot "interrupt 33: Xen does not let dom0 give it away: Xen's own" 'irqs=[33]'
cannot 'is a private interrupt' 'irqs=[31]'
cannot 'past the last page' 'iomem=["0xfffffffff,1"]'

echo "--- keys of Arm: taken, or refused for a reason"
# takes SETTING...: a guest with this setting runs.
takes() {
	bare good hello "$@"
	rm -f "$console/guest-good.log"
	xl create -q -e /tmp/good.cfg || fail "$*: not created"
	says good 20 '^hello' || fail "$*: does not run"
	xl destroy good || fail "$*: is not destroyed"
}

takes 'gic_version = "v3"' 'nr_spis = 960' 'max_event_channels = 100' 'passthrough = "disabled"' 'tee = "none"'
takes 'vuart = "sbsa_uart"' 'irqs = [34]' 'nr_spis = 64' 'vcpus = 8'
cannot 'gic_version="v2" needs a GICv2, or a GICv3 that can act as one' 'gic_version = "v2"'
cannot 'interrupts from 992 on are beyond what Xen gives a guest' 'nr_spis = 961'
cannot 'tee= needs that trusted environment' 'tee = "optee"'
cannot 'tee= needs that trusted environment\|it takes Xen 4.18' 'tee = "ffa"'
cannot 'sve= needs processors with the scalable vector extension' 'sve = 256'
cannot 'evtchn\|event channel' 'max_event_channels = 1'
cannot 'llc_colors: .*it takes Xen 4.20\|does not colour its cache' 'llc_colors = ["0-3"]'
cannot 'passthrough= needs an IOMMU' 'passthrough = "enabled"'
cannot 'lead to a controller that is not in the tree' 'host_dtb = "/guests/overlay.dtbo"' 'devices = ["/fragment@0"]'

echo "--- overlays"
refused 'takes no overlays' 1 xl dt-overlay add /guests/overlay.dtbo
sed 's/^/  /' /tmp/err
refused 'takes no overlays\|attaches overlays to' 1 xl dt-overlay attach /guests/overlay.dtbo 0
sed 's/^/  /' /tmp/err
refused 'a device tree, but no overlay' 1 xl dt-overlay add /guests/rtc.dtb
refused 'not a sound device tree' 1 xl dt-overlay add /tmp/cut.dtb
refused 'No such file' 1 xl dt-overlay remove /nowhere.dtbo
refused 'none of add, remove and attach' 2 xl dt-overlay detach /guests/overlay.dtbo
exit $failed
