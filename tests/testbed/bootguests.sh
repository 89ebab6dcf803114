# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # the variables that "run" sets
#
# Guests that Xen starts itself, exactly as our own `xl export-dt` describes them for this machine. That xl is the one
# that was just built for dom0: export-dt needs no Xen, so QEMU's user mode runs it here.

# tb_boot_stage STAGE: dom0 finds the configurations it can build these guests from again.
tb_boot_stage() {
	for tb_cfg in $boot_guests; do
		tb_name=$(sed -n 's/^ *name *= *"\([^"]*\)".*/\1/p' "$tb_cfg")
		[ -n "$tb_name" ] || tb_die "--boot-guest: '$tb_cfg' has no name=\"...\" on a line of its own"
		tb_stage "$1" "$tb_cfg" "/etc/xen/boot/$tb_name.cfg"
	done
	mkdir -p "$work/boot"
	cp "$1/usr/local/bin/xl" "$work/boot/xl" || tb_die "--boot-guest: this source tree builds no xl"
	cp -R "$1/usr/local/lib" "$work/boot/lib" 2>/dev/null || :
	if [ -d "$1/guests" ]; then
		cp -R "$1/guests" "$work/boot/guests"
	fi
}

# tb_boot_xl FORM: what export-dt makes of the guests for the machine described by $tb_dtb.
tb_boot_xl() {
	case $arch in
	arm64) tb_user=qemu-aarch64 ;;
	armhf) tb_user=qemu-arm ;;
	esac
	tb_need "$tb_user" qemu-user
	tb_sysroot=$(tb_sysroot "$arch" "$xen") || return 1
	tb_release=$(tb_release "$xen")
	tb_options=
	for tb_pool in $boot_pools; do
		tb_options="$tb_options --pool $tb_pool"
	done
	# With static memory there is static shared memory, which gives guests room for their rings.
	case $xen in
	*-static) tb_options="$tb_options --ring-memory" ;;
	esac
	# The paths in a configuration are dom0's: what lies there is unpacked in $work/boot.
	# shellcheck disable=SC2086 # lists of words
	"$tb_user" -L "$tb_sysroot" -E "LD_LIBRARY_PATH=$work/boot/lib" "$work/boot/xl" export-dt --board "$tb_dtb" \
		--xen "${tb_release#4.}" --load-base $tb_at_end --root "$work/boot" $tb_options \
		--output "$work/boot/guests.$1" $boot_guests
}

# tb_boot_machine: adds the guests to $tb_dtb, and to $tb_loaders the files they start from.
tb_boot_machine() {
	[ -n "$boot_guests$boot_pools" ] || return 0
	mkdir -p "$work/boot/guests"
	(cd "$work/boot" && cpio -i --quiet -m 'guests/*' <"$boot/base.cpio") ||
		tb_die "--boot-guest: cannot unpack the guests' kernels"
	# The warnings are the same each time.
	if ! tb_boot_xl cmd 2>/dev/null || ! tb_boot_xl dtb; then
		tb_die "--boot-guest: xl export-dt refused the guests"
	fi
	if [ -n "$uboot" ]; then
		# Its own script loads them.
		tb_boot_xl scr 2>/dev/null || tb_die "--boot-guest: xl export-dt makes no script"
		mkdir -p "$work/disk"
		while read -r tb_word _ _ _ tb_file; do
			[ "$tb_word" != load ] || cp "$work/boot/guests/$tb_file" "$work/disk/"
		done <"$work/boot/guests.cmd"
		mv "$work/boot/guests.scr" "$work/disk/"
		return
	fi
	while read -r tb_word _ _ tb_address tb_file; do
		if [ "$tb_word" = load ]; then
			tb_loaders="$tb_loaders -device loader,file=$work/boot/guests/$tb_file,addr=$tb_address,force-raw=on"
		fi
	done <"$work/boot/guests.cmd"
	mv "$work/boot/guests.dtb" "$tb_dtb"
}
