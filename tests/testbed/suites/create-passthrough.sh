# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --passthrough /pl031@9010000 --daemons stock
# shellcheck shell=sh
#
# A real device, the board's PL031 clock, is given to a Linux guest, which drives it; while it is taken nobody else gets it, and
# afterwards it can be given again at once. What cannot be given is refused by name and leaves nothing behind.
set -u
log=/var/log/xen/console
tiny=/guests/hello64.bin
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

refused() {
	text=$1
	shift
	printf '%s\n' 'name="bad"' "kernel=\"$tiny\"" 'image_format="raw"' 'memory=4' "$@" >/tmp/bad.cfg
	xl create -q -e -p /tmp/bad.cfg >/tmp/out 2>/tmp/err && {
		fail "created in spite of: $text"
		xl destroy bad
	}
	grep -q -- "$text" /tmp/err || fail "wanted '$text'"
	sed 's/^/  /' /tmp/err
	xl domid bad >/dev/null 2>&1 && fail "$text: the domain is left over"
}

# with_clock NAME: a Linux guest with the clock tells what it makes of it.
with_clock() {
	cat >"/tmp/$1.cfg" <<-END
	name = "$1"
	kernel = "/guests/Image"
	ramdisk = "/guests/initrd"
	memory = 160
	iomem = [ "0x9010,1" ]
	irqs = [ 34 ]
	device_tree = "/guests/rtc.dtb"
	extra = "console=hvc0 quiet run=$(echo 'cat /sys/class/rtc/rtc0/name; grep rtc-pl031 /proc/interrupts; echo DONE' | base64 -w 0)"
	END
	rm -f "$log/guest-$1.log"
	xl create -e "/tmp/$1.cfg" >/tmp/out 2>&1 || {
		fail "$1 is not created"
		cat /tmp/out
		return
	}
	tries=0
	until grep -q '^DONE' "$log/guest-$1.log" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || break
		sleep 1
	done
	grep -q 'rtc-pl031 9010000.pl031' "$log/guest-$1.log" || {
		fail "$1 has no clock"
		tail -n 5 "$log/guest-$1.log"
	}
	grep 'rtc-pl031' "$log/guest-$1.log"
}

with_clock first
refused 'domain [0-9]*: iomem "9010,1@9010": the pages .* are its already' 'iomem=["0x9010,1"]'
refused 'domain [0-9]*: irqs: interrupt 34 is its already' 'irqs=[34]'
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
refused 'not a sound device tree blob' 'device_tree="/tmp/cut.dtb"'
refused 'No such file' 'device_tree="/nowhere.dtb"'
refused 'cover its RAM' 'iomem=["0x9010,1@0x40000"]'
refused 'cover its interrupt controller' 'iomem=["0x9010,1@0x3001"]'
refused 'cover its grant table' 'iomem=["0x9010,1@0x38000"]'
refused 'cover its emulated UART' 'iomem=["0x9010,1@0x22000"]' 'vuart="sbsa_uart"'
refused 'iomem' 'iomem=["0xfffffffffffff,1"]'
refused 'Xen does not let dom0 give these pages away' 'iomem=["0x9000,1"]'
refused 'also the interrupt of the emulated UART' 'irqs=[32]' 'vuart="sbsa_uart"'
refused 'interrupt 900' 'irqs=[900]'
refused 'IOMMU' 'dtdev=["/pl031@9010000"]'
exit $failed
