#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Manual pages: clean under mandoc's lint, and complete: every command and option of xl and every key of
# xl.conf and guest.cfg that has an effect, as xl itself tells them, is in its page.
# Usage: check-man.sh [BUILD-DIR]   (without: lint only)
set -eu
build=
[ $# -eq 0 ] || build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
failed=0

pages=$(find man -name '*.[1-8]' | LC_ALL=C sort)
# shellcheck disable=SC2086 # no blanks in our file names
mandoc -T lint -W warning $pages || failed=1
[ -n "$build" ] || exit $failed

tables=$(mktemp)
trap 'rm -f "$tables"' EXIT
"$build/xl/xl" help --json >"$tables"

# The tables as lines "command NAME", "letter X", "name LONG", "xl.conf KEY", "xl.cfg KEY".
rows() {
	awk -F '"' '
		/^    "[a-z.]+": \[/ { section = $2 }
		section == "commands" && /^            "name": "/ { print "command", $4; next }
		section == "commands" && /"letter": "/ { print "letter", $4 }
		section == "commands" && /^                    "name": "/ && $4 != "json" { print "name", $4 }
		section == "xl.conf" && /^        "/ { print section, $2 }
		section == "xl.cfg" && /"key": "/ { key = $4 }
		section == "xl.cfg" && /"supported": true/ { print section, key }
	' "$tables"
}

# A command has ".It Ic NAME"; its options are between that and the next one. Several in a row share them.
rows | awk '
	FNR == NR {
		if (/^\.It Ic /) {
			if (!was_head)
				nr = 0
			commands[++nr] = $3
			there[$3] = 1
		} else if (/^\.Sh /) {
			nr = 0
		}
		was_head = /^\.It Ic /
		for (i = 1; i <= nr; i++)
			text[commands[i]] = text[commands[i]] " " $0 " "
		next
	}
	$1 == "command" {
		command = $2
		known[command] = 1
		if (!(command in there)) {
			print "man/xl.1: the command " command " is missing"
			failed = 1
		}
		next
	}
	($1 == "letter" || $1 == "name") && command in there {
		pattern = $1 == "name" ? "Fl -" $2 "[ =,]" : "Fl [A-Za-z]*" $2
		if (text[command] !~ pattern) {
			print "man/xl.1: " command " has an option " ($1 == "name" ? "--" : "-") $2 " that is missing"
			failed = 1
		}
	}
	END {
		for (command in there) {
			if (!(command in known)) {
				print "man/xl.1: xl has no command " command
				failed = 1
			}
		}
		exit failed
	}
' man/xl.1 - || failed=1

for page in xl.conf xl.cfg; do
	if [ ! -e "man/$page.5" ]; then
		echo "man/$page.5 is missing"
		failed=1
		continue
	fi
	# A key has an entry of its own: ".It Ic KEY" or ".It Cm KEY", perhaps among several.
	rows | awk -v page="$page" '
		FNR == NR {
			if (/^\.It /)
				for (i = 2; i <= NF; i++)
					there[$i] = 1
			next
		}
		$1 == page && !($2 in there) {
			print "man/" page ".5: the key " $2 " is missing"
			failed = 1
		}
		END { exit failed }
	' "man/$page.5" - || failed=1
done
exit $failed
