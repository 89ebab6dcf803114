# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --xen rt --cpus 4 --stock --daemons stock
# shellcheck shell=sh
# shellcheck disable=SC2317 # await calls them
#
# Pools and the schedulers rtds, arinc653, null and credit: set by ours, read back by upstream's xl, and measured by the time that guests
# get which want all there is. Times are Xen's own, for guests and for the clock, so that a busy machine below does not matter.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# shares SECONDS DOMAIN...: the percent of a pcpu that each gets, in order
sample() {
	cut -d ' ' -f 1 /proc/uptime
	xl list --json | awk -F '[:,]' '/"name"/ { gsub(/[ "]/, "", $2); name = $2 } /"cpu_seconds"/ { print name, $2 }'
}
shares() {
	xl vcpu-list >/dev/null # warm
	sample >/tmp/s0
	sleep "$1"
	sample >/tmp/s1
	shift
	for d; do
		awk -v d="$d" 'NR == FNR { if (FNR == 1) t = $1; if ($1 == d) u = $2; next }
			FNR == 1 { t = $1 - t } $1 == d { u = $2 - u } END { printf "%d ", u * 100 / t + 0.5 }' /tmp/s0 /tmp/s1
	done
}

near() { # GOT WANTED
	[ "$1" -ge $(($2 - 5)) ] && [ "$1" -le $(($2 + 5)) ]
}

echo '--- pools'
same cpupool-list
xl cpupool-cpu-remove Pool-0 2-3 || fail "cpu-remove"
same cpupool-list -c
xl cpupool-create 'name="rt"' 'sched="rtds"' 'cpus="3"' || fail "cpupool-create"
same cpupool-list
same cpupool-list rt
refused 'already' 1 xl cpupool-create 'name="rt"' 'sched="rtds"'
refused 'no scheduler' 1 xl cpupool-create 'name="x"' 'sched="best"'
refused 'has only' 1 xl cpupool-cpu-remove rt 2
xl cpupool-rename rt real || fail "rename"
[ "$("$stock" cpupool-list real | tail -n 1 | awk '{ print $1 }')" = real ] || fail "stock does not see the name"
bare busy busy 'pool = "real"' 'period = 500000' 'budget = 200000' 'extratime = 0'
xl create -e /tmp/busy.cfg 2>/tmp/err || fail "create busy: $(cat /tmp/err)"
grep -q promised /tmp/err && fail "a warning: $(cat /tmp/err)"
refused '1 domains' 1 xl cpupool-destroy real
refused 'no pcpu left' 1 xl cpupool-cpu-remove real 3
xl cpupool-migrate busy Pool-0 || fail "migrate"
xl cpupool-migrate busy real || fail "migrate back"
xl list -c busy | grep -q ' real$' || fail "it is not there"

echo '--- rtds: 40 % is 40 %'
xl sched-rtds -d busy -p 500000 -b 200000 -e 0 || fail "sched-rtds"
same sched-rtds
same sched-rtds -d busy
same sched-rtds -d busy -v all
same sched-rtds -v all
refused 'does not fit' 1 xl sched-rtds -d busy -p 1000 -b 2000
refused 'no vcpu 7' 1 xl sched-rtds -d busy -v 7 -p 1000 -b 100
refused 'is in cpupool 0, whose scheduler is' 1 xl sched-rtds -d 0 -p 1000 -b 100
same sched-rtds -d busy -v all
xl list -l busy | grep -q '"budget": 200000' || fail "list -l: $(xl list -l busy | sed -n '/sched_params/,/}/p')"
sleep 1
share=$(shares 6 busy)
echo "a busy guest with 200 of 500 ms got $share%"
near "${share% }" 40 || fail "not 40 +/- 5 %"
xl sched-rtds -d busy -p 10000 -b 7500 2>/tmp/err || fail "more"
[ ! -s /tmp/err ] || fail "a warning: $(cat /tmp/err)"
bare second busy 'pool = "real"' 'vcpus = 2' 'period = 10000' 'budget = 5000'
xl create -e -p /tmp/second.cfg 2>/tmp/err || fail "create second"
grep 'promised 1.750 pcpus and it has 1' /tmp/err || fail "no warning: $(cat /tmp/err)"
[ "$("$stock" sched-rtds -d second -v all | awk 'NR > 1 { print $4, $5, $6 }' | sort -u)" = '10000 5000 yes' ] ||
	fail "$("$stock" sched-rtds -d second -v all)"
xl sched-rtds -d second -v 0 -p 10000 -b 1000 -e 0 -v 1 -p 20000 -b 20000 -e 1 2>/tmp/err || fail "more than there is"
grep 'promised 1.850 pcpus and it has 1' /tmp/err || fail "no warning: $(cat /tmp/err)"
same sched-rtds -d second -v all
same sched-rtds -d second -v 1 -v 0
xl destroy second
xl destroy busy
refused 'Xen 4.17 panics' 1 xl cpupool-destroy real

echo '--- null: each vcpu a pcpu of its own'
xl cpupool-create 'name="static"' 'sched="null"' 'cpus=[2]' || fail "null"
bare alone busy 'pool = "static"'
xl create -q -e /tmp/alone.cfg || fail "create alone"
await 20 sh -c 'xl vcpu-list alone | awk "NR == 2 { exit !(\$4 == 2) }"' || fail "alone is not on pcpu 2: $(xl vcpu-list alone)"
xl sched-null
refused 'pcpu of its own' 1 xl create -q -e /tmp/alone.cfg 'name="another"'
bare two busy
xl create -q -e -p /tmp/two.cfg || fail "create two"
refused 'pcpu of its own' 1 xl cpupool-migrate two static
xl destroy alone
xl destroy two
xl cpupool-destroy static || fail "destroy null"

echo '--- arinc653: each its share'
xl cpupool-create 'name="cyclic"' 'sched="arinc653"' 'cpus=[2]' || fail "arinc653"
for d in one two three; do
	bare $d busy 'pool = "cyclic"'
	xl create -q -e /tmp/$d.cfg || fail "create $d"
done
printf 'major_frame 500ms\none 0 100ms\ntwo 0 150ms\n' >/tmp/schedule
xl sched-arinc653 /tmp/schedule 2>/tmp/err || fail "sched-arinc653: $(cat /tmp/err)"
grep "vcpu 0 of domain $(xl domid three) has no window" /tmp/err || fail "no warning: $(cat /tmp/err)"
printf 'major_frame 500ms\none 0 100ms\ntwo 0 150ms\nthree 0 200ms\n' >/tmp/schedule
xl sched-arinc653 /tmp/schedule 2>/tmp/err || fail "sched-arinc653"
[ ! -s /tmp/err ] || fail "a warning: $(cat /tmp/err)"
sleep 1
share=$(shares 6 one two three)
echo "windows of 100, 150 and 200 of 500 ms: $share%"
# shellcheck disable=SC2086
set -- $share
{ near "$1" 20 && near "$2" 30 && near "$3" 40; } || fail "not 20, 30, 40 +/- 5 %"
xl sched-arinc653 >/tmp/read || fail "reading it back"
xl sched-arinc653 /tmp/read || fail "setting what was read"
printf 'major_frame 50ms\none 0 20ms\ntwo 0 60ms\n' >/tmp/bad
refused 'the major frame has 50000 us' 1 xl sched-arinc653 /tmp/bad
printf 'one 1 20ms\n' >/tmp/bad
refused 'no vcpu 1' 1 xl sched-arinc653 /tmp/bad
printf 'nosuch 0 20ms\n' >/tmp/bad
refused '/tmp/bad:1.*nosuch' 1 xl sched-arinc653 /tmp/bad
printf 'one 0 20\n' >/tmp/bad
refused '/tmp/bad:1' 1 xl sched-arinc653 /tmp/bad
printf '0 0 20ms\n' >/tmp/bad
refused 'cpupool-migrate' 1 xl sched-arinc653 /tmp/bad
xl sched-arinc653 | cmp - /tmp/read || fail "a refused schedule changed something"
refused 'no pcpu left' 1 xl cpupool-cpu-remove cyclic 2
for d in one two three; do
	xl destroy $d || fail "destroy $d"
done
xl cpupool-destroy cyclic || fail "destroy cyclic"
xl cpupool-create 'name="old"' 'sched="credit"' 'cpus="2"' || fail "credit"

echo '--- credit'
bare busy busy 'pool = "old"' 'cpu_weight = 300' 'cap = 40'
xl create -q -e /tmp/busy.cfg || fail "create busy"
same sched-credit
same sched-credit -d busy
same sched-credit -s -p old
xl sched-credit -s -p old -t 20 -r 500 || fail "sched-credit -s"
same sched-credit -s -p old
"$stock" sched-credit -d busy | awk 'NR == 2 { exit !($3 == 300 && $4 == 40) }' || fail "$("$stock" sched-credit -d busy)"
xl destroy busy
xl cpupool-destroy old || fail "destroy old"
xl cpupool-cpu-add Pool-0 2 || fail "cpu-add"
same cpupool-list -c

echo '--- top'
bridge xenbr0
disk_images 1
# shellcheck disable=SC2016 # for the guest's shell
guest vm 'ip link set eth0 up; ip addr add 10.0.0.2/24 dev eth0; while :; do dd if=/dev/zero of=/dev/xvda bs=64k count=16 2>/dev/null
	dd if=/dev/xvda of=/dev/null bs=64k 2>/dev/null; ping -c 1 -W 1 10.0.0.1 >/dev/null; sleep 0.2; done' \
	'disk = [ "/root/d0.img,raw,xvda,w" ]' 'vif = [ "" ]' 'cpu_weight = 400'
ip addr add 10.0.0.1/24 dev xenbr0
xl create -q -e /tmp/vm.cfg || fail "create vm"
bare busy busy 'pool = "real"' 'period = 20000' 'budget = 5000' 'extratime = 0'
xl create -q -e /tmp/busy.cfg || fail "create busy"
moves() { xl top --json >/tmp/top.json && tr -d ' \n' </tmp/top.json | sed 's/{/\n/g' | grep '"name":"vm"' >/tmp/vm.json &&
	! grep -qE '"(net_tx_kib|net_rx_kib|disk_read_kib|disk_written_kib)":0,' /tmp/vm.json; }
await 60 moves || fail "no traffic: $(cat /tmp/vm.json)"
cat /tmp/vm.json
grep -q '"cpupool":"Pool-0","scheduler":"credit2","weight":400,"cap":0,"period_us":null' /tmp/vm.json || fail "parameters"
tr -d ' \n' </tmp/top.json | grep -q '"cpupool":"real","scheduler":"rtds","weight":null,"cap":null,"period_us":20000,"budget_us":5000,"extratime":false' ||
	fail "parameters of busy: $(cat /tmp/top.json)"
xl top -b -i 2 -d 1 >/tmp/top || fail "top -b"
tail -n 4 /tmp/top
[ "$(grep -c '^NAME ' /tmp/top)" = 2 ] || fail "not two tables: $(cat /tmp/top)"
grep -q '^busy .* real .* rtds .*5000/20000 us$' /tmp/top || fail "top -b: $(cat /tmp/top)"
# Under a terminal: redrawn, without echo, until a key says so.
printf '#!/bin/sh\nstty cols 150 rows 40\nxl top -d 1\necho "status $?" >/tmp/status\nstty -a >/tmp/stty\n' >/tmp/session
chmod +x /tmp/session
telnetd -p 2300 -b 127.0.0.1 -l /tmp/session
{ sleep 4; printf q; sleep 1; } | timeout 30 telnet 127.0.0.1 2300 >/tmp/screen 2>/dev/null
await 10 grep -q 'status 0' /tmp/status || fail "q does not end it"
[ "$(grep -c "$(printf '\033')\[H" /tmp/screen)" -ge 2 ] || fail "it is not redrawn: $(cat /tmp/screen)"
grep -q 'busy .*5000/20000 us' /tmp/screen || fail "nothing on the terminal: $(cat /tmp/screen)"
tr '\n' ' ' </tmp/stty | grep ' icanon ' | grep -q ' echo ' || fail "the terminal is left raw: $(cat /tmp/stty)"
xl destroy busy
xl destroy vm
exit $failed
