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

# tb_le32 NUMBER: printf's words for its four bytes, the lowest first.
tb_le32() {
	printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24))
}

# tb_disk_image FOLDER FILE: a disk whose first partition, from 1 MiB on, has the folder's files.
tb_disk_image() {
	tb_mib=$(du -s -m "$1" | cut -f 1)
	tb_mib=$((tb_mib + tb_mib / 8 + 16))
	truncate -s $((tb_mib + 1))M "$2"
	# Of the table: no flags, no cylinders, Linux (0x83); first sector and number of sectors.
	# shellcheck disable=SC2059 # it is a format
	printf "\\000\\000\\000\\000\\203\\000\\000\\000$(tb_le32 2048)$(tb_le32 $((tb_mib * 2048)))" |
		dd of="$2" bs=1 seek=446 conv=notrunc status=none
	printf '\125\252' | dd of="$2" bs=1 seek=510 conv=notrunc status=none
	mke2fs -q -F -t ext2 -b 4096 -E offset=1048576 -d "$1" "$2" ${tb_mib}m >/dev/null
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
	tb_disk_image "$work/disk" "$work/disk.img" || return 1
	rm -rf "$work/disk"
	# With ACPI, firmware would have another board: one without the GPIO controller.
	# shellcheck disable=SC2034 # machine.sh starts QEMU with it
	tb_start="-M acpi=off -bios $tb_bios -drive if=none,id=disk,format=raw,file=$work/disk.img -device virtio-blk-device,drive=disk"
}
