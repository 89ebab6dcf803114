# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What the commands of the testbed share: the cache, its locks, and Debian packages of any
# architecture and release, downloaded and unpacked without touching the host's own apt or dpkg.
#
# Every entry of the cache is a folder made under another name and renamed when complete, so an
# interrupted run leaves nothing half-made behind. An entry remembers the recipe it was made from;
# when the recipe changes, it is made again.

tb_cache=${XDG_CACHE_HOME:-$HOME/.cache}/libvmm

tb_note() {
	printf 'testbed: %s\n' "$*" >&2
}

tb_die() {
	printf 'testbed: %s\n' "$*" >&2
	exit 125
}

# tb_need COMMAND PACKAGE...: stops unless COMMAND is there; PACKAGE is where Debian has it.
tb_need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	tb_die "cannot find '$1' on this machine: apt-get install $2"
}

# tb_release XEN: the release that this Xen is, or is a rebuild of.
tb_release() {
	case $1 in
	rt) echo 4.17 ;;
	full) echo 4.20 ;;
	*) echo "${1%-static}" ;;
	esac
}

# tb_suite XEN: the Debian release that carries this Xen.
tb_suite() {
	case $(tb_release "$1") in
	4.17) echo bookworm ;;
	4.20) echo trixie ;;
	*) tb_die "no such Xen '$1': choose 4.17, 4.20, rt, full, 4.17-static or 4.20-static" ;;
	esac
}

# tb_triplet ARCH: the GNU name of a Debian architecture, as compilers and library folders use it.
tb_triplet() {
	case $1 in
	arm64) echo aarch64-linux-gnu ;;
	armhf) echo arm-linux-gnueabihf ;;
	*) tb_die "no such architecture '$1': choose arm64 or armhf" ;;
	esac
}

# tb_entry NAME RECIPE COMMAND...: makes cache entry NAME with "COMMAND... FOLDER" unless it is there
# already from the same RECIPE (any text), and prints its path.
tb_entry() {
	tb_name=$1 tb_recipe=$2
	shift 2
	mkdir -p "$tb_cache" || tb_die "cannot make the cache folder '$tb_cache'"
	if tb_is_fresh; then
		echo "$tb_cache/$tb_name"
		return 0
	fi
	(
		flock 9
		tb_is_fresh && exit 0
		tmp=$tb_cache/.new-$tb_name
		rm -rf "$tmp"
		mkdir "$tmp"
		( "$@" "$tmp" ) >&2 9>&- || {
			rm -rf "$tmp"
			exit 1
		}
		printf '%s\n' "$tb_recipe" >"$tmp/.recipe"
		if [ -e "$tb_cache/$tb_name" ]; then
			rm -rf "$tb_cache/.old-$tb_name"
			mv "$tb_cache/$tb_name" "$tb_cache/.old-$tb_name"
		fi
		mv "$tmp" "$tb_cache/$tb_name"
		rm -rf "$tb_cache/.old-$tb_name"
	) 9>"$tb_cache/.lock-$tb_name" || tb_die "could not make '$tb_name' in '$tb_cache'"
	echo "$tb_cache/$tb_name"
}

tb_is_fresh() {
	[ -e "$tb_cache/$tb_name/.recipe" ] &&
		[ "$(cat "$tb_cache/$tb_name/.recipe")" = "$tb_recipe" ]
}

# tb_mirror: the Debian archive that the host itself uses.
tb_mirror() {
	# Others use the same names of releases; but who is who only lists that were fetched tell.
	tb_uri=$(tb_archives 'Origin: Debian' 'Label: Debian')
	[ -n "$tb_uri" ] || tb_uri=$(tb_archives)
	printf '%s\n' "$tb_uri" | head -n 1
}

tb_archives() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' "$@" |
		sed -n -E 's/^(bookworm|trixie|forky|oldstable|stable|testing|sid|unstable) //p'
}

# tb_apt ARCH SUITE: prints the file that APT_CONFIG must name to see SUITE for ARCH (or its sources,
# when ARCH is "source"), with its package lists fetched. Only the main archive is read: it changes
# with point releases alone, and what runs in the testbed faces no network.
tb_apt() {
	tb_uri=$(tb_mirror)
	[ -n "$tb_uri" ] || tb_die "apt on this machine knows no Debian mirror" \
		"(apt-get indextargets names none): add one to /etc/apt/sources.list and run apt-get update"
	tb_apt_dir=$(tb_entry "apt-$1-$2" "$tb_uri" tb_make_apt "$1" "$2" "$tb_uri") || return 1
	echo "$tb_apt_dir/apt.conf"
}

tb_make_apt() {
	mkdir -p "$4/lists/partial" "$4/archives/partial"
	: >"$4/status"
	type=deb options="[arch=$1]" arch=$1
	[ "$1" = source ] && type=deb-src options='' arch=amd64
	printf '%s %s %s %s main\n' "$type" "$options" "$3" "$2" >"$4/sources.list"
	here=$tb_cache/apt-$1-$2
	# The host's way to the network (proxies, timeouts) holds here too; nothing else of it does.
	apt-config dump | grep '^Acquire::' >"$4/apt.conf" || :
	cat >>"$4/apt.conf" <<-END
		Dir::Etc::Main "/dev/null";
		Dir::Etc::Parts "/dev/null";
		Dir::Etc::SourceList "$here/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State "$here";
		Dir::State::Lists "$here/lists";
		Dir::State::status "$here/status";
		Dir::Cache "$here";
		Dir::Cache::Archives "$here/archives";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	sed "s|$here|$4|g" "$4/apt.conf" >"$4/apt-now.conf"
	tb_retry "reading the package lists of $2 for $1" \
		env APT_CONFIG="$4/apt-now.conf" apt-get -q -q update --error-on=any || return 1
	rm -f "$4/apt-now.conf"
}

# tb_retry WHAT COMMAND...: mirrors fail for minutes at a time while they sync.
tb_retry() {
	tb_what=$1
	shift
	for tb_pause in 5 15 30 60 0; do
		"$@" && return 0
		[ "$tb_pause" = 0 ] && break
		tb_note "$tb_what failed, trying again in $tb_pause s"
		sleep "$tb_pause"
	done
	tb_note "$tb_what failed five times: is the mirror in apt's configuration reachable?"
	return 1
}

# tb_fetch_debs ARCH SUITE FOLDER PACKAGE...: downloads the packages into FOLDER.
tb_fetch_debs() {
	tb_conf=$(tb_apt "$1" "$2") || return 1
	tb_arch=$1 tb_suite_name=$2 tb_into=$3
	shift 3
	tb_retry "downloading from $tb_suite_name for $tb_arch" \
		tb_apt_download "$tb_conf" "$tb_into" "$@"
}

tb_apt_download() (
	APT_CONFIG=$1
	export APT_CONFIG
	cd "$2" || exit 1
	shift 2
	apt-get -q -q download "$@" && exit 0
	# A package that the lists still name may be gone from the mirror: read them anew.
	apt-get -q -q update
	exit 1
)

# tb_unpack FOLDER DEB...: unpacks packages into one tree with lib merged into usr/lib, whichever
# release they are of, and every link relative, so that the tree works wherever it lies.
tb_unpack() {
	tb_root=$1
	shift
	for tb_dir in bin lib sbin; do
		mkdir -p "$tb_root/usr/$tb_dir"
		[ -e "$tb_root/$tb_dir" ] || ln -s "usr/$tb_dir" "$tb_root/$tb_dir"
	done
	for tb_deb; do
		dpkg-deb --fsys-tarfile "$tb_deb" |
			tar -x -C "$tb_root" --keep-directory-symlink --no-same-owner \
				--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
				--exclude='./usr/share/locale/*' || return 1
	done
	find "$tb_root" -type l -lname '/*' | while read -r tb_link; do
		ln -s -f -n -r "$tb_root$(readlink "$tb_link")" "$tb_link"
	done
}

# tb_sysroot ARCH XEN: prints the folder with headers and libraries to cross build against.
tb_sysroot() {
	tb_suite "$2" >/dev/null
	tb_triplet "$1" >/dev/null
	tb_xen=$(tb_release "$2")
	tb_packages="libc6 libc6-dev linux-libc-dev libcrypt1 libcrypt-dev libgcc-s1
		libxen-dev libxenmisc$tb_xen libxencall1 libxendevicemodel1 libxenevtchn1
		libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1
		libxentoollog1 libyajl2 libyajl-dev libfdt1 libfdt-dev libuuid1 uuid-dev
		zlib1g zlib1g-dev libseccomp2 libseccomp-dev"
	tb_entry "sysroot-$1-$tb_xen" "$tb_packages" tb_make_tree "$1" "$(tb_suite "$tb_xen")" "$tb_packages"
}

# tb_configure ARCH XEN: prints the arguments of ./configure for such a build, quoted for eval. The C
# library of a cross compiler's own would come first, whatever --sysroot says, and may be older than
# the one in the sysroot: hence -B and -isystem.
tb_configure() {
	tb_root=$(tb_sysroot "$1" "$2") || return 1
	tb_gnu=$(tb_triplet "$1")
	tb_libs=$tb_root/usr/lib/$tb_gnu
	printf "%s '%s' %s='%s' %s='%s' %s='%s'\n" "--host=$tb_gnu" \
		"CC=$tb_gnu-gcc --sysroot=$tb_root -B$tb_libs -isystem $tb_root/usr/include/$tb_gnu -isystem $tb_root/usr/include" \
		PKG_CONFIG_SYSROOT_DIR "$tb_root" \
		PKG_CONFIG_LIBDIR "$tb_libs/pkgconfig:$tb_root/usr/share/pkgconfig" \
		PKG_CONFIG_PATH ''
}

# tb_make_tree ARCH SUITE PACKAGES FOLDER
tb_make_tree() {
	tb_note "downloading packages of $2 for $1 into ${4##*/.new-}"
	mkdir "$4/.debs"
	# shellcheck disable=SC2086 # a list of words
	tb_fetch_debs "$1" "$2" "$4/.debs" $3 || return 1
	tb_unpack "$4" "$4/.debs"/*.deb || return 1
	rm -rf "$4/.debs"
}
