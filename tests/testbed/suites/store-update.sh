# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --daemons ours --dom0-mem 512 --timeout 900
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# The store daemon replaced by itself while guests and dom0 keep asking: their connections, watches and requests under way survive,
# those of sockets too. Then SIGHUP, which opens the log anew.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
times=${1:-5}

counts() {
	xenstore-read "/local/domain/$1/data/count"
}

goes_on() { # DOMID COUNT
	[ "$(counts "$1")" -gt "$2" ]
}

sees() { # EVENTS
	[ "$(grep -c /watched /tmp/events)" -ge "$1" ]
}

begin_storm s1
begin_storm s2
s1=$(xl domid s1)
s2=$(xl domid s2)
pid=$(cat /run/xen/xenstored.pid)

# A client that stays connected over all of it: once for being there, once each time.
xenstore-watch -n $((times + 1)) /watched >/tmp/events &
watcher=$!
await 10 sees 1 || fail "no first event"

echo '--- live updates'
n=0
while [ $n -lt "$times" ]; do
	n=$((n + 1))
	xenstore-control live-update -F -t 10 /usr/local/sbin/xenstored >/tmp/out 2>&1 || fail "update $n: $(cat /tmp/out)"
	[ "$(cat /run/xen/xenstored.pid)" = "$pid" ] || fail "update $n: another process"
	[ "$(cat /proc/"$pid"/comm)" = xenstored ] || fail "update $n: another program"
	for id in $s1 $s2; do
		await 20 goes_on "$id" "$(counts "$id")" || fail "update $n: domain $id does not go on"
	done
	xenstore-write /watched $n || fail "write after update $n"
	await 10 sees $((n + 1)) || fail "update $n: the watcher sees nothing"
	echo "update $n: s1 $(counts "$s1"), s2 $(counts "$s2")"
done
kill $watcher 2>/dev/null && fail "the watcher has not seen all: $(cat /tmp/events)"
xenstore-control check >/tmp/out || fail "check: $(cat /tmp/out)"

echo '--- a crash after an update'
kill -9 "$pid"
/usr/local/sbin/xenstored --pid-file=/run/xen/xenstored.pid || fail "the daemon does not start"
for id in $s1 $s2; do
	await 20 goes_on "$id" "$(counts "$id")" || fail "domain $id does not go on after the crash"
done

echo '--- what no update may do'
xenstore-control live-update /nowhere >/tmp/out 2>&1 && fail "an update to nothing"
grep -q 'not accessible' /tmp/out || fail "an update to nothing: $(cat /tmp/out)"

echo '--- SIGHUP'
xenstore-control logfile /run/xenstored/trace || fail "logfile"
xenstore-control log on || fail "log on"
xenstore-read /watched >/dev/null
await 5 grep -q /watched /run/xenstored/trace || fail "nothing is traced: $(cat /run/xenstored/trace)"
mv /run/xenstored/trace /run/xenstored/trace.old
kill -HUP "$(cat /run/xen/xenstored.pid)"
await 5 test -e /run/xenstored/trace || fail "SIGHUP does not open the log anew"
xenstore-control log off || fail "log off"

end_storm s1
end_storm s2
exit $failed
