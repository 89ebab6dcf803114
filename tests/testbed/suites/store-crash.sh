# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons ours --dom0-mem 512 --timeout 900
# testbed-long: --daemons ours --arch armhf --timeout 900
# shellcheck shell=sh
#
# The store daemon killed and started again, many times, while guests and dom0 keep asking: every guest's connection lives, no
# answer is lost or wrong, no write is done twice, nothing that dom0 was told is forgotten.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
rounds=20
[ $bits = 64 ] || rounds=5
rounds=${1:-$rounds}

start_daemon() {
	/usr/local/sbin/xenstored --pid-file=/run/xen/xenstored.pid || fail "the daemon does not start"
}

# Where dom0 has 64 bits, one of 32 beside one of 64.
begin_storm s1
begin_storm s2 32

# dom0: what was acknowledged is written down beside.
(
	i=0
	while [ ! -e /tmp/stop ]; do
		i=$((i + 1))
		xenstore-write /dom0/count $i 2>/dev/null && echo $i >/tmp/acknowledged
	done
) &
dom0=$!

round=0
s1=$(xl domid s1)
s2=$(xl domid s2)
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	usleep $((100000 + round * 37000 % 400000))
	kill -9 "$(cat /run/xen/xenstored.pid)"
	acknowledged=$(cat /tmp/acknowledged 2>/dev/null || echo 0)
	start_daemon
	now=$(xenstore-read /dom0/count 2>/dev/null || echo 0)
	[ "$now" -ge "$acknowledged" ] || fail "round $round: dom0 was told of $acknowledged, the store says $now"
	for id in "$s1" "$s2"; do
		a=$(xenstore-read "/local/domain/$id/data/count")
		left=300
		while [ "$(xenstore-read "/local/domain/$id/data/count")" = "$a" ]; do
			left=$((left - 1))
			[ $left -gt 0 ] || { fail "round $round: domain $id does not go on"; break; }
			usleep 100000
		done
	done
	echo "round $round: $(xenstore-read -p "/local/domain/$s1/data/count" "/local/domain/$s2/data/count" | tr '\n' ' ')dom0 $now, up $(cut -d ' ' -f 1 /proc/uptime)"
done
touch /tmp/stop
wait $dom0
end_storm s1
end_storm s2

echo '--- orderly stop and start: the same'
xenstore-write /kept yes
kill "$(cat /run/xen/xenstored.pid)"
left=50
while kill -0 "$(cat /run/xen/xenstored.pid)" 2>/dev/null && [ $left -gt 0 ]; do
	left=$((left - 1))
	usleep 100000
done
start_daemon
[ "$(xenstore-read /kept)" = yes ] || fail "an orderly stop lost the store"
dmesg | grep -iE 'xenbus.*(error|time)' && fail "dom0's kernel noticed"
exit $failed
