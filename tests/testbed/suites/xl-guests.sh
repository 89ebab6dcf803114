# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --mem 6144 --daemons stock
# testbed-long: --xen 4.20 --mem 6144 --daemons stock
# shellcheck shell=sh
# shellcheck disable=SC2016 # for the guest's shell
#
# Every kind of guest that there is an image for is made by our xl and does what it is there for. Its name puts it behind most others:
# the emulator brings the 32-bit kernel through best where nothing else is done meanwhile.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# config NAME LINES...
config() {
	{
		echo "name = \"$1\""
		shift
		printf '%s\n' "$@"
	} >"/tmp/guest.cfg"
}

has_crashed() { # NAME
	has_said "$1" 'Unable to handle kernel\|Internal error: Oops\|Attempted to kill'
}

# shellcheck disable=SC2317 # by way of await
has_ended() { # NAME TEXT
	has_said "$1" "$2" || has_crashed "$1"
}

limit=150
# runs NAME TEXT: create it, wait until it says so, end it. Whether it ended by itself is no matter.
runs() {
	rm -f "$console/guest-$1.log"
	if ! xl create -e --timing /tmp/guest.cfg >/tmp/create.out 2>&1; then
		fail "$1 is not created"
		cat /tmp/create.out
		return
	fi
	await $limit has_ended "$1" "$2"
	has_said "$1" "$2" || {
		fail "$1 does not say '$2'"
		tail -n 5 "$console/guest-$1.log"
	}
	echo "ran: $1 ($(grep -E '^hypercalls' /tmp/create.out))"
	xl destroy "$1" || fail "$1 is not destroyed"
}

run() {
	echo "extra = \"console=hvc0 quiet run=$(printf %s "$1" | base64 -w 0)\""
}

config hello32 'kernel = "/guests/hello32.bin"' 'memory = 4'
runs hello32 '^hello: 32 bits, device tree at 0x403ff000, magic d00dfeed'
# The emulator loses registers of a 32-bit kernel under a 64-bit hypervisor now and then when it is short of time, whichever
# toolstack made the guest: such a crash is not what is tested here. When it does nothing else, that is said.
until_sane() {
	failed_before=$failed limit=50 crashes=0
	for _ in 1 2 3; do
		failed=$failed_before
		runs "$1" "$2"
		[ $failed != "$failed_before" ] || break
		! has_crashed "$1" || crashes=$((crashes + 1))
	done
	limit=150
	if [ $failed != "$failed_before" ] && [ $crashes != 0 ]; then
		failed=$failed_before
		echo "$1: the emulator did not bring this kernel through; it crashed $crashes times"
	fi
}
config linux32 'kernel = "/guests/zImage"' 'ramdisk = "/guests/initrd32"' 'memory = 128' 'vcpus = 2' \
	"$(run 'echo cpus $(nproc)')"
until_sane linux32 '^cpus 2'
if [ "$(uname -m)" = aarch64 ]; then
	config hello64 'kernel = "/guests/hello64.bin"' 'image_format = "raw"' 'memory = 4'
	runs hello64 '^hello: 64 bits, device tree at 0x403ff000, magic d00dfeed'
	config elsewhere 'kernel = "/guests/hello64.bin"' 'image_format = "raw"' 'memory = 16' \
		'load_address = 0x40000000' 'entry_address = 0x40000000' 'vuart = "sbsa_uart"'
	runs elsewhere '^hello: 64 bits'

	config linux64 'kernel = "/guests/Image"' 'ramdisk = "/guests/initrd"' 'memory = 256' 'vcpus = 1' \
		"$(run 'echo cpus $(nproc)')"
	runs linux64 '^cpus 1'
	gzip -1 -c /guests/Image >/tmp/Image.gz
	config gzip64 'kernel = "/tmp/Image.gz"' 'ramdisk = "/guests/initrd"' 'memory = 256' 'vcpus = 4' \
		"$(run 'echo cpus $(nproc)')"
	runs gzip64 '^cpus 4'
	rm -f /tmp/Image.gz
	# More than the 3 GiB of the first bank: what the guest counts, the kernel's own taken off, is most of what it was given.
	config banks 'kernel = "/guests/Image"' 'ramdisk = "/guests/initrd"' 'memory = 3800' 'vcpus = 1' \
		"$(run 'ls /proc/device-tree | grep memory@2 && awk "/MemTotal/ && \$2 > 3600000 { print \"enough\" }" /proc/meminfo')"
	runs banks '^enough'
fi
xl list | grep -v '^Name\|^Domain-0' && fail "guests are left over"
exit $failed
