# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Runs in dom0 of the testbed. See daemons.
# shellcheck source=../testbed/suite.sh
. /etc/testbed/suite.sh
stock=${stock%/*} # the folder of upstream's
guests=${1:-50}

# memory WHAT PID...: kB resident, own alone, and with shared pages counted by their share
memory() {
	memory_what=$1
	shift
	for memory_pid; do
		awk '/^VmRSS/ { r = $2 } /^RssAnon/ { a = $2 } END { print "r", r; print "a", a }' "/proc/$memory_pid/status"
		awk '/^Pss:/ { s += $2 } END { print "p", s }' "/proc/$memory_pid/smaps_rollup"
	done | awk -v what="$memory_what" -v n=$# '
		{ v[$1] += $2 }
		END { printf "%-32s %3d processes, resident %7d kB, by share %7d kB, own %7d kB\n", what, n, v["r"], v["p"], v["a"] }'
}

ticks() { # PID
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

hundredths() {
	tr -d . </proc/uptime | cut -d ' ' -f 1
}

# flood XL WHAT PID-OF-CONSOLED
flood() {
	rm -f $console/guest-flood.log*
	flood_ticks=$(ticks "$3") flood_start=$(hundredths)
	"$1" create -q -e /tmp/flood.cfg || fail "$2: create"
	says flood 120 'flood: done' || fail "$2: the flood does not end"
	echo "$2: flood of 2 MB: $(($(ticks "$3") - flood_ticks)) ticks of 10 ms in $(($(hundredths) - flood_start)) hundredths of a second;" \
		"$(cat $console/guest-flood.log* | wc -c) bytes logged"
	"$1" destroy flood || fail "$2: destroy"
}

for n in $(seq "$guests"); do
	bare "g$n" idle
	sed -i 's/^memory.*/memory = 16/' "/tmp/g$n.cfg"
done
bare flood flood

echo '--- ours'
ours() {
	echo "$(cat /run/xen/xlmonitor.pid) $(cat /run/xen/xenconsoled.pid)"
}
# shellcheck disable=SC2046 # pids
xl create -q /tmp/g1.cfg && says g1 30 'idle: up' && memory 'ours, 1 guest' $(ours)
start=$(hundredths)
for n in $(seq 2 "$guests"); do
	xl create -q "/tmp/g$n.cfg" || fail "create g$n"
done
echo "$((guests - 1)) creates: $(($(hundredths) - start)) hundredths of a second"
says "g$guests" 30 'idle: up'
# shellcheck disable=SC2046 # pids
memory "ours, $guests guests" $(ours)
memory 'ours: the store beside it' "$(cat /run/xen/xenstored.pid)"
for n in $(seq "$guests"); do
	xl destroy "g$n" || fail "destroy g$n"
done
for _ in 1 2 3; do
	flood xl ours "$(cat /run/xen/xenconsoled.pid)"
done

echo '--- stock'
/etc/init.d/xencommons stop
"$stock/xenconsoled" --pid-file=/run/xen/stock-consoled.pid --log=guest --log-dir=$console || exit 1
await 10 [ -s /run/xen/stock-consoled.pid ]
consoled=$(cat /run/xen/stock-consoled.pid)
rm -f $console/guest-g*
"$stock/xl" create -q /tmp/g1.cfg && says g1 30 'idle: up'
# shellcheck disable=SC2046 # pids
memory 'stock, 1 guest' "$consoled" $(pidof xl)
start=$(hundredths)
for n in $(seq 2 "$guests"); do
	"$stock/xl" create -q "/tmp/g$n.cfg" || fail "stock create g$n"
done
echo "$((guests - 1)) creates: $(($(hundredths) - start)) hundredths of a second"
# shellcheck disable=SC2046 # pids
memory "stock, $guests guests" "$consoled" $(pidof xl)
for n in $(seq "$guests"); do
	"$stock/xl" destroy "g$n" || fail "stock destroy g$n"
done
for _ in 1 2 3; do
	flood "$stock/xl" stock "$consoled"
done
kill "$consoled"
exit $failed
