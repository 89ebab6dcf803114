#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the compiler does not see: licence lines, tabs, widths, leftovers, functions that outgrew a
# screen, words that do not belong here. Prints FILE:LINE: what.
set -eu
cd "$(dirname "$0")/.."

if git rev-parse --git-dir >/dev/null 2>&1; then
	files=$(git ls-files)
else
	files=$(find . -type f ! -path './build*' ! -path './autom4te.cache/*' ! -name 'configure*' \
		! -name Makefile.in ! -name aclocal.m4 ! -name 'l*.m4' | sed 's|^\./||')
fi
failed=0

# Our sources: an SPDX line at the top, tabs, no trailing blanks, an end to the last line.
sources=$(printf '%s\n' "$files" | grep -E '\.(c|h|S|sh|am|ac|m4|py)$' | grep -v '^build-aux/' || true)
# shellcheck disable=SC2086 # no blanks in our file names
awk '
	function width(line,	n, part, i, columns) {
		gsub(/[\200-\277]/, "", line)	# of UTF-8
		n = split(line, part, "\t")
		for (i = 1; i < n; i++)
			columns += length(part[i]) + 8 - (columns + length(part[i])) % 8
		return columns + length(part[n])
	}
	function fail(msg) { print FILENAME ":" FNR ": " msg; failed = 1 }
	FNR == 1 { spdx = 0 }
	FNR <= 3 && /SPDX-License-Identifier: / { spdx = 1 }
	FNR == 3 && !spdx && FILENAME !~ /\.am$/ { fail("no SPDX line at the top") }
	/[ \t]$/ { fail("trailing blanks") }
	FILENAME ~ /\.[ch]$/ {
		if (/^        / && !/^ *\\$/)
			fail("indent with tabs")
		# Rows of tables and directives stay in one piece.
		if (width($0) > 100 && !/^[ \t]*(\{.*\}|[A-Z_0-9]+\(.*\)|\[[A-Z_0-9a-z]+\] = .*|\.[a-z_0-9]+ = .*|#.*)[,;]?([ \t]*\/\*.*)?$/)
			fail("a line of " width($0) " columns")
		if (/^[ \t]*typedef (struct|union|enum)/)
			fail("no typedefs for structs")
		if (/(^|[^A-Za-z_])(strcpy|strcat|atoi|atol|strtok) *\(/)
			fail("a call that knows no bounds")
	}
	/(^|[^A-Za-z_])(TODO|FIXME|XXX|HACK)([^A-Za-z_X]|$)/ && FILENAME !~ /check-style/ {
		fail("a note to self: do it, or open an issue")
	}
	END { exit failed }
' $sources || failed=1

# A C file opens with a comment about what the module knows.
for f in $(printf '%s\n' "$sources" | grep '\.c$'); do
	sed -n '2,3p' "$f" | grep -q '^/\*' || { echo "$f:2: opens without a comment"; failed=1; }
	[ -z "$(tail -c 1 "$f")" ] || { echo "$f: the last line does not end"; failed=1; }
done

# A function fits a screen. Tests may be longer.
# shellcheck disable=SC2046
awk '
	FNR == 1 { start = 0 }
	/^{/ { start = FNR }
	/^}/ && start {
		if (FNR - start - 1 > 60) {
			print FILENAME ":" start ": a function of " FNR - start - 1 " lines (60 fit a screen)"
			failed = 1
		}
		start = 0
	}
	END { exit failed }
' $(printf '%s\n' "$sources" | grep '\.c$' | grep -v '^tests/') || failed=1

# No machine of anybody, and no mirror: the product is built elsewhere. (Patterns are split, or this
# file would be found.)
# shellcheck disable=SC2046
grep -nE '(^|[^a-z.$}])/wor''k/|/ho''me/[a-z]|deb\.debian''\.org|security\.debian''\.org|ftp\.[a-z.]*debian''\.org' \
	$(printf '%s\n' "$files" | grep -v '^COPYING$') /dev/null && failed=1

exit $failed
