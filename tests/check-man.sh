#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Manual pages are clean under mandoc's lint.
set -eu
cd "$(dirname "$0")/.."
pages=$(find man -name '*.[1-8]' 2>/dev/null | LC_ALL=C sort)
[ -n "$pages" ] || exit 0
# shellcheck disable=SC2086
mandoc -T lint -W warning $pages
