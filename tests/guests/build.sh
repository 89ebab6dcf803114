#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the bare-metal guests into OUT: NAME64.bin, headerless, for image_format="raw", and NAME32.bin with the zImage header,
# as far as there are compilers for them.
# Usage: build.sh OUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"

# one NAME BITS TRIPLET LOAD-ADDRESS FLAGS...
one() {
	name=$1$2
	bits=$2 triplet=$3 address=$4 source=$here/$1.c
	shift 4
	# shellcheck disable=SC2086 # one file or none
	"$triplet-gcc" "$@" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -fno-stack-protector -fno-pic \
		-fno-asynchronous-unwind-tables -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,--defsym="LOAD_ADDRESS=$address" \
		-T "$here/guest.lds" -o "$out/$name.elf" "$here/start$bits.S" "$here/guest.c" $more "$source"
	"$triplet-objcopy" -O binary "$out/$name.elf" "$out/$name.bin"
	rm -f "$out/$name.elf"
}

out=$1 more=
for guest in hello busy crash devices flood idle late message store_hostile store_storm; do
	if command -v aarch64-linux-gnu-gcc >/dev/null; then
		one "$guest" 64 aarch64-linux-gnu 0x40000000 -mgeneral-regs-only -mstrict-align -mno-outline-atomics
	fi
	if command -v arm-linux-gnueabihf-gcc >/dev/null; then
		one "$guest" 32 arm-linux-gnueabihf 0x40008000 -mcpu=cortex-a15 -marm -mfloat-abi=soft \
			-mno-unaligned-access
	fi
done
if command -v aarch64-linux-gnu-gcc >/dev/null; then
	for guest in latency smp; do
		more=$here/${guest}64.S
		one "$guest" 64 aarch64-linux-gnu 0x40000000 -mgeneral-regs-only -mstrict-align -mno-outline-atomics
	done
fi
