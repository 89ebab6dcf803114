# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2154 # tb_here, which the command sets
#
# Our own toolstack in dom0: cross built from a copy of the source tree, so that a build made in the tree
# itself does not get in the way, and installed into the part of dom0 that belongs to one run.

# tb_install_ours ARCH XEN BUILD STAGE
tb_install_ours() {
	tb_source=$(cd "$tb_here/../.." && pwd)
	if [ -n "$3" ]; then
		[ -f "$3/Makefile" ] || tb_die "--build: '$3' is no configured build folder" \
			"(it has no Makefile): run configure there first"
		tb_logged "$3/testbed.log" make -s -C "$3" install-strip DESTDIR="$4.ours" ||
			tb_die "--build: could not build and install '$3'"
		tb_guests_from=$3/tests/guests
	elif [ -f "$tb_source/configure.ac" ]; then
		tb_sysroot=$(tb_sysroot "$1" "$2") || return 1
		tb_build=$tb_cache/build-$1-${tb_sysroot##*-}-$(printf %s "$tb_source ${TESTBED_CONFIGURE-}" |
			cksum | cut -d ' ' -f 1)
		mkdir -p "$tb_build"
		(
			flock 9
			tb_build_ours "$1" "$2" 9>&- && cp -a "$tb_build/installed" "$4.ours"
		) 9>"$tb_build/lock" || tb_die "could not build this source tree for $1"
		tb_guests_from=$tb_build/out/tests/guests
	else
		tb_note "this source tree has no configure.ac: dom0 gets no toolstack of ours"
		return 0
	fi
	find "$4.ours" -name '*.a' -o -name '*.la' | while read -r tb_file; do
		rm -f "$tb_file"
	done
	rm -rf "$4.ours/usr/local/include" "$4.ours/usr/local/share/man"
	for tb_file in "$4.ours"/*; do
		tb_stage "$4" "$tb_file" "/${tb_file##*/}"
	done
	rm -rf "$4.ours"
	for tb_file in "$tb_guests_from"/*.bin; do
		[ -e "$tb_file" ] && tb_stage "$4" "$tb_file" "/guests/${tb_file##*/}"
	done
	return 0
}

# tb_build_ours ARCH XEN: brings $tb_build/installed up to date with $tb_source.
tb_build_ours() {
	mkdir -p "$tb_build/src" "$tb_build/out"
	(
		cd "$tb_source" || exit 1
		# In a container the tree often belongs to somebody else, which git minds.
		if ! git -c safe.directory='*' ls-files --cached --others --exclude-standard 2>/dev/null
		then
			find . -type f ! -name '*.o' ! -name '*.lo' ! -name '*.la' ! -name Makefile \
				! -path ./config.h ! -name config.status ! -name libtool ! -path './build*'
		fi
	) | LC_ALL=C sort >"$tb_build/files.new"
	if [ -e "$tb_build/installed" ] && cmp -s "$tb_build/files" "$tb_build/files.new" &&
		! tb_source_newer | grep -q .; then
		return 0
	fi
	touch "$tb_build/stamp.new"
	if [ -e "$tb_build/files" ]; then
		LC_ALL=C comm -23 "$tb_build/files" "$tb_build/files.new" | while read -r tb_gone; do
			rm -f "$tb_build/src/$tb_gone"
		done
	fi
	tar -c -C "$tb_source" --ignore-failed-read --no-recursion -T "$tb_build/files.new" \
		2>/dev/null | tar -x -C "$tb_build/src" || return 1

	tb_note "building this source tree for $1"
	tb_log=$tb_build/log
	tb_configure=$(tb_configure "$1" "$2") || return 1
	# Make would redo what depends on these, but not add the auxiliary files that they newly call for.
	tb_autotools=$(cd "$tb_build/src" &&
		grep -E '(^|/)(configure\.ac|autogen\.sh|[^/]*\.am|[^/]*\.m4)$' ../files.new |
		tr '\n' '\0' | xargs -0 cat | cksum)
	if [ ! -e "$tb_build/src/configure" ] ||
		[ "$tb_autotools" != "$(cat "$tb_build/autotools" 2>/dev/null)" ]; then
		(cd "$tb_build/src" && tb_logged "$tb_log" ./autogen.sh) || return 1
		echo "$tb_autotools" >"$tb_build/autotools"
	fi
	if [ ! -e "$tb_build/out/Makefile" ]; then
		(
			cd "$tb_build/out" || exit 1
			eval "set -- $tb_configure ${TESTBED_CONFIGURE-}"
			tb_logged "$tb_log" ../src/configure "$@" --quiet --prefix=/usr/local \
				--sysconfdir=/etc --localstatedir=/var
		) || return 1
	fi
	rm -rf "$tb_build/installed" "$tb_build/installed.new"
	tb_logged "$tb_log" make -s -C "$tb_build/out" -j"$(nproc)" || return 1
	tb_logged "$tb_log" make -s -C "$tb_build/out" install-strip \
		DESTDIR="$tb_build/installed.new" || return 1
	mv "$tb_build/installed.new" "$tb_build/installed"
	mv "$tb_build/files.new" "$tb_build/files"
	mv "$tb_build/stamp.new" "$tb_build/stamp"
}

# tb_source_newer: names a file of the source tree, if there is one, that is newer than the last build.
tb_source_newer() {
	# shellcheck disable=SC2016 # for the inner shell
	(cd "$tb_source" && tr '\n' '\0' <"$tb_build/files.new" |
		xargs -0 sh -c 'find "$@" -newer "$0"' "$tb_build/stamp") 2>/dev/null
}

# tb_logged LOG COMMAND...: quiet when it works, and the end of what it said when it fails.
tb_logged() {
	tb_log_file=$1
	shift
	"$@" >"$tb_log_file" 2>&1 && return 0
	tail -n 30 "$tb_log_file" >&2
	tb_note "'$1' failed; all it said is in $tb_log_file"
	return 1
}
