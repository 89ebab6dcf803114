#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Generate configure and Makefile.in. Needs autoconf, automake, libtool and pkg-config.
set -eu
cd "$(dirname "$0")"

for need in autoreconf:autoconf automake:automake libtoolize:libtool pkg-config:pkg-config; do
	command -v "${need%%:*}" >/dev/null || {
		echo "autogen.sh: ${need%%:*} is missing; install the Debian package ${need#*:}" >&2
		exit 1
	}
done
exec autoreconf --install
