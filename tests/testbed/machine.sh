# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # the variables that "run" sets
#
# The machine: QEMU's board with a device tree edited for Xen, and the ports over which dom0 answers.
#
# Physical memory starts at 0x40000000. QEMU puts the device tree at 0x48000000, Xen finds itself a place;
# what Xen is to start lies where nothing of that reaches it.
tb_at_kernel=0x50000000
tb_at_initrd=0x58000000
tb_at_end=0x70000000

tb_need_tools() {
	case $1 in
	arm64) tb_qemu=qemu-system-aarch64 ;;
	armhf) tb_qemu=qemu-system-arm ;;
	esac
	tb_need "$tb_qemu" qemu-system-arm
	tb_need fdtput device-tree-compiler
	tb_need cpio cpio
	tb_need xz xz-utils
	tb_need flock util-linux
	tb_need apt-get apt
	tb_need dpkg-deb dpkg
}

# tb_quote WORD: WORD as one word of shell input.
tb_quote() {
	printf "'%s' " "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# tb_stage STAGE SRC DST: copies SRC so that it appears in dom0 as DST. In dom0 /bin, /lib and /sbin are
# links into /usr and /var/run is one to /run: a folder of that name would take the link's place.
tb_stage() {
	tb_dst=$3
	case $tb_dst in
	*/) tb_dst=$tb_dst$(basename "$2") ;;
	esac
	case $tb_dst in
	/bin | /bin/* | /lib | /lib/* | /sbin | /sbin/*) tb_dst=/usr$tb_dst ;;
	/var/run | /var/run/*) tb_dst=/run${tb_dst#/var/run} ;;
	/*) ;;
	*) tb_dst=/root/$tb_dst ;;
	esac
	mkdir -p "$1${tb_dst%/*}"
	if [ -d "$2" ]; then
		mkdir -p "$1$tb_dst"
		cp -R -p "$2/." "$1$tb_dst/"
	else
		cp -p "$2" "$1$tb_dst"
	fi
	if [ -d "$1/var/run" ]; then
		mkdir -p "$1/run"
		cp -R -p "$1/var/run/." "$1/run/"
		rm -r "$1/var/run"
	fi
}

# tb_cells NUMBER: two cells of a device tree.
tb_cells() {
	printf '0x%x 0x%x\n' $(($1 >> 32)) $(($1 & 0xffffffff))
}

# tb_module DTB TYPE ADDRESS BOOTARGS FILE...: has QEMU load the FILEs from ADDRESS on, each on a page of its
# own, and adds the node that tells Xen they are one module.
tb_module() {
	tb_node=/chosen/module@${3#0x}
	fdtput -c "$1" "$tb_node"
	fdtput -t s "$1" "$tb_node" compatible "multiboot,$2" multiboot,module
	[ -z "$4" ] || fdtput -t s "$1" "$tb_node" bootargs "$4"
	tb_dtb=$1 tb_from=$3 tb_next=$(($3))
	shift 4
	for tb_file; do
		tb_loaders="$tb_loaders -device loader,file=$tb_file,addr=$(printf 0x%x "$tb_next"),force-raw=on"
		tb_next=$(((tb_next + $(stat -L -c %s "$tb_file") + 4095) & ~4095))
	done
	# shellcheck disable=SC2046 # cells
	fdtput -t x "$tb_dtb" "$tb_node" reg $(tb_cells "$tb_from") $(tb_cells $((tb_next - tb_from)))
}

# tb_machine_run: boots the machine that the variables of "run" describe, shows the
# output of the script, and returns its status. Leaves what dom0 sent back in $work/files.
tb_machine_run() {
	if [ "$arch" = arm64 ]; then
		tb_board="virt,virtualization=on,gic-version=$gic" tb_cpu=cortex-a57
	else
		tb_board="virt,virtualization=on,highmem=off,gic-version=$gic" tb_cpu=cortex-a15
	fi
	set -- -cpu "${cpu:-$tb_cpu}" -smp "$cpus" -m "$mem" -display none -monitor none -nic none -no-reboot
	tb_dtb=$work/machine.dtb
	"$tb_qemu" -M "$tb_board,dumpdtb=$tb_dtb" "$@" -serial none >/dev/null 2>"$work/qemu.err" ||
		tb_die "QEMU refuses this machine: $(cat "$work/qemu.err")"
	tb_loaders=
	tb_vcpus=$cpus
	[ "$tb_vcpus" -gt 2 ] && tb_vcpus=2
	tb_words="dom0_mem=${dom0_mem}M dom0_max_vcpus=$tb_vcpus console=dtuart bootscrub=0 guest_loglvl=all"
	fdtput -t s "$tb_dtb" /chosen xen,xen-bootargs "$tb_words $xen_args"
	fdtput -t i "$tb_dtb" /chosen '#address-cells' 2
	fdtput -t i "$tb_dtb" /chosen '#size-cells' 2
	tb_module "$tb_dtb" kernel "$tb_at_kernel" "console=hvc0 rdinit=/init quiet panic=1" "$boot/kernel"
	tb_module "$tb_dtb" ramdisk "$tb_at_initrd" "" \
		"$boot/base.cpio" ${stock:+"$boot/stock.cpio"} ${systemd:+"$systemd/dom0.cpio"} "$work/run.cpio"
	[ "$tb_next" -le $((tb_at_end)) ] || tb_die "what dom0 is to have is too large:" \
		"$(((tb_next - tb_at_initrd) >> 20)) MiB of $(((tb_at_end - tb_at_initrd) >> 20)); put less"
	for tb_node in $passthrough; do
		fdtget -p "$tb_dtb" "$tb_node" >/dev/null 2>&1 ||
			tb_die "--passthrough: this machine's device tree has no node '$tb_node'"
		fdtput -t x "$tb_dtb" "$tb_node" xen,passthrough
		# The board's power button hangs on the GPIO controller, and dom0 must not be told of it then.
		case $tb_node in
		/pl061@*) fdtput -r "$tb_dtb" /gpio-keys ;;
		esac
	done

	tb_boot_machine
	tb_start="-kernel $boot/xen -dtb $tb_dtb $tb_loaders"
	[ -z "$uboot" ] || tb_uboot_machine || return 125

	# What the script says comes through a pipe as it is said; the rest can wait in files.
	mkfifo "$work/out"
	: >"$work/status"
	: >"$work/files"
	: >"$work/console"
	# Both ends are opened here, so that "cat" ends when QEMU is gone, even if that never opened its own.
	# shellcheck disable=SC2094 # a pipe
	exec 8<>"$work/out" 9<"$work/out"
	cat <&9 8>&- 9<&- &
	tb_cat=$!
	exec 9<&-
	tb_shell='' tb_terminal=''
	if [ -n "$shell" ]; then
		tb_shell='-chardev stdio,id=shell,signal=off -device virtconsole,chardev=shell'
		tb_terminal=$(stty -g 2>/dev/null) || :
		exec 7<&0
	else
		exec 7</dev/null
	fi
	# shellcheck disable=SC2086 # lists of words
	${TESTBED_QEMU_WRAPPER-} timeout --foreground -k 5 "$timeout" "$tb_qemu" -M "$tb_board" "$@" \
		$tb_start -serial "file:$work/console" \
		-device virtio-serial-device,max_ports=8 \
		-chardev "file,id=out,path=$work/out,append=on" \
		-device virtserialport,chardev=out,name=out \
		-chardev "file,id=status,path=$work/status" \
		-device virtserialport,chardev=status,name=status \
		-chardev "file,id=files,path=$work/files" \
		-device virtserialport,chardev=files,name=files \
		$tb_shell -pidfile "$work/pid" <&7 2>"$work/qemu.err" 8>&- &
	tb_pid=$!
	exec 7<&-
	# A Xen that panicked does not always get as far as the end of the machine.
	(
		tail -n +1 -f --pid="$tb_pid" "$work/console" | grep -q 'Panic on CPU' && sleep 6 &&
			kill "$(cat "$work/pid")"
	) >/dev/null 2>&1 8>&- &
	# A wrapper need not hand a signal on.
	trap 'kill "$tb_pid" $(cat "$work/pid" 2>/dev/null) "$tb_cat" 2>/dev/null
		[ -z "$tb_terminal" ] || stty "$tb_terminal"
		rm -rf "$work"' EXIT
	tb_qemu_status=0
	wait "$tb_pid" || tb_qemu_status=$?
	exec 8>&-
	wait "$tb_cat" || :
	trap 'rm -rf "$work"' EXIT
	[ -z "$tb_terminal" ] || stty "$tb_terminal"

	if [ -n "$no_dma" ]; then
		tr -d '\r' <"$work/console" | sed -n 's/^testbed: //p'
		tr -d '\r' <"$work/console" | sed -n 's/^testbed-status //p' >"$work/status"
	fi
	[ -z "$keep_log" ] || tr -d '\r' <"$work/console" >"$keep_log"
	if [ -s "$work/status" ]; then
		return "$(cat "$work/status")"
	fi
	if [ "$tb_qemu_status" = 124 ] || [ "$tb_qemu_status" = 137 ]; then
		tb_note "time ran out after $timeout s (--timeout); the console of Xen and dom0 ends with:"
		tb_console_tail
		return 124
	fi
	if [ "$tb_qemu_status" != 0 ]; then
		tb_note "QEMU failed with status $tb_qemu_status: $(cat "$work/qemu.err")"
	else
		tb_note "Xen or dom0 died before the script ended; their console ends with:"
	fi
	tb_console_tail
	return 125
}

tb_console_tail() {
	tail -n 25 "$work/console" | tr -d '\r' | sed 's/^/  | /' >&2
}
