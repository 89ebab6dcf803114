#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# clang-tidy over the product's C files, with the checks of .clang-tidy.
# Usage: check-tidy.sh BUILD-DIR [FILE...]   (default: all)
set -eu
build=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

# shellcheck disable=SC2046 # no blanks in our file names
[ $# -gt 0 ] || set -- $(find base xs libvmm xl xenstore xenstored xenconsoled -name '*.c' 2>/dev/null)
flags=$(sed -n 's/^\(XEN\|YAJL\|UUID\|ZLIB\|SECCOMP\)_CFLAGS = //p' "$build/Makefile" | tr '\n' ' ')
# One line a finding; what the analyzer assumed on the way there: clang-tidy by hand on that file.
# shellcheck disable=SC2016 # for the inner shell
found=$(printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 sh -c '
	flags=$1 build=$2
	shift 2
	set -- "$@" -- -std=gnu11 -include "$build/config.h" -I. -I"$build"
	for d in CONF RUN LOG STATE; do
		set -- "$@" "-DXEN_${d}_DIR=\"/xen\""
	done
	# shellcheck disable=SC2086
	clang-tidy --quiet "$@" $flags 2>&1
' sh "$flags" "$build" | grep -E ': (error|warning): ' | sed "s|^$PWD/||" | LC_ALL=C sort -u) || true
[ -z "$found" ] || {
	printf '%s\n' "$found"
	exit 1
}
