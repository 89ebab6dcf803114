# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --xen rt --cpus 4 --daemons stock
# shellcheck shell=sh
# shellcheck disable=SC2317 # await calls them
#
# Static partitions on real Xen: drawn beforehand as they come out, applied, kept by guests that start later, refused as a whole,
# cleared.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

start() { # NAME VCPUS
	bare "$1" busy "vcpus = $2"
	xl create -q -e "/tmp/$1.cfg" || fail "create $1"
}

pins() {
	xl vcpu-list "$1" | awk 'NR > 1 { printf "%s ", $(NF - 2) }'
}

pool() {
	xl list -c "$1" | awk 'NR == 2 { print $NF }'
}

# The picture without what moves.
drawn() {
	"$@" | awk '/^Name/ { on = 1 } /^#/ { on = 0 } on' | tr @ '#'
}

cat >/tmp/plan <<END
pool control null 3
pool rest credit2 1-2
guest loop control
guest apps rest
guest later rest
pin loop 0 3
pin apps 0 1
pin apps 1 1
pin later 0 2
exclusive 2-3
END
start loop 1
start apps 2
xl partition show || fail "show"
pools=$(xl cpupool-list -c)

echo '--- check, apply'
xl partition check /tmp/plan || fail "check"
[ "$(xl cpupool-list -c)" = "$pools" ] || fail "check changed something"
drawn xl partition /tmp/plan | grep -v '^later ' >/tmp/foreseen
xl partition apply /tmp/plan || fail "apply"
drawn xl partition show | diff /tmp/foreseen - || fail "it is not what check drew"
[ "$(pool loop) $(pins loop)" = 'control 3 ' ] || fail "loop: $(pool loop) $(pins loop)"
[ "$(pool apps) $(pins apps)" = 'rest 1 1 ' ] || fail "apps: $(pool apps) $(pins apps)"
xl sched-null | grep '^control .* 3 loop ' || fail "sched-null: $(xl sched-null)"
start later 1
[ "$(pool later) $(pins later)" = 'rest 2 ' ] || fail "later: $(pool later) $(pins later)"
await 20 runs_on loop 0 3 || fail "loop is not on pcpu 3"
await 20 runs_on later 0 2 || fail "later is not on pcpu 2"
xl destroy loop || fail "destroy loop"
start loop 1
[ "$(pool loop) $(pins loop)" = 'control 3 ' ] || fail "loop, started again: $(pool loop) $(pins loop)"
xl partition show >/tmp/out || fail "show"
grep 'Pcpus with one vcpu: 2-3; shared: 0-1; unused: none' /tmp/out || fail "$(cat /tmp/out)"
grep 'vwfi=native would starve vcpus on the shared pcpus; .* does not have it' /tmp/out || fail "$(cat /tmp/out)"
xl partition --json | tr -d ' \n' | grep -q '"exclusive":"2-3","shared":"0-1","unused":"none","vwfi_native_possible":false' ||
	fail "$(xl partition --json)"
xl partition apply /tmp/plan >/tmp/again || fail "apply again"
diff /tmp/out /tmp/again >/tmp/diff && grep -q '[^@#. 0-9]' /tmp/diff && fail "applied again: $(cat /tmp/diff)"

echo '--- refused as a whole'
state() {
	xl cpupool-list -c
	xl vcpu-list | awk '{ print $1, $3, $NF, $(NF - 2) }'
}
state >/tmp/before
printf 'pool more credit 0\n' >/tmp/bad
refused 'pcpu' 1 xl partition apply /tmp/bad
printf 'pool small null 1\nguest apps small\n' >/tmp/bad
refused 'cpupool' 1 xl partition apply /tmp/bad
printf 'pool x credit 17\n' >/tmp/bad
refused '/tmp/bad:1' 1 xl partition check /tmp/bad
refused '/tmp/none' 1 xl partition apply /tmp/none
state | diff /tmp/before - || fail "what was refused changed something"

echo '--- clear'
xl partition clear || fail "clear"
[ "$(xl cpupool-list -c)" = "$pools" ] || fail "pools after clear: $(xl cpupool-list -c)"
[ "$(pins apps)" = 'all all ' ] || fail "apps: $(pins apps)"
refused 'no partition' 1 xl partition clear

echo '--- a plan that fails halfway'
state >/tmp/before
printf 'pool one credit 3\npool two null 2\nguest loop one\nguest apps two\n' >/tmp/bad
refused 'pcpu of its own' 1 xl partition apply /tmp/bad
state | diff /tmp/before - || fail "it is not as before"

echo '--- nothing shared'
xl destroy apps
xl destroy later
xl vcpu-pin 0 0 0 || fail "pin dom0"
xl vcpu-pin 0 1 1 || fail "pin dom0"
printf 'pool one credit2 2-3\nguest loop one\npin loop 0 2\nexclusive 2\n' >/tmp/plan
xl partition apply /tmp/plan >/tmp/out || fail "apply"
grep 'vwfi=native is possible, since no pcpu is shared' /tmp/out || fail "$(cat /tmp/out)"
xl destroy loop
xl partition clear || fail "clear"
exit $failed
