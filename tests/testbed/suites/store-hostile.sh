# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --daemons ours --dom0-mem 512 --timeout 900
# shellcheck shell=sh
#
# A guest that attacks its store ring, beside one that works: the daemon lives, the other guest and dom0 do not notice, and the
# memory it was made to use is given back. Then guests that come and go two hundred times.
set -u
failed=0
lives=${1:-100}
bits=64
[ "$(uname -m)" = aarch64 ] || bits=32

fail() {
	echo "FAILED: $*"
	failed=1
}

log() {
	cat "/var/log/xen/console/guest-$1.log"
}

wait_for() { # WORDS SECONDS COMMAND...
	words=$1 left=$2
	shift 2
	while ! "$@" 2>/dev/null | grep -qF -- "$words"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 1
	done
}

guest() { # NAME IMAGE
	printf 'name = "%s"\nkernel = "/guests/%s%s.bin"\nmemory = 32\non_poweroff = "preserve"\n' \
		"$1" "$2" $bits >"/tmp/$1.cfg"
	[ $bits = 32 ] || echo 'image_format = "raw"' >>"/tmp/$1.cfg"
	xl create -q -e "$3" "/tmp/$1.cfg" || exit 1
}

rss() {
	awk '/VmRSS/ { print $2 }' "/proc/$pid/status"
}

nodes() {
	xenstore-ls -f / | wc -l
}

pid=$(cat /run/xenstored.pid)
xenstore-ls >/dev/null
rss_before=$(rss)

echo '--- an attacker'
guest good store_storm -q
wait_for 'storm: begins' 30 log good || fail "good: $(log good)"
guest evil store_hostile -q
wait_for 'not served after' 90 log evil || fail "evil: $(log evil)"
log evil | grep hostile: | tail -n 1
log evil | grep -q 'not served after 0' || fail "evil: $(log evil | grep hostile)"
[ "$(cat /proc/"$pid"/comm)" = xenstored ] || fail "the daemon died"
xenstore-write "/local/domain/$(xl domid good)/data/stop" 1
wait_for ' wrong' 30 log good || fail "good did not end: $(log good)"
log good | grep -q ' 0 wrong' || fail "good: $(log good)"
xl destroy evil || fail "destroy evil"
xl destroy good || fail "destroy good"

echo '--- two hundred lives'
guest a store_storm -p
guest b store_storm -p
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
