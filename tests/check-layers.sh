#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Includes point down: reads LAYERS and every #include "..." of our C files, prints each include that
# goes sideways, up, or into a folder that the section does not name.
# With --self-test: shows that it finds what it is there to find.
set -eu
cd "$(dirname "$0")/.."

check() { # LAYERS FILE...
	awk '
	function fail(msg) { print msg; failed = 1 }
	# The line of a module in its section, 0 when it stands nowhere. Exact names come before patterns.
	function rank_of(section, module,    i, n, names, p, best) {
		best = 0
		for (i = 1; i <= nr[section]; i++) {
			n = split(line[section, i], names, " ")
			while (n > 0) {
				p = names[n--]
				if (p == module)
					return i
				if (p ~ /\*$/ && index(module, substr(p, 1, length(p) - 1)) == 1)
					best = i
			}
		}
		return best
	}
	FNR == 1 { reading_layers = (NR == 1) }
	reading_layers {
		sub(/#.*/, "")
		if ($0 ~ /^\[/) {
			section = substr($1, 2, length($1) - 2)
			may[section] = " "
			for (i = 2; i <= NF; i++)
				may[section] = may[section] $i " "
		} else if (NF) {
			line[section, ++nr[section]] = $0
		}
		next
	}
	FNR == 1 {
		split(FILENAME, part, "/")
		folder = part[1]
		module = part[2]
		sub(/\.(c|h|def)$/, "", module)
		if (!(folder in may)) {
			fail(FILENAME ": LAYERS has no section [" folder "]")
			nextfile
		}
		rank = rank_of(folder, module)
		if (!rank)
			fail(FILENAME ": " module " stands nowhere in LAYERS [" folder "]")
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, quoted, "\"")
		target = quoted[2]
		where = FILENAME ":" FNR ": includes " target
		if (split(target, part, "/") < 2) {
			fail(where ": write includes from the top of the tree")
			next
		}
		other = part[2]
		sub(/\.(c|h|def)$/, "", other)
		if (part[1] != folder) {
			if (!index(may[folder], " " target " ") && !index(may[folder], " " part[1] "/ "))
				fail(where ": [" folder "] may not see that")
		} else if (other != module) {
			theirs = rank_of(folder, other)
			if (!theirs)
				fail(where ": " other " stands nowhere in LAYERS [" folder "]")
			else if (rank && theirs <= rank)
				fail(where ": " (theirs == rank ? "sideways" : "up"))
		}
	}
	END { exit failed }
	' "$@"
}

self_test() {
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	mkdir "$dir/a" "$dir/b"
	printf '[a] b/door.h\ntop\nmid_* peer\nlow\n[b]\ndoor\n' >"$dir/LAYERS"
	bad=0
	try() { # EXPECTED FILE INCLUDE
		printf '#include "%s"\n' "$3" >"$dir/$2"
		got=$(cd "$dir" && check LAYERS "$2") || true
		case $got in
		"$2"*"$1"*) ;;
		*) [ -z "$1$got" ] || { echo "self-test: $2 with $3: '$got', wanted '$1'"; bad=1; } ;;
		esac
	}
	try '' a/top.c a/mid_x.h
	try '' a/top.c a/top.h
	try '' a/mid_x.c b/door.h
	try 'up' a/low.c a/top.h
	try 'sideways' a/mid_x.c a/peer.h
	try 'may not see' a/low.c b/other.h
	try 'stands nowhere' a/new.c a/low.h
	try 'from the top' a/low.c low.h
	return $bad
}

if [ "${1-}" = --self-test ]; then
	self_test
	exit
fi
files=$(find base xs libvmm xl xenstore xenstored xenconsoled -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
# shellcheck disable=SC2086 # no blanks in our file names
check LAYERS $files
