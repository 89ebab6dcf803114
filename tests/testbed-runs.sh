#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Names the runs of the testbed suites, one a line: NAME|SUITE|OPTIONS. A suite is a script in
# tests/testbed/suites whose head has a line for each machine it is to run on:
#	# testbed: --arch arm64 --xen 4.20
# The options are those of tests/testbed/run, with paths from the top of the tree. A line "# testbed-long:" is a run
# that takes minutes, or a quiet machine: it is named only with --long.
set -eu
kinds='testbed'
[ "${1-}" != --long ] || kinds='testbed\(-long\)\{0,1\}'
cd "$(dirname "$0")/.."

for suite in tests/testbed/suites/*.sh; do
	[ -e "$suite" ] || continue
	name=${suite##*/}
	sed -n "s/^# $kinds:[[:space:]]*//p" "$suite" | awk -v suite="$suite" -v name="${name%.sh}" '
		{
			arch = "arm64"
			xen = "4.17"
			n = split($0, word, " ")
			for (i = 1; i < n; i++) {
				if (word[i] == "--arch")
					arch = word[i + 1]
				if (word[i] == "--xen")
					xen = word[i + 1]
			}
			run = "testbed:" name ":" arch ":" xen
			if (seen[run]++)
				run = run ":" seen[run]
			print run "|" suite "|" $0
		}
	'
done
