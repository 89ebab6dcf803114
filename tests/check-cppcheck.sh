#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# cppcheck over the product's C files. Usage: check-cppcheck.sh BUILD-DIR (for config.h)
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
suppressions=tests/cppcheck.suppressions

# --library=posix,gnu: who allocates and who closes. Headers of the system are not looked into: what
# they hide is unknown, not wrong.
folders=
for f in base xs libvmm xl xenstore xenstored xenconsoled; do
	[ -d "$f" ] && folders="$folders $f"
done
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--library=posix,gnu --suppressions-list="$suppressions" --error-exitcode=1 \
	--template='{file}:{line}: {id}: {message}' -j "$(nproc)" \
	-D__linux__ -D_GNU_SOURCE --include="$build/config.h" -I. $folders
