# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # the variables that "run" sets
#
# The machine as a board: U-Boot loads Xen and all that it starts from a disk, and runs the script that our own
# `xl export-dt` made for the guests.
tb_at_xen=0x49000000
tb_at_tree=0x4c000000
tb_at_script=0x4d000000

# tb_uboot: prints the folder with Debian's U-Boot for this machine.
tb_uboot() {
	tb_entry uboot u-boot-qemu tb_make_tree arm64 bookworm u-boot-qemu
}

# tb_uboot_script: what the board's own script does, and where in it the guests' has its place.
tb_uboot_script() {
	tb_load='load ${devtype} ${devnum}:${distro_bootpart}'
	echo "setenv fdt_addr_r $tb_at_tree"
	echo "$tb_load $tb_at_tree machine.dtb"
	tb_n=0
	for tb_loader in $tb_loaders; do
		case $tb_loader in
		loader,*) ;;
		*) continue ;;
		esac
		tb_n=$((tb_n + 1))
		tb_file=${tb_loader#*file=}
		tb_address=${tb_loader#*addr=}
		cp "${tb_file%%,*}" "$work/disk/module$tb_n"
		echo "$tb_load ${tb_address%%,*} module$tb_n"
	done
	if [ -e "$work/disk/guests.scr" ]; then
		echo "$tb_load $tb_at_script guests.scr"
		echo "source $tb_at_script"
	fi
	echo "$tb_load $tb_at_xen xen"
	echo "booti $tb_at_xen - $tb_at_tree"
}

# tb_uboot_machine: makes the disk, and sets $tb_start to the arguments that have QEMU start from it.
tb_uboot_machine() {
	tb_need mkimage u-boot-tools
	tb_need mke2fs e2fsprogs
	tb_bios=$(tb_uboot)/usr/lib/u-boot/qemu_arm64/u-boot.bin || return 1
	mkdir -p "$work/disk"
	cp -L "$boot/xen" "$work/disk/xen"
	cp "$tb_dtb" "$work/disk/machine.dtb"
	tb_uboot_script >"$work/boot.cmd"
	mkimage -A arm64 -T script -d "$work/boot.cmd" "$work/disk/boot.scr" >/dev/null || return 1
	tb_size=$(du -s -m "$work/disk" | cut -f 1)
	mke2fs -q -t ext2 -b 4096 -d "$work/disk" "$work/disk.img" "$((tb_size + tb_size / 8 + 16))m" || return 1
	rm -rf "$work/disk"
	tb_start="-bios $tb_bios -drive if=none,id=disk,format=raw,file=$work/disk.img -device virtio-blk-device,drive=disk"
}
