# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --daemons ours --dom0-mem 512 --timeout 900
# shellcheck shell=sh
#
# Two guests that come and go, $1 times each, 100 by default: afterwards the store has as many nodes as before, and the daemon as much
# memory.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
lives=${1:-100}

rss() {
	awk '/VmRSS/ { print $2 }' "/proc/$(cat /run/xen/xenstored.pid)/status"
}

nodes() {
	xenstore-ls -f / | wc -l
}

live() {
	xl create -q -e -p /tmp/a.cfg || fail "create a, life $n"
	xl create -q -e -p /tmp/b.cfg || fail "create b, life $n"
	xl destroy a || fail "destroy a, life $n"
	xl destroy b || fail "destroy b, life $n"
}

bare a store_storm
bare b store_storm
n=0
live
nodes_before=$(nodes)
rss_before=$(rss)
while [ $n -lt "$lives" ]; do
	n=$((n + 1))
	live
done
echo "$(nodes) nodes, $(rss) kB resident; before the $((2 * lives)) lives: $nodes_before, $rss_before"
[ "$(nodes)" = "$nodes_before" ] || fail "$(nodes) nodes, not $nodes_before"
[ "$(rss)" -le $((rss_before + 256)) ] || fail "resident: $(rss) kB, not $rss_before"
xenstore-control check >/tmp/out || fail "check: $(cat /tmp/out)"
exit $failed
