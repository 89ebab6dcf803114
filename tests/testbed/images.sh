# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # tb_here, which the command sets
#
# What a machine of the testbed boots, made from Debian's packages and kept in the cache: Xen, the
# kernel, dom0's user space as cpio segments (Linux accepts several in a row, so a run adds only its
# own small one), and the Linux guests that lie in dom0's /guests.

# Loaded in dom0 before anything else runs; what they depend on is found and put before them.
tb_dom0_modules='virtio_mmio virtio_console xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
	bridge loop xen-blkback xen-netback'
tb_guest_modules='xen-blkfront xen-netfront'
# At hand for modprobe, where the kernel has them.
tb_dom0_extra='xen-scsiback tun veth dummy 9p 9pnet_virtio dm-mod nbd squashfs'
tb_guest_extra='9p 9pnet_xen xen-scsifront snd_xen_front xen_wdt'

# tb_boot ARCH XEN: prints the folder with xen, kernel, base.cpio and stock.cpio.
tb_boot() {
	tb_tree=$(tb_trees "$1" "$2") || return 1
	tb_linux=$(tb_linux "$1" "$(tb_suite "$2")") || return 1
	tb_guest32=
	if [ "$1" = arm64 ]; then
		tb_guest32=$(tb_guest armhf bookworm) || return 1
	fi
	tb_guest=$(tb_guest "$1" "$(tb_suite "$2")") || return 1
	# Named after what it is made from: source trees of different age share the cache, and the one must
	# not pull it from under a run of the other.
	tb_hash=$(cat "$tb_here/images.sh" "$tb_here/dom0/"* "$tb_guest/.recipe" "$tb_linux/release" |
		cksum | cut -d ' ' -f 1)
	tb_dir=$(tb_entry "boot-$1-$2-$tb_hash" "$tb_hash" \
		tb_make_boot "$1" "$2" "$tb_tree" "$tb_linux" "$tb_guest" "$tb_guest32") || return 1
	touch "$tb_dir"
	find "$tb_cache" -maxdepth 1 \( -name 'boot-*' -o -name 'guest-*' \) -mtime +2 \
		-exec rm -rf {} + 2>/dev/null
	echo "$tb_dir"
}

# tb_trees ARCH XEN: prints a folder with Xen, a user space and the stock toolstack unpacked.
tb_trees() {
	tb_xen=$(tb_release "$2")
	tb_packages="xen-hypervisor-$tb_xen-$1 busybox-static libc6 libc-bin libgcc-s1 libxenmisc$tb_xen
		libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1
		libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 libfdt1 libuuid1
		zlib1g libseccomp2 xen-utils-$tb_xen xen-utils-common xenstore-utils bash libncurses6
		libtinfo6 libnl-3-200 libnl-route-3-200 liblzma5 libbz2-1.0 liblzo2-2 libzstd1"
	tb_entry "tree-$1-$tb_xen" "$tb_packages" \
		tb_make_tree "$1" "$(tb_suite "$tb_xen")" "$tb_packages"
}

# tb_systemd ARCH SUITE: prints the folder with dom0.cpio, Debian's systemd and what it needs.
tb_systemd() {
	tb_packages="systemd libsystemd0 libsystemd-shared libacl1 libapparmor1 libaudit1 libblkid1 libcap2 libcap-ng0 libcrypt1
		libcryptsetup12 libdevmapper1.02.1 libudev1 libjson-c5 libargon2-1 libfdisk1 libgcrypt20 libgpg-error0 libkmod2
		liblz4-1 libmount1 libp11-kit0 libffi8 libpam0g libselinux1 libpcre2-8-0 libssl3 libip4tc2 mount util-linux"
	tb_entry "systemd-$1-$2" "$tb_packages" tb_make_systemd "$1" "$2" "$tb_packages"
}

tb_make_systemd() {
	mkdir "$4/root"
	tb_make_tree "$1" "$2" "$3" "$4/root" || return 1
	# Manuals, data and udev's rules would only fill dom0's memory.
	rm -rf "$4/root/usr/share" "$4/root/var" "$4/root/usr/lib/udev"
	tb_pack "$4/root" >"$4/dom0.cpio" || return 1
	rm -rf "$4/root"
}

# tb_linux ARCH SUITE: prints the folder with Debian's kernel and the modules that are wanted, and
# their order of loading in the files dom0.order and guest.order.
tb_linux() {
	tb_entry "linux-$1-$2" \
		"$tb_dom0_modules $tb_guest_modules $tb_dom0_extra $tb_guest_extra" \
		tb_make_linux "$1" "$2"
}

tb_make_linux() {
	tb_flavour=arm64
	[ "$1" = armhf ] && tb_flavour=armmp-lpae
	tb_conf=$(tb_apt "$1" "$2") || return 1
	tb_package=$(APT_CONFIG=$tb_conf apt-cache depends "linux-image-$tb_flavour" |
		awk '$1 == "Depends:" { print $2; exit }')
	[ -n "$tb_package" ] || {
		tb_note "$2 has no package linux-image-$tb_flavour for $1"
		return 1
	}
	tb_make_tree "$1" "$2" "$tb_package" "$3" || return 1
	tb_release=${tb_package#linux-image-}
	# Some builds compress the arm64 Image: Xen and the guests' tests want it plain.
	gzip -d -c -f <"$3/boot/vmlinuz-$tb_release" >"$3/kernel" || return 1
	mv "$3/usr/lib/modules/$tb_release" "$3/all" || return 1
	(cd "$3" && rm -rf boot usr lib bin sbin)
	mkdir "$3/modules"
	for tb_side in dom0 guest; do
		: >"$3/$tb_side.order"
		tb_wanted=$tb_dom0_modules tb_also=$tb_dom0_extra
		[ "$tb_side" = dom0 ] || tb_wanted=$tb_guest_modules tb_also=$tb_guest_extra
		for tb_module in $tb_wanted; do
			tb_take_module "$3" "$tb_side.order" "$tb_module" || {
				tb_note "$tb_package has no module $tb_module"
				return 1
			}
		done
		cp "$3/$tb_side.order" "$3/$tb_side.known"
		for tb_module in $tb_also; do
			tb_take_module "$3" "$tb_side.known" "$tb_module" || :
		done
	done
	rm -rf "$3/all"
	echo "$tb_release" >"$3/release"
}

# tb_take_module LINUX ORDER MODULE: takes a module and before it what it depends on, unless it is built
# in; appends their names to the file ORDER.
tb_take_module() {
	tb_file=$(printf %s "$3" | sed 's/[-_]/[-_]/g')
	if grep -q "/$tb_file\.ko" "$1/all/modules.builtin" ||
		grep -q -x "$tb_file" "$1/$2"; then
		return 0
	fi
	tb_file=$(find "$1/all" -name "$tb_file.ko*" | head -n 1)
	[ -n "$tb_file" ] || return 1
	tb_ko=${tb_file##*/}
	tb_ko=${tb_ko%.xz}
	case $tb_file in
	*.xz) xz -d -c "$tb_file" ;;
	*) cat "$tb_file" ;;
	esac >"$1/modules/$tb_ko"
	tb_needs=$(tr '\0' '\n' <"$1/modules/$tb_ko" | sed -n 's/^depends=//p' | tr , ' ')
	# Calling itself clobbers the variables above: what follows keeps to the parameters.
	set -- "$1" "$2" "$tb_ko" "$tb_needs"
	for tb_need in $4; do
		tb_take_module "$1" "$2" "$tb_need" || return 1
	done
	echo "${3%.ko}" >>"$1/$2"
}

# tb_install_modules LINUX SIDE ROOT: puts a side's modules into ROOT, with the index that modprobe reads
# and the list that its init loads.
tb_install_modules() {
	tb_dir=$3/usr/lib/modules/$(cat "$1/release")
	mkdir -p "$tb_dir" "$3/etc/testbed"
	# shellcheck disable=SC2094 # the list is only read
	while read -r tb_module; do
		cp "$1/modules/$tb_module.ko" "$tb_dir/"
		tb_deps=$(tr '\0' '\n' <"$1/modules/$tb_module.ko" | sed -n 's/^depends=//p' |
			tr , '\n' | while read -r tb_dep; do
				[ -z "$tb_dep" ] && continue
				tb_dep=$(printf %s "$tb_dep" | sed 's/[-_]/[-_]/g')
				grep -x "$tb_dep" "$1/$2.known" | sed 's/^/ /; s/$/.ko/' | tr -d '\n'
			done)
		echo "$tb_module.ko:$tb_deps"
	done <"$1/$2.known" >"$tb_dir/modules.dep"
	: >"$tb_dir/modules.alias"
	: >"$tb_dir/modules.symbols"
	cp "$1/$2.order" "$3/etc/testbed/modules"
}

# tb_guest ARCH SUITE: prints the folder with a guest's kernel and initrd.
tb_guest() {
	tb_linux=$(tb_linux "$1" "$2") || return 1
	tb_xen=4.17
	[ "$2" = trixie ] && tb_xen=4.20
	tb_tree=$(tb_trees "$1" "$tb_xen") || return 1
	tb_hash=$(cat "$tb_here/guest/"* "$tb_linux/release" | cksum | cut -d ' ' -f 1)
	tb_dir=$(tb_entry "guest-$1-$2-$tb_hash" "$tb_hash" tb_make_guest "$tb_linux" "$tb_tree") ||
		return 1
	touch "$tb_dir"
	echo "$tb_dir"
}

tb_make_guest() {
	tb_root=$3/root
	tb_make_skeleton "$tb_root" "$2"
	cp "$tb_here/guest/inittab" "$tb_root/etc/inittab"
	install -m 755 "$tb_here/guest/rc" "$tb_here/guest/console" "$tb_root/etc/"
	for tb_how in poweroff reboot halt; do
		printf '#!/bin/sh\nexec /bin/busybox %s -f\n' "$tb_how" >"$tb_root/usr/sbin/$tb_how"
		chmod 755 "$tb_root/usr/sbin/$tb_how"
	done
	tb_install_modules "$1" guest "$tb_root" || return 1
	tb_pack "$tb_root" | gzip -9 -n >"$3/initrd" || return 1
	rm -rf "$tb_root"
	cp "$1/kernel" "$3/kernel"
}

# tb_make_skeleton ROOT TREE: the folders of a root file system around TREE's busybox.
tb_make_skeleton() {
	for tb_dir in bin sbin lib; do
		mkdir -p "$1/usr/$tb_dir"
		ln -s "usr/$tb_dir" "$1/$tb_dir"
	done
	mkdir -p "$1/dev" "$1/proc" "$1/sys" "$1/run" "$1/tmp" "$1/root" "$1/etc" "$1/var/log" \
		"$1/var/lib"
	ln -s ../run "$1/var/run"
	cp "$2/usr/bin/busybox" "$1/usr/bin/busybox"
	ln -s busybox "$1/usr/bin/sh"
	ln -s bin/busybox "$1/init"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

tb_pack() {
	(cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0)
}

# tb_make_boot ARCH XEN TREE LINUX GUEST GUEST32 FOLDER
tb_make_boot() {
	tb_tree=$3 tb_linux=$4 tb_out=$7
	tb_gnu=$(tb_triplet "$1")
	tb_note "making the dom0 image of $1 with Xen $2"
	tb_xen=$(tb_release "$2")
	if [ "$2" != "$tb_xen" ]; then
		ln -s "$(tb_xen_rebuilt "$2")/xen" "$tb_out/xen" || return 1
	else
		cp "$tb_tree/boot/xen-$2-$1" "$tb_out/xen" || return 1
	fi
	cp "$tb_linux/kernel" "$tb_out/kernel"

	tb_root=$tb_out/root
	tb_make_skeleton "$tb_root" "$tb_tree"
	cp "$tb_here/dom0/inittab" "$tb_root/etc/inittab"
	cp "$tb_here/dom0/profile" "$tb_root/etc/profile"
	install -m 755 "$tb_here/dom0/rc" "$tb_root/etc/rc"
	tb_install_modules "$tb_linux" dom0 "$tb_root" || return 1
	tb_place "$tb_tree" "$tb_root" usr/lib/ld-linux-* usr/sbin/ldconfig etc/ld.so.conf \
		etc/ld.so.conf.d
	mkdir -p "$tb_root/usr/lib/$tb_gnu"
	find "$tb_tree/usr/lib/$tb_gnu" -maxdepth 1 -name '*.so*' \
		-exec cp -P {} "$tb_root/usr/lib/$tb_gnu/" \; || return 1
	mkdir -p "$tb_root/opt/stock/bin" "$tb_root/opt/stock/sbin" "$tb_root/guests"
	for tb_tool in xenstored xenconsoled xen-init-dom0; do
		cp "$tb_tree/usr/lib/xen-$tb_xen/bin/$tb_tool" "$tb_root/opt/stock/sbin/" || return 1
	done
	find "$tb_tree/usr/bin" -name 'xenstore*' -exec cp -P {} "$tb_root/opt/stock/bin/" \;
	if [ -n "$6" ]; then
		cp "$5/kernel" "$tb_root/guests/Image"
		cp "$5/initrd" "$tb_root/guests/initrd"
	fi
	cp "${6:-$5}/kernel" "$tb_root/guests/zImage"
	cp "${6:-$5}/initrd" "$tb_root/guests/initrd32"
	dtc -q -O dtb -o "$tb_root/guests/rtc.dtb" "$tb_here/dom0/rtc.dts" || return 1
	dtc -q -O dtb -o "$tb_root/guests/overlay.dtbo" "$tb_here/dom0/overlay.dts" || return 1
	tb_pack "$tb_root" >"$tb_out/base.cpio" || return 1
	rm -rf "$tb_root"

	mkdir "$tb_root"
	tb_place "$tb_tree" "$tb_root" usr/bin/bash "usr/bin/xen*" "usr/sbin/*xen*" usr/sbin/xl \
		"usr/lib/xen-*" etc/xen etc/default/xendomains
	# Its scripts lock with flock(1), which busybox has not.
	tb_tools=$(tb_entry "tools-$1-$(tb_suite "$2")" util-linux tb_make_tree "$1" "$(tb_suite "$2")" util-linux) || return 1
	tb_place "$tb_tools" "$tb_root" usr/bin/flock
	# Ours take the place of its scripts of the same name.
	mkdir -p "$tb_root/opt/stock"
	cp -a "$tb_tree/etc/xen/scripts" "$tb_root/opt/stock/scripts" || return 1
	tb_pack "$tb_root" >"$tb_out/stock.cpio" || return 1
	rm -rf "$tb_root"
}

# tb_place TREE ROOT PATTERN...: copies what matches the patterns in TREE to the same place in ROOT.
tb_place() {
	tb_from=$1 tb_to=$2
	shift 2
	for tb_pattern; do
		# shellcheck disable=SC2086 # a pattern
		(cd "$tb_from" && ls -d $tb_pattern 2>/dev/null) | while read -r tb_path; do
			mkdir -p "$tb_to/${tb_path%/*}"
			cp -a "$tb_from/$tb_path" "$tb_to/$tb_path"
		done
	done
}

# tb_xen_rebuilt XEN: prints the folder with Debian's Xen rebuilt with what Debian leaves out: the real-time schedulers, what devices and
# guests of Arm boards want, what only a boot can set up. One build of a release serves all the names it has here.
tb_xen_rebuilt() {
	tb_entry "xen-$(tb_release "$1")-more-arm64" "$tb_more_options" tb_make_xen "$1" "$tb_more_options"
}

# What one release does not know is dropped by its own configuration.
tb_more_options='CONFIG_EXPERT=y CONFIG_UNSUPPORTED=y CONFIG_SCHED_RTDS=y CONFIG_SCHED_ARINC653=y CONFIG_SCHED_NULL=y
	CONFIG_STATIC_MEMORY=y CONFIG_STATIC_SHM=y CONFIG_STATIC_EVTCHN=y CONFIG_BOOT_TIME_CPUPOOLS=y CONFIG_LLC_COLORING=y
	CONFIG_OVERLAY_DTB=y CONFIG_ARM64_SVE=y CONFIG_TEE=y CONFIG_OPTEE=y CONFIG_FFA=y CONFIG_SBSA_VUART_CONSOLE=y'

# tb_make_xen XEN OPTIONS FOLDER
tb_make_xen() {
	tb_suite=$(tb_suite "$1") tb_options=$2
	shift 2
	tb_need dpkg-source dpkg-dev
	tb_need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	tb_need flex flex
	tb_need bison bison
	tb_need python3 python3
	tb_conf=$(tb_apt source "$tb_suite") || return 1
	tb_note "building Xen with $tb_options"
	mkdir "$1/src"
	tb_retry "downloading Xen's source" tb_apt_source "$tb_conf" "$1/src" xen || return 1
	tb_xen_tree=$(echo "$1"/src/xen-*/xen)
	(
		cd "$tb_xen_tree" || exit 1
		# What this script was called with is no part of that build.
		unset MAKEFLAGS MAKELEVEL CC CFLAGS LDFLAGS DESTDIR
		set -- XEN_TARGET_ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
		make "$@" defconfig &&
			echo "$tb_options" | xargs -n 1 >>.config &&
			make "$@" olddefconfig &&
			make -j"$(nproc)" "$@" build
	) >"$1/build.log" 2>&1 || {
		tail -n 20 "$1/build.log"
		return 1
	}
	cp "$tb_xen_tree/xen" "$1/xen" || return 1
	rm -rf "$1/src"
}

tb_apt_source() (
	cd "$2" || exit 1
	rm -rf ./*
	export APT_CONFIG="$1"
	apt-get -q -q source "$3" >/dev/null || tb_apt_source_parts "$3"
)

# A mirror may lack the description of a source package (.dsc) for a while; what it describes, and the hashes, apt knows from its lists.
tb_apt_source_parts() (
	rm -rf ./*
	apt-get -q -q source --print-uris "$1" | tr -d "'" | grep '\.tar\.' >parts || exit 1
	while read -r uri name _ hash; do
		/usr/lib/apt/apt-helper -q download-file "$uri" "$name" "$hash" >/dev/null || exit 1
	done <parts
	mkdir "$1-source"
	tar -x --strip-components=1 -C "$1-source" -f ./*.orig.tar.* && tar -x -C "$1-source" -f ./*.debian.tar.* || exit 1
	cd "$1-source" || exit 1
	grep -v '^#' debian/patches/series | while read -r patch _; do
		[ -z "$patch" ] || patch -s -p1 <"debian/patches/$patch" || exit 1
	done
)
