# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons ours --dom0-mem 512 --timeout 400
# testbed-long: --daemons ours --arch armhf --timeout 900
# shellcheck shell=sh
#
# A guest that attacks its store ring, beside one that works: the daemon lives, the other guest and dom0 do not notice, and the
# memory it was made to use is given back. Then two guests that come and go ($1 times, 5 by default; 100 in store-lives).
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
lives=${1:-5}

start() { # NAME IMAGE OPTION
	bare "$1" "$2" 'on_poweroff = "preserve"'
	xl create -q -e "$3" "/tmp/$1.cfg" || exit 1
}

rss() {
	awk '/VmRSS/ { print $2 }' "/proc/$pid/status"
}

nodes() {
	xenstore-ls -f / | wc -l
}

pid=$(cat /run/xen/xenstored.pid)
xenstore-ls >/dev/null
rss_before=$(rss)

echo '--- an attacker'
start good store_storm -q
says good 30 'storm: begins' || fail "good: $(said good)"
start evil store_hostile -q
says evil 90 'not served after' || fail "evil: $(said evil)"
said evil | grep hostile: | tail -n 1
said evil | grep -q 'not served after 0' || fail "evil: $(said evil | grep hostile)"
[ "$(cat /proc/"$pid"/comm)" = xenstored ] || fail "the daemon died"
xenstore-write "/local/domain/$(xl domid good)/data/stop" 1
says good 30 ' wrong' || fail "good did not end: $(said good)"
said good | grep -q ' 0 wrong' || fail "good: $(said good)"
xl destroy evil || fail "destroy evil"
xl destroy good || fail "destroy good"

echo "--- two guests, $lives lives each"
start a store_storm -p
start b store_storm -p
xl destroy a
xl destroy b
nodes_before=$(nodes)
rss_start=$(rss)
n=0
while [ $n -lt "$lives" ]; do
	n=$((n + 1))
	xl create -q -e -p /tmp/a.cfg || fail "create a, round $n"
	xl create -q -e -p /tmp/b.cfg || fail "create b, round $n"
	xl destroy a || fail "destroy a, round $n"
	xl destroy b || fail "destroy b, round $n"
done
[ "$(nodes)" = "$nodes_before" ] || fail "$(nodes) nodes, not $nodes_before"
echo "resident: $rss_before kB at first, $rss_start before, $(rss) after"
[ "$(rss)" -le $((rss_start + 256)) ] || fail "resident: $(rss) kB, not $rss_start"
exit $failed
