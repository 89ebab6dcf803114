# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Runs in dom0 of the testbed, with upstream's toolstack beside ours. Measures both in turns and prints the
# median of each and their ratio. What to measure is the first argument: create, cpu or devices. The second is the
# number of rounds.
set -eu
stock=$(echo /usr/lib/xen-*/bin/xl)
rounds=${2:-11}
results=/tmp/results

# An emulator translates a program again for every address at which it finds it, which a processor does not: with
# programs at the same place each time, what is measured is the programs.
echo 0 >/proc/sys/kernel/randomize_va_space

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

# device_configs NAME VIF-EXTRA DISK-EXTRA: NAME1.cfg has an interface and a disk, NAME10.cfg two and ten
device_configs() {
	disks=
	for n in 0 1 2 3 4 5 6 7 8 9; do
		letter=$(echo abcdefghij | cut -c $((n + 1)))
		disks="$disks\"/root/d$n.img,raw,xvd$letter,w$3\", "
		[ $n != 0 ] || device_config "$1" 1 "\"mac=00:16:3e:00:00:01$2\"" "$disks"
	done
	device_config "$1" 10 "\"mac=00:16:3e:00:00:01$2\", \"mac=00:16:3e:00:00:02$2\"" "$disks"
}

device_config() {
	cp /tmp/bench.cfg "/tmp/$1$2.cfg"
	printf '%s\n' "vif = [ $3 ]" "disk = [ $4 ]" >>"/tmp/$1$2.cfg"
}

is_connected() {
	[ "$(xenstore-read "/local/domain/0/backend/$1/state" 2>/dev/null)" = 4 ]
}

# attached XL NUMBER KIND SPEC...: from the command until guest and backend are connected
attached() {
	with=$1 at=$2 command=$3
	shift 3
	"$with" "$command" bench "$@"
	until is_connected "$at"; do :; done
}

bench_devices() {
	brctl addbr xenbr0
	ip link set xenbr0 up
	for n in 0 1 2 3 4 5 6 7 8 9 10; do
		truncate -s 8M /root/d$n.img
	done
	device_configs builtin '' ''
	device_configs script ',script=vif-bridge' ',script=block'
	for _ in $(seq "$rounds"); do
		for nr in 1 10; do
			timed stock-create$nr 1 "$stock" create -e -p /tmp/builtin$nr.cfg
			timed stock-destroy$nr 1 "$stock" destroy bench
			timed ours-create$nr 1 xl create -e -p /tmp/builtin$nr.cfg
			timed ours-destroy$nr 1 xl destroy bench
		done
		timed script-create10 1 xl create -e -p /tmp/script10.cfg
		xl destroy bench
	done
	for nr in 1 10; do
		report create$nr
		report destroy$nr
	done
	awk -v s="$(median script-create10)" -v o="$(median ours-create10)" 'BEGIN {
		printf "%-24s script %8.2f ms   builtin %6.2f ms   ratio %.2f\n", "create10, ours", s / 1000, o / 1000, o / s }'
	xl create -q -e -p --timing /tmp/builtin10.cfg
	xl destroy bench
	xl create -q -e /tmp/builtin1.cfg
	id=$(xl domid bench)
	until is_connected "vif/$id/0"; do sleep 0.2; done
	for _ in $(seq "$rounds"); do
		timed stock-attach 1 attached "$stock" "vbd/$id/51872" block-attach /root/d10.img,raw,xvdk,w
		xl block-detach -f bench xvdk
		timed ours-attach 1 attached xl "vbd/$id/51872" block-attach /root/d10.img,raw,xvdk,w
		xl block-detach -f bench xvdk
		timed script-attach 1 attached xl "vbd/$id/51872" block-attach /root/d10.img,raw,xvdk,w,script=block
		xl block-detach -f bench xvdk
	done
	report attach
	awk -v s="$(median script-attach)" -v o="$(median ours-attach)" 'BEGIN {
		printf "%-24s script %8.2f ms   builtin %6.2f ms   ratio %.2f\n", "attach, ours", s / 1000, o / 1000, o / s }'
	xl destroy bench
}

: >$results
case ${1-} in
create) bench_create ;;
cpu) bench_cpu ;;
devices) bench_devices ;;
*)
	echo "usage: alternate.sh create|cpu|devices [ROUNDS]" >&2
	exit 2
	;;
esac
