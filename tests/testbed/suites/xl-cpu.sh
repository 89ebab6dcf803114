# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --cpus 4 --stock --daemons stock
# testbed-long: --xen 4.20 --cpus 4 --stock --daemons stock
# shellcheck shell=sh
# shellcheck disable=SC2317 # await calls them
#
# vcpus, their pinning and sharing, and memory of real guests: what is asked for is read back from Xen by upstream's xl and seen inside
# the guest; what cannot be is refused and changes nothing.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

hard() { # DOMAIN VCPU: by upstream's xl
	"$stock" vcpu-list "$1" | awk -v v="$2" '$3 == v { print $(NF - 2) }'
}

# What Xen holds of all domains, without what moves by itself.
state() {
	"$stock" cpupool-list -c
	"$stock" vcpu-list | awk '{ print $1, $3, $NF, $(NF - 2) }'
	"$stock" sched-credit2
	"$stock" sched-credit2 -s
	xenstore-ls /local/domain | grep -E 'availability|target|static-max'
}

memory() { # DOMAIN: MiB
	"$stock" list "$1" | awk 'NR == 2 { print $3 }'
}

has_at_most() { # DOMAIN MIB
	[ "$(memory "$1")" -le "$2" ]
}

# The last line of the guest's report is "online VCPUS MEMTOTAL-KB".
reports() { # DOMAIN AWK-CONDITION
	said "$1" | grep '^online ' | tail -n 1 | awk "{ exit !($2) }"
}

echo '--- as guest.cfg says'
bare busy busy 'cpus = "2"' 'cpu_weight = 512' 'cap = 40'
bare duo busy 'vcpus = 1' 'maxvcpus = 2' 'cpus = [ "1", "0-3,^2" ]' 'cpus_soft = "3"'
bare spare busy
xl create -q -e /tmp/busy.cfg || fail "create busy"
xl create -q -e -p /tmp/duo.cfg || fail "create duo"
[ "$(hard duo 0) $(hard duo 1)" = '1 0-1,3' ] || fail "cpus: $(hard duo 0) $(hard duo 1)"
"$stock" sched-credit2 -d busy | awk 'NR == 2 { exit !($3 == 512 && $4 == 40) }' || fail "$("$stock" sched-credit2 -d busy)"
"$stock" list -l | sed -n '/"sched_params"/,/}/p' >/tmp/stock.out
xl list -l | sed -n '/"sched_params"/,/}/p' | diff /tmp/stock.out - || fail "sched_params differ"
await 20 runs_on busy 0 2 || fail "busy runs on $(pcpu busy 0), not 2"

echo '--- vcpu-pin'
xl vcpu-pin -f busy 0 3 || fail "pin -f 0 3"
[ "$(hard busy 0)" = 3 ] || fail "pin 0 3: $(hard busy 0)"
await 20 runs_on busy 0 3 || fail "busy runs on $(pcpu busy 0), not 3"
xl destroy busy || fail "destroy busy"
xl vcpu-pin duo all 1-3,^2 0-1 || fail "pin all"
[ "$(hard duo 0) $(hard duo 1)" = '1,3 1,3' ] || fail "pin all: $(hard duo 0) $(hard duo 1)"
xl vcpu-pin duo all - all || fail "pin soft"
same vcpu-list duo
xl vcpu-pin duo 0 node:0 || fail "pin node:0"
same vcpu-list duo
for args in '0 1-2' 'all all' '0 0,2 1' 'all - 3' '1 0-3,^2' '0 node:0' '0 all,^1-2 node:0,^3'; do
	# shellcheck disable=SC2086
	same -N vcpu-pin duo $args
done

echo '--- refused'
state >/tmp/before
refused '4' 1 xl vcpu-pin duo 0 4
refused 'no vcpu 2' 1 xl vcpu-pin duo 2 1
refused 'vcpu' 1 xl vcpu-pin duo x 1
refused 'node' 1 xl vcpu-pin duo 0 node:7
refused 'one vcpu' 1 xl vcpu-pin -f duo all 1
refused 'requires at least' 2 xl vcpu-pin duo 0
refused 'a weight of 0 is out of range' 1 xl sched-credit2 -d duo -w 0
refused 'a weight of 65536 is out of range' 1 xl sched-credit2 -d duo -w 65536
refused 'a cap of 201 is out of range' 1 xl sched-credit2 -d duo -c 201
refused 'a rate limit of 5 us' 1 xl sched-credit2 -s -r 5
refused 'need a domain' 2 xl sched-credit2 -w 5
refused 'is credit2, not rtds' 1 xl sched-rtds -d duo -p 1000 -b 100
refused 'cpupool 0 is credit2, not credit' 1 xl sched-credit -s
refused 'overcommmitting' 1 xl vcpu-set duo 5
refused '1 to 2' 1 xl vcpu-set -i duo 4
refused 'vcpus' 1 xl vcpu-set duo 0
refused 'belongs to a pool' 1 xl cpupool-create 'name="x"' 'cpus="3"'
refused '9' 1 xl cpupool-create 'name="x"' 'cpus="9"'
refused 'no pcpu left' 1 xl cpupool-cpu-remove Pool-0 0-3
refused 'cpupool 0' 1 xl cpupool-destroy Pool-0
refused "no cpupool 'nosuch'" 1 xl create -q /tmp/spare.cfg 'pool="nosuch"'
refused 'no processor' 1 xl create -q /tmp/spare.cfg 'cpus="1,^1"'
refused '7' 1 xl create -q /tmp/spare.cfg 'cpus="7"'
refused 'below its target' 1 xl mem-max duo 16
refused 'above its maximum' 1 xl mem-set duo 1g
refused 'memory size' 1 xl mem-set duo lots
state | diff /tmp/before - || fail "what was refused changed something"

echo '--- pools, dry and by node'
printf 'name = "p"\nsched = "credit"\ncpus = [ 3 ]\n' >/tmp/pool.cfg
xl cpupool-cpu-remove Pool-0 3 || fail "cpu-remove"
same -N cpupool-create /tmp/pool.cfg
same cpupool-create -n 'name="p"'
same -N cpupool-create /tmp/pool.cfg 'sched="credit2"' 'cpus="3"'
xl cpupool-cpu-add Pool-0 node:0 && fail "pcpus were added twice"
xl cpupool-cpu-add Pool-0 3 || fail "cpu-add"
xl cpupool-numa-split || fail "numa-split"
same cpupool-list
xl cpupool-rename Pool-node0 Pool-0 || fail "rename"
same cpupool-list

echo '--- credit2'
same sched-credit2
same sched-credit2 -s
xl sched-credit2 -d duo -w 300 -c 50 || fail "sched-credit2"
xl sched-credit2 -s -r 2000 || fail "ratelimit"
same sched-credit2
same sched-credit2 -d duo
same sched-credit2 -s
xl destroy duo || fail "destroy duo"

echo '--- memory below maxmem, mem-set, mem-max, as the guest sees them'
# shellcheck disable=SC2016 # for the guest's shell
guest vm 'while :; do
	cd /sys/devices/system/cpu; grep -q -- -1 present && echo 1 >cpu1/online 2>/dev/null
	echo online $(cat online) $(awk "/MemTotal/ { print \$2 }" /proc/meminfo); sleep 0.5; done' \
	'vcpus = 1' 'maxvcpus = 2' 'memory = 208' 'maxmem = 272'
xl create -q -e /tmp/vm.cfg || fail "create vm"
says vm 120 '^online ' || fail "vm does not come up"
await 60 has_at_most vm 208 || fail "vm has $(memory vm) MiB, not its memory= of 208"
await 20 reports vm '$3 < 208 * 1024' || fail "vm sees $(said vm | tail -n 1)"
xl mem-set vm 168m || fail "mem-set"
await 60 has_at_most vm 168 || fail "vm has $(memory vm) MiB, not 168"
await 20 reports vm '$3 < 168 * 1024' || fail "vm sees $(said vm | tail -n 1)"
xl mem-set vm 278528k || fail "mem-set k"
await 60 reports vm '$3 > 208 * 1024' || fail "vm does not grow: $(said vm | tail -n 1)"
[ "$(memory vm)" -gt 248 ] || fail "vm has $(memory vm) MiB of 272"
xl mem-max vm 0.5g 2>/dev/null || xl mem-max vm 512m || fail "mem-max"
[ "$(xenstore-read "/local/domain/$(xl domid vm)/memory/static-max")" = 524288 ] || fail "static-max"
echo "vm: $(said vm | tail -n 1)"

# Linux marks a vcpu that comes back as present; bringing it online is its user space's part.
echo '--- vcpu-set, as the guest sees it'
reports vm '$2 == "0"' || fail "more than one vcpu at the start: $(said vm | tail -n 1)"
xl vcpu-set vm 2 || fail "vcpu-set 2"
await 60 reports vm '$2 == "0-1"' || fail "the second vcpu does not come: $(said vm | tail -n 1)"
xl list vm | awk 'NR == 2 { exit !($4 == 2) }' || fail "$(xl list vm)"
xl vcpu-set vm 1 || fail "vcpu-set 1"
await 60 reports vm '$2 == "0"' || fail "the second vcpu does not go: $(said vm | tail -n 1)"
xl list -l vm | tr -d ' \n' | grep -q '"avail_vcpus":\[0\]' || fail "list -l: $(xl list -l vm | grep -A 3 avail)"
xl destroy vm || fail "destroy vm"

echo '--- the host and its memory'
untimed() { "$@" | sed 's/ *[0-9]*\.[0-9] / T /; s/ *[0-9]*\.[0-9]$/ T/'; }
[ "$(untimed xl claims)" = "$(untimed "$stock" claims)" ] || fail "claims: $(xl claims)"
[ "$(untimed xl list)" = "$(untimed "$stock" list)" ] || fail "list: $(xl list)"
# Without PCI upstream has an error there, and leaves this part out.
"$stock" info -n 2>/dev/null | grep -vi 'device' >/tmp/stock.out
xl info -n 2>/tmp/err | grep -vi 'device' | diff /tmp/stock.out - || fail "info -n differs"
[ ! -s /tmp/err ] || fail "info -n: $(cat /tmp/err)"
free() { xl info free_memory; }
free0=$(free)
dom0_has() { awk "/^MemTotal/ { exit !(\$2 $1) }" /proc/meminfo; }
whole=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
xl mem-set 0 960 || fail "mem-set 0"
await 30 dom0_has "< $((whole - 50000))" || fail "dom0 gives nothing: $(grep MemTotal /proc/meminfo)"
xl mem-set 0 1024 || fail "mem-set 0 back"
await 30 dom0_has "> $((whole - 1000))" || fail "dom0 takes nothing back: $(grep MemTotal /proc/meminfo)"
xl create -q -e -p /tmp/spare.cfg shadow_memory=100 || fail "shadow_memory"
[ $((free0 - $(free))) -ge 132 ] || fail "shadow_memory: $free0 MiB before, $(free) after"
xl destroy spare || fail "destroy spare"
[ "$(free)" = "$free0" ] || fail "free after destroy: $(free), not $free0"
for _ in 1 2 3; do
	xl create -q -e -p /tmp/spare.cfg memory=$((free0 - 64)) || fail "create again with nearly all of it"
	xl destroy spare || fail "destroy spare"
done
refused "dom0_mem= is on Xen's command line" 1 xl create -q -e /tmp/spare.cfg memory=$((free0 + 100))
echo 'autoballoon="on"' >/etc/xen/xl.conf
refused 'maps it 1:1' 1 xl create -q -e /tmp/spare.cfg memory=$((free0 + 100))
echo 'autoballoon="off"' >/etc/xen/xl.conf
refused 'autoballoon is off' 1 xl create -q -e /tmp/spare.cfg memory=32 maxmem=$((free0 + 100))
[ "$(free)" = "$free0" ] || fail "free after what was refused: $(free), not $free0"

echo '--- vcpu-set, as dom0 sees it'
xl vcpu-set 0 1 || fail "vcpu-set 0 1"
await 20 grep -qx 0 /sys/devices/system/cpu/online || fail "dom0 has $(cat /sys/devices/system/cpu/online)"
xl vcpu-set 0 2 || fail "vcpu-set 0 2"
await 20 grep -qx 0-1 /sys/devices/system/cpu/present || fail "dom0 has $(cat /sys/devices/system/cpu/present)"
echo 1 >/sys/devices/system/cpu/cpu1/online
grep -qx 0-1 /sys/devices/system/cpu/online || fail "dom0 has $(cat /sys/devices/system/cpu/online)"
exit $failed
