#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# clang-tidy over the product's C files, with the checks of .clang-tidy. What was found in a file is kept
# in the build folder, and used again as long as the file, all it includes and the checks are the same.
# Usage: check-tidy.sh BUILD-DIR [FILE...]   (default: all)
set -eu
build=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

# shellcheck disable=SC2046 # no blanks in our file names
[ $# -gt 0 ] || set -- $(find base xs libvmm xl xenstore xenstored xenconsoled -name '*.c' 2>/dev/null)
# Only paths matter here, not what the programs will be told they are.
flags="-std=gnu11 -include $build/config.h -I. -I$build -DXEN_CONF_DIR=\"\" -DXEN_RUN_DIR=\"\""
flags="$flags -DXEN_LOG_DIR=\"\" -DXEN_STATE_DIR=\"\""
flags="$flags $(sed -n 's/^\(XEN\|YAJL\|UUID\|ZLIB\|SECCOMP\)_CFLAGS = //p' "$build/Makefile" | tr '\n' ' ')"

# One line a finding; what the analyzer assumed on the way there: clang-tidy by hand on that file.
mkdir -p "$build/tidy"
# shellcheck disable=SC2016 # for the inner shell
found=$(printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh -c '
	flags=$1 cache=$2
	# shellcheck disable=SC2086
	key=$({ cat .clang-tidy; clang -D__clang_analyzer__ -E "$3" $flags 2>&1; } | sha1sum | cut -d " " -f 1)
	if [ ! -e "$cache/$key" ]; then
		# shellcheck disable=SC2086
		clang-tidy --quiet "$3" -- $flags 2>&1 | grep -E ": (error|warning): " >"$cache/$key.$$"
		mv "$cache/$key.$$" "$cache/$key"
	fi
	touch "$cache/$key"
	cat "$cache/$key"
' sh "$flags" "$build/tidy" | sed "s|^$PWD/||; s|^\./||" | LC_ALL=C sort -u) || true
find "$build/tidy" -type f -mtime +7 -delete
[ -z "$found" ] || {
	printf '%s\n' "$found"
	exit 1
}
