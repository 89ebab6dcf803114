#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs shellcheck over every shell script: by name, or by the first line.
set -eu
cd "$(dirname "$0")/.."

list() {
	git ls-files 2>/dev/null ||
		find . -type f ! -path './build*' ! -path './autom4te.cache/*' ! -name 'configure*'
}
scripts=$(
	list | sed 's|^\./||' | LC_ALL=C sort | while read -r f; do
		case $f in
		*.c | *.h | *.am | *.m4 | *.ac | *.md) ;;
		*.sh) echo "$f" ;;
		*) if head -n 1 "$f" | grep -aqE '^#!.*/(ba|da|)sh( |$)'; then echo "$f"; fi ;;
		esac
	done
)
# shellcheck disable=SC2086 # no blanks in our file names
exec shellcheck -e SC1091,SC2016 -x -P SCRIPTDIR $scripts
