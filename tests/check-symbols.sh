#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvmm.so gives away vmm_* and nothing else, and all that libvmm.h declares.
# Usage: check-symbols.sh BUILD-DIR
set -eu
lib=$1/.libs/libvmm.so
header=$(dirname "$0")/../libvmm/libvmm.h
failed=0

have=$(nm -D --defined-only "$lib" | awk '{ print $3 }' | sed 's/@.*//' | sort -u)
others=$(printf '%s\n' "$have" | grep -vE '^(vmm_[a-z0-9_]*|LIBVMM_[0-9.]+|)$' || true)
# shellcheck disable=SC2086 # one name a line
[ -z "$others" ] || { printf 'libvmm.so also exports %s\n' $others; failed=1; }

# Function declarations: a vmm_ name followed by "(", outside comments and not a pointer to one.
wanted=$(sed -e 's|/\*.*\*/||' -e '\|/\*|,\|\*/|d' "$header" | grep -vE '^[[:space:]]*(#|typedef|static)' |
	grep -oE '(^|[^(a-z_])\*?vmm_[a-z0-9_]+\(' | grep -oE 'vmm_[a-z0-9_]+' | sort -u)
for name in $wanted; do
	printf '%s\n' "$have" | grep -qx "$name" || { echo "libvmm.h declares $name, libvmm.so lacks it"; failed=1; }
done
exit $failed
