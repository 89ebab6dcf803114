# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --passthrough /pl031@9010000 --daemons stock
# shellcheck shell=sh
#
# A real device, the board's PL031 clock, is given to a Linux guest, which drives it; while it is taken nobody else gets it, and
# afterwards it can be given again at once. What cannot be given is refused by name and leaves nothing behind.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
tiny=/guests/hello64.bin

# cannot TEXT SETTING...: a guest with this setting is not made, and create says TEXT.
cannot() {
	text=$1
	shift
	printf '%s\n' 'name="bad"' "kernel=\"$tiny\"" 'image_format="raw"' 'memory=4' "$@" >/tmp/bad.cfg
	refused "$text" 1 xl create -q -e -p /tmp/bad.cfg
	sed 's/^/  /' /tmp/err
	is_gone bad || {
		fail "$text: the domain is left over"
		xl destroy bad
	}
}

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

printf '%s\n' 'name="again"' "kernel=\"$tiny\"" 'image_format="raw"' 'memory=4' 'iomem=["0x9010,1@0x20000"]' 'irqs=[34]' \
	'device_tree="/guests/rtc.dtb"' >/tmp/again.cfg
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
cannot 'interrupt 900' 'irqs=[900]'
cannot 'IOMMU' 'dtdev=["/pl031@9010000"]'
exit $failed
