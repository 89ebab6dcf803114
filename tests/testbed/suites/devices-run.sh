# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --timeout 600
# shellcheck shell=sh
#
# Disks and network interfaces of real guests: Linux's own backends and frontends are the judges. Attached and detached while the guest
# runs, over and over ($1 times, 200 by default), under load; and nothing of them left afterwards.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
times=${1:-200}

brctl addbr xenbr0
ip link set xenbr0 up
i=0
while [ $i -lt 11 ]; do
	truncate -s 8M /root/d$i.img
	i=$((i + 1))
done

echo '--- attached and detached while it runs'
load='echo ready-run; while sleep 0.1; do [ -b /dev/xvdb ] && dd if=/dev/zero of=/dev/xvdb bs=64k count=20 2>/dev/null; done'
guest one "$load" 'disk = [ "/root/d0.img,raw,xvda,w" ]' 'vif = [ "" ]'
xl create -e -q /tmp/one.cfg || fail "create one"
id=$(xl domid one)
await 120 is_connected /local/domain/0/backend/vbd/"$id"/51712 || fail "xvda does not connect"
await 120 is_connected /local/domain/0/backend/vif/"$id"/0 || fail "interface 0 does not connect"
xl block-attach one /root/d1.img,raw,xvdb,w || fail "block-attach"
await 120 is_connected /local/domain/0/backend/vbd/"$id"/51728 || fail "xvdb does not connect"
xl list -l one | grep -q '"vdev": "xvdb"' || fail "xvdb is not in the saved configuration"
sleep 1
xl block-detach one xvdb || xl block-detach -f one xvdb || fail "detach under load"
xl list -l one | grep -q '"vdev": "xvdb"' && fail "xvdb is still in the saved configuration"
xl network-attach one bridge=xenbr0 mtu=1400 || fail "network-attach"
await 120 is_connected /local/domain/0/backend/vif/"$id"/1 || fail "interface 1 does not connect"
[ "$(cat /sys/class/net/vif"$id".1/mtu)" = 1400 ] || fail "mtu $(cat /sys/class/net/vif"$id".1/mtu)"
mac=$(xl network-list one | awk '$1 == 1 { print $3 }')
xl network-detach one "$mac" || fail "network-detach by address"
[ "$(xl network-list one | wc -l)" = 2 ] || fail "network-list after detach: $(xl network-list one)"

echo '--- over and over'
i=0
before=$(date +%s)
while [ $i -lt "$times" ]; do
	xl block-attach one /root/d2.img,raw,xvdc,r || {
		fail "attach $i"
		break
	}
	xl block-detach -f one xvdc || {
		fail "detach $i"
		break
	}
	i=$((i + 1))
done
echo "$times times attached and detached: $(($(date +%s) - before)) s"
losetup -a | grep -q d2.img && fail "the loop device of d2.img is left"
[ "$(xl block-list one | wc -l)" = 2 ] || fail "block-list after $times times: $(xl block-list one)"
xl pause one
xl block-attach one /root/d3.img,raw,xvdd,w || fail "attach to a paused guest"
xl block-detach -f one xvdd || fail "detach from a paused guest by force"
xl unpause one
xl destroy one || fail "destroy one"
no_devices_left "destroy one"

exit $failed
