# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --xen rt --cpus 4 --stock --daemons stock
# shellcheck shell=sh
#
# vcpus, pools, schedulers and memory of real guests: what is asked for is read back from Xen by upstream's xl, seen inside
# the guest, and measured by the time it got.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
stock=$(echo /usr/lib/xen-*/bin/xl)

start() { # NAME RUN [SETTING...]
	guest "$@"
	xl create -q -e "/tmp/$1.cfg" || fail "create $1"
}

same() {
	"$stock" "$@" >/tmp/stock.out 2>/tmp/stock.err
	s=$?
	xl "$@" >/tmp/ours.out 2>/tmp/ours.err
	o=$?
	if [ $s != $o ] || ! cmp -s /tmp/stock.out /tmp/ours.out; then
		fail "xl $*: status $s and $o"
		diff /tmp/stock.out /tmp/ours.out
		cat /tmp/stock.err /tmp/ours.err
	else
		echo "same: xl $*"
	fi
}

hard() { # DOMAIN VCPU
	"$stock" vcpu-list "$1" | awk -v v="$2" '$3 == v { print $(NF - 2) }'
}

echo '--- vcpu-pin'
start pin 'while :; do cat /sys/devices/system/cpu/online; sleep 1; done' 'vcpus = 2'
says pin 300 "guest: up" || fail "pin does not come up"
xl vcpu-pin pin 0 3 || fail "pin 0 3"
[ "$(hard pin 0)" = 3 ] || fail "pin 0 3: $(hard pin 0)"
[ "$(hard pin 1)" = all ] || fail "pin 0 3 moved vcpu 1: $(hard pin 1)"
sleep 1
[ "$(xl vcpu-list pin | awk '$3 == 0 { print $4 }')" = 3 ] || fail "it does not run there"
xl vcpu-pin pin all 1-3,^2 0-1 || fail "pin all"
[ "$(hard pin 1)" = 1,3 ] || fail "pin all: $(hard pin 1)"
[ "$("$stock" vcpu-list pin | awk '{ print $NF }')" = "$(xl vcpu-list pin | awk '{ print $NF }')" ] ||
	fail "vcpu-list differs"
xl vcpu-pin pin all - all || fail "pin soft"
[ "$(hard pin 1)" = 1,3 ] || fail "pin -: $(hard pin 1)"
xl vcpu-pin pin 0 node:0 || fail "pin node:0"
[ "$(hard pin 0)" = all ] || fail "pin node:0: $(hard pin 0)"
for args in '0 1-2' 'all all' '0 0,2 1' 'all - 3' '1 0-3,^2'; do
	# shellcheck disable=SC2086
	same -N vcpu-pin pin $args
done
before=$(xl vcpu-list pin | awk '{ print $3, $NF, $(NF - 2) }')
refused '4' 1 xl vcpu-pin pin 0 4
refused 'no vcpu 2' 1 xl vcpu-pin pin 2 1
refused 'vcpu' 1 xl vcpu-pin pin x 1
refused 'node' 1 xl vcpu-pin pin 0 node:7
refused 'one vcpu' 1 xl vcpu-pin -f pin all 1
refused 'requires at least' 2 xl vcpu-pin pin 0
[ "$(xl vcpu-list pin | awk '{ print $3, $NF, $(NF - 2) }')" = "$before" ] || fail "a refused pin changed something"

echo '--- vcpu-set, as the guest sees it'
xl vcpu-set pin 1 || fail "vcpu-set 1"
timeout 300 xl console pin </dev/null | tr -d '\r' | grep -m 1 -q '^0$' || fail "more than one vcpu is online"
xl vcpu-set pin 2 || fail "vcpu-set 2"
timeout 300 xl console pin </dev/null | tr -d '\r' | grep -m 1 -q '^0-1$' || fail "two vcpus are not online"
refused 'overcommmitting' 1 xl vcpu-set pin 5
refused '1 to 2' 1 xl vcpu-set -i pin 4
refused 'vcpus' 1 xl vcpu-set pin 0
xl destroy pin

echo '--- cpupools'
same cpupool-list
same cpupool-list -c
refused 'belongs to a pool' 1 xl cpupool-create 'name="rt"' 'sched="rtds"' 'cpus="3"'
xl cpupool-cpu-remove Pool-0 2-3 || fail "cpu-remove"
same cpupool-list -c
xl cpupool-create 'name="rt"' 'sched="rtds"' 'cpus="3"' || fail "cpupool-create"
same cpupool-list
same cpupool-list rt
refused 'already' 1 xl cpupool-create 'name="rt"' 'sched="rtds"'
refused 'no scheduler' 1 xl cpupool-create 'name="x"' 'sched="best"'
refused '9' 1 xl cpupool-create 'name="x"' 'cpus="9"'
refused 'no pcpu left' 1 xl cpupool-cpu-remove Pool-0 0-1
refused 'has only' 1 xl cpupool-cpu-remove rt 2
refused 'cpupool 0' 1 xl cpupool-destroy Pool-0
refused "no cpupool 'nosuch'" 1 xl cpupool-list nosuch
xl cpupool-rename rt real || fail "rename"
[ "$("$stock" cpupool-list real | tail -n 1 | awk '{ print $1 }')" = real ] || fail "stock does not see the name"
start busy 'while :; do :; done' 'pool = "real"' 'vcpus = 1'
refused '1 domains' 1 xl cpupool-destroy real
xl cpupool-migrate busy Pool-0 || fail "migrate"
xl cpupool-migrate busy real || fail "migrate back"
xl list -c busy | grep -q ' real$' || fail "it is not there"

echo '--- rtds: 40 % is 40 %'
xl sched-rtds -d busy -p 100000 -b 40000 -e 0 || fail "sched-rtds"
same sched-rtds
same sched-rtds -d busy
same sched-rtds -d busy -v all
same sched-rtds -v all
refused 'does not fit' 1 xl sched-rtds -d busy -p 1000 -b 2000
refused 'no vcpu 7' 1 xl sched-rtds -d busy -v 7 -p 1000 -b 100
refused 'whose scheduler is' 1 xl sched-rtds -d 0 -p 1000 -b 100
refused 'whose scheduler is' 1 xl sched-credit -d busy -w 100
sleep 3
used() { xl list --json busy | sed -n 's/.*"cpu_seconds": \([0-9.]*\),/\1/p'; }
clock() { cut -d ' ' -f 1 /proc/uptime; }
c0=$(clock) u0=$(used)
sleep 10
c1=$(clock) u1=$(used)
share=$(echo "$c0 $u0 $c1 $u1" | awk '{ printf "%d", ($4 - $2) * 100 / ($3 - $1) + 0.5 }')
echo "a busy guest with 40 of 100 ms got $share %"
{ [ "$share" -ge 35 ] && [ "$share" -le 45 ]; } || fail "not 40 +/- 5 %"
xl sched-rtds -d busy -p 10000 -b 10000 -e 0 2>/tmp/err || fail "all of it"
start second 'sleep 1000' 'pool = "real"' 'vcpus = 1'
xl sched-rtds -d second -p 10000 -b 5000 2>/tmp/err || fail "more than there is"
grep -q 'promised 1.500 pcpus and it has 1' /tmp/err || fail "no warning: $(cat /tmp/err)"
xl destroy second
xl destroy busy
# The pool stays: Xen 4.17 panics when the last pcpu of an rtds pool is taken away.

xl cpupool-create 'name="goes"' 'sched="credit"' 'cpus="2"' || fail "cpupool-create"
xl cpupool-destroy goes || fail "cpupool-destroy"

echo '--- null: each vcpu a pcpu of its own'
xl cpupool-create 'name="static"' 'sched="null"' 'cpus=[2]' || fail "null"
start alone 'sleep 1000' 'pool = "static"' 'vcpus = 1'
says alone 300 "guest: up" || fail "alone does not come up"
refused 'pcpu of its own' 1 xl create -q -e /tmp/alone.cfg 'name="another"'
start two 'sleep 1000' 'vcpus = 1'
refused 'pcpu of its own' 1 xl cpupool-migrate two static
xl destroy alone
xl cpupool-destroy static || fail "destroy null"
xl cpupool-cpu-add Pool-0 2 || fail "cpu-add"
same cpupool-list -c

echo '--- credit, credit2'
sched=$(xl cpupool-list --json Pool-0 | sed -n 's/.*"scheduler": "\(.*\)",/\1/p')
same "sched-$sched"
same "sched-$sched" -d two
same "sched-$sched" -s
xl "sched-$sched" -d two -w 512 -c 50 || fail "sched-$sched"
same "sched-$sched" -d two
refused 'out of range' 1 xl "sched-$sched" -d two -w 0
refused 'out of range' 1 xl "sched-$sched" -d two -w 65536
refused 'out of range' 1 xl "sched-$sched" -d two -c 101
refused 'need a domain' 2 xl "sched-$sched" -w 5
same "sched-$sched" -d two
xl "sched-$sched" -s -r 2000 || fail "ratelimit"
same "sched-$sched" -s
xl destroy two

echo '--- memory, as the guest sees it'
# shellcheck disable=SC2016 # for the guest's shell
start mem 'while :; do grep MemTotal /proc/meminfo; sleep 1; done' 'vcpus = 1' 'memory = 192'
says mem 300 "guest: up" || fail "mem does not come up"
full=$(xl list mem | awk 'NR == 2 { print $3 }')
xl mem-set mem 128 || fail "mem-set"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(xl list mem | awk 'NR == 2 { print $3 }')" -le 128 ] && break
	sleep 1
done
now=$(xl list mem | awk 'NR == 2 { print $3 }')
[ "$now" -le 128 ] || fail "the guest has $now MiB of $full, not 128"
refused 'below its target' 1 xl mem-max mem 100
refused 'above its maximum' 1 xl mem-set mem 1g
refused 'memory size' 1 xl mem-set mem lots
xl mem-set mem 196608k || fail "mem-set k"
xl mem-max mem 200 || fail "mem-max"
[ "$(xenstore-read "/local/domain/$(xl domid mem)/memory/static-max")" = 204800 ] || fail "static-max"
xl destroy mem
exit $failed
