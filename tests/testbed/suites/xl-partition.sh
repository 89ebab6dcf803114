# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --xen rt --cpus 4 --daemons stock
# shellcheck shell=sh
#
# Static partitions and cyclic schedules on real Xen: applied, read back, kept by guests that start later, refused as a whole, cleared.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

start() { # NAME VCPUS
	guest "$1" '' "vcpus = $2"
	xl create -q -e -p "/tmp/$1.cfg" || fail "create $1"
}

pins() {
	xl vcpu-list "$1" | awk 'NR > 1 { printf "%s ", $(NF - 2) }'
}

pool() {
	xl list -c "$1" | awk 'NR == 2 { print $NF }'
}

cat >/tmp/plan <<END
pool control null 3
pool rest credit2 1-2
guest loop control
guest apps rest
guest later rest
pin loop 0 3
pin later 0 2
exclusive 3
END
start loop 1
start apps 2
xl partition show || fail "show"
pools=$(xl cpupool-list -c)

echo '--- apply'
xl partition check /tmp/plan || fail "check"
[ "$(xl cpupool-list -c)" = "$pools" ] || fail "check changed something"
xl partition apply /tmp/plan || fail "apply"
[ "$(pool loop)" = control ] || fail "loop is in $(pool loop)"
[ "$(pool apps)" = rest ] || fail "apps is in $(pool apps)"
[ "$(pins loop)" = '3 ' ] || fail "loop: $(pins loop)"
xl sched-null || fail "sched-null"
start later 1
[ "$(pool later) $(pins later)" = 'rest 2 ' ] || fail "later: $(pool later) $(pins later)"
for g in loop apps later; do
	xl unpause $g || fail "unpause $g"
done
timeout 300 xl console loop </dev/null | grep -m 1 -q 'guest: up' || fail "loop does not come up"
[ "$(xl vcpu-list loop | awk 'NR == 2 { print $4 }')" = 3 ] || fail "loop is not on pcpu 3"
xl partition show || fail "show"

xl top -b -i 2 -d 1 || fail "top"
xl top --json | grep -q '"cpupool": "control"' || fail "top --json"

echo '--- refused as a whole'
now=$(xl cpupool-list -c; xl vcpu-list | awk '{ print $1, $3, $NF, $(NF - 2) }')
printf 'pool more credit 0\n' >/tmp/bad
refused 'pcpu' 1 xl partition apply /tmp/bad
printf 'pool small null 1\nguest apps small\n' >/tmp/bad
refused 'cpupool' 1 xl partition apply /tmp/bad
printf 'pool x credit 17\n' >/tmp/bad
refused '/tmp/bad:1' 1 xl partition check /tmp/bad
[ "$(xl cpupool-list -c; xl vcpu-list | awk '{ print $1, $3, $NF, $(NF - 2) }')" = "$now" ] || fail "something changed"

echo '--- clear'
xl partition clear || fail "clear"
[ "$(xl cpupool-list -c)" = "$pools" ] || fail "pools after clear: $(xl cpupool-list -c)"
[ "$(pins apps)" = 'all all ' ] || fail "apps: $(pins apps)"
refused 'no partition' 1 xl partition clear
for g in loop apps later; do
	xl destroy $g || fail "destroy $g"
done

echo '--- a cyclic schedule'
xl cpupool-cpu-remove Pool-0 3 || fail "cpu-remove"
xl cpupool-create 'name="cyclic"' 'sched="arinc653"' 'cpus=[3]' || fail "arinc653"
start first 1
start second 1
xl cpupool-migrate first cyclic || fail "migrate"
printf 'major_frame 100ms\nfirst 0 20ms\nsecond 0 60ms\n' >/tmp/schedule
refused "cpupool-migrate" 1 xl sched-arinc653 /tmp/schedule
xl cpupool-migrate second cyclic || fail "migrate"
xl sched-arinc653 /tmp/schedule || fail "sched-arinc653"
xl sched-arinc653 >/tmp/read || fail "reading it back"
cat /tmp/read
xl sched-arinc653 /tmp/read || fail "setting what was read"
printf 'major_frame 50ms\nfirst 0 20ms\nsecond 0 60ms\n' >/tmp/bad
refused 'the major frame has 50000 us' 1 xl sched-arinc653 /tmp/bad
printf 'first 1 20ms\n' >/tmp/bad
refused 'no vcpu 1' 1 xl sched-arinc653 /tmp/bad
printf 'first 0 20\n' >/tmp/bad
refused '/tmp/bad:1' 1 xl sched-arinc653 /tmp/bad
xl sched-arinc653 | cmp - /tmp/read || fail "a refused schedule changed something"
xl destroy first
xl destroy second
exit $failed
