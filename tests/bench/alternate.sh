# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Runs in dom0 of the testbed, with upstream's toolstack beside ours. Measures both in turns and prints the
# median of each and their ratio. What to measure is the first argument: create or cpu. The second is the
# number of rounds.
set -eu
stock=$(echo /usr/lib/xen-*/bin/xl)
rounds=${2:-11}
results=/tmp/results

cat >/tmp/bench.cfg <<END
name = "bench"
kernel = "/guests/Image"
ramdisk = "/guests/initrd"
memory = 256
extra = "console=hvc0 quiet"
END

# Hundredths of a second since boot: the finest that a shell can read here, so short commands are run many
# times in a row.
now() {
	tr -d . </proc/uptime | cut -d ' ' -f 1
}

# timed KEY TIMES COMMAND...
timed() {
	key=$1 times=$2
	shift 2
	t0=$(now)
	n=0
	while [ $n -lt "$times" ]; do
		"$@" >/dev/null 2>&1
		n=$((n + 1))
	done
	t1=$(now)
	echo "$key $(((t1 - t0) * 10000 / times))" >>$results
}

median() { # KEY: microseconds
	awk -v key="$1" '$1 == key { print $2 }' $results | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

report() { # NAME
	s=$(median "stock-$1") o=$(median "ours-$1")
	awk -v name="$1" -v s="$s" -v o="$o" 'BEGIN {
		printf "%-24s stock %9.2f ms   ours %9.2f ms   ratio %.2f\n", name, s / 1000, o / 1000, s ? o / s : 0
	}'
}

# both NAME TIMES ARGUMENT...: a command of xl, of either
both() {
	name=$1 times=$2
	shift 2
	timed "stock-$name" "$times" "$stock" "$@"
	timed "ours-$name" "$times" xl "$@"
}

bench_create() {
	for _ in $(seq "$rounds"); do
		timed stock-create 1 "$stock" create -e -p /tmp/bench.cfg
		both list 20 list
		timed stock-destroy 1 "$stock" destroy bench
		timed ours-create 1 xl create -e -p /tmp/bench.cfg
		timed ours-destroy 1 xl destroy bench
	done
	report create
	report list
	report destroy
	xl create -q -e -p --timing /tmp/bench.cfg
	xl destroy bench
}

bench_cpu() {
	xl create -q -e -p /tmp/bench.cfg
	for _ in $(seq "$rounds"); do
		both vcpu-pin 10 vcpu-pin bench 0 1
		both vcpu-list 10 vcpu-list
		both cpupool-list 10 cpupool-list
	done
	report vcpu-pin
	report vcpu-list
	report cpupool-list
	xl destroy bench
}

: >$results
case ${1-} in
create) bench_create ;;
cpu) bench_cpu ;;
*)
	echo "usage: alternate.sh create|cpu [ROUNDS]" >&2
	exit 2
	;;
esac
