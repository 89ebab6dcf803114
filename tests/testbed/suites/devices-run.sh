# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --timeout 400
# testbed-long: --xen 4.20 --timeout 400
# testbed-long: --timeout 900 --put tests/testbed/README.md:/etc/testbed/long
# shellcheck shell=sh
#
# Disks and network interfaces of real guests: Linux's own backends and frontends are the judges. Attached and detached while the guest
# runs, over and over (200 times when /etc/testbed/long is there), under load; by every script of ours; through the guest's reboot; and nothing
# of them left afterwards.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
times=15
[ ! -e /etc/testbed/long ] || times=200

bridge xenbr0
disk_images 11

echo '--- attached and detached while it runs'
load='echo ready-run
while sleep 0.1; do
	[ -b /dev/xvdb ] && dd if=/dev/zero of=/dev/xvdb bs=64k count=20 2>/dev/null
done &
while sleep 0.1; do
	[ -d /sys/class/net/eth1 ] && ifconfig eth1 192.168.77.5
	[ -d /sys/class/net/eth2 ] && ifconfig eth2 10.55.0.2
done'
guest one "$load" 'disk = [ "/root/d0.img,raw,xvda,w" ]' 'vif = [ "" ]'
xl create -q /tmp/one.cfg || fail "create one"
id=$(xl domid one)
await 120 is_connected /local/domain/0/backend/vbd/"$id"/51712 || fail "xvda does not connect"
await 120 is_connected /local/domain/0/backend/vif/"$id"/0 || fail "interface 0 does not connect"
xl block-attach one /root/d1.img,raw,xvdb,w || fail "block-attach"
await 120 is_connected /local/domain/0/backend/vbd/"$id"/51728 || fail "xvdb does not connect"
xl list -l one | grep -q '"vdev": "xvdb"' || fail "xvdb is not in the saved configuration"
sleep 1
xl block-detach one xvdb || fail "detach under load"
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
	xl block-attach one /root/d2.img,raw,xvdc,r || fail "attach $i"
	await 60 is_connected /local/domain/0/backend/vbd/"$id"/51744 || {
		fail "xvdc does not connect, time $i"
		break
	}
	xl block-detach one xvdc || {
		fail "detach $i"
		break
	}
	i=$((i + 1))
done
echo "$times times attached, connected and detached: $(($(date +%s) - before)) s"
losetup -a | grep -q d2.img && fail "the loop device of d2.img is left"
[ "$(xl block-list one | wc -l)" = 2 ] || fail "block-list after $times times: $(xl block-list one)"

echo '--- scripts: those of ours for real, as far as dom0 has the tools they drive; and what a script of somebody else is told'
modprobe dummy
ip link add dummy9 type dummy
ip addr add 192.168.77.1/24 dev dummy9
ip link set dummy9 up
for tool in ovs-vsctl iptables; do
	# shellcheck disable=SC2016 # for the stand-in
	printf '#!/bin/sh\necho "${0##*/} $*" >>/tmp/tools\n[ "$3" != -C ]\n' >/usr/local/bin/$tool
	chmod +x /usr/local/bin/$tool
done
loop=$(losetup -f)
losetup "$loop" /root/d4.img
cat >/tmp/own <<END
#!/bin/sh
echo "own \$* \$XENBUS_TYPE \$XENBUS_PATH \$XENBUS_BASE_PATH \${vif-} \${netdev-}" >>/tmp/owns
[ "\$XENBUS_TYPE" = vif ] || [ "\$1" = remove ] || {
	xenstore-write "\$XENBUS_PATH/physical-device-path" $loop "\$XENBUS_PATH/physical-device" 7:$(printf %x "${loop#/dev/loop}")
}
xenstore-write "\$XENBUS_PATH/hotplug-status" connected
END
chmod +x /tmp/own
# shellcheck disable=SC2317 # await calls it
pings() {
	ping -c 1 -W 1 "$1"
}
xl network-attach one script=vif-route,ip=192.168.77.5,gatewaydev=dummy9 || fail "vif-route"
await 60 pings 192.168.77.5 || fail "no way to a routed guest: $(ip route)"
xl network-attach one script=vif-nat,ip=10.55.0.2,gatewaydev=dummy9 || fail "vif-nat"
await 60 pings 10.55.0.2 || fail "no way to a guest behind NAT: $(ip addr)"
xl network-attach one script=vif-openvswitch,bridge=ovs0,vlan=7,mac=00:16:3e:00:00:33 || fail "vif-openvswitch"
xl network-attach one script=vif-bridge,mtu=1400 || fail "vif-bridge"
[ -d /sys/class/net/xenbr0/brif/vif"$id".4 ] || fail "vif-bridge made no port"
xl network-attach one script=/tmp/own,gatewaydev=dummy9 || fail "an own script for an interface"
xl block-attach one "$loop,raw,xvde,w,script=/tmp/own" || fail "an own script for a disk"
xl block-attach one /root/d5.img,raw,xvdf,w,script=block || fail "block"
await 60 is_connected /local/domain/0/backend/vbd/"$id"/51792 || fail "xvdf does not connect"
await 60 is_connected /local/domain/0/backend/vbd/"$id"/51776 || fail "xvde does not connect"
for n in 1 2 3 4 5; do
	xl network-detach one $n || fail "network-detach $n"
done
xl block-detach one xvde || fail "block-detach xvde"
xl block-detach one xvdf || fail "block-detach xvdf"
losetup -d "$loop"
cat /tmp/tools /tmp/owns
ip route | grep 192.168.77.5 && fail "vif-route left its route"
for words in 'iptables -t nat -A POSTROUTING -o dummy9 -j MASQUERADE' "add-port ovs0 vif$id.3 tag=7 " "ovs-vsctl --timeout=30 -- --if-exists del-port vif$id.3\$"; do
	grep -q -e "$words" /tmp/tools || fail "no '$words'"
done
printf '%s\n' "own online type_if=vif vif backend/vif/$id/5 backend vif$id.5 dummy9" \
	"own add vbd backend/vbd/$id/51776 backend  " \
	"own offline type_if=vif vif backend/vif/$id/5 backend vif$id.5 dummy9" \
	"own remove vbd backend/vbd/$id/51776 backend  " >/tmp/expected
cmp /tmp/owns /tmp/expected || fail "what an own script is told"
ip link del dummy9

echo '--- the guest reboots with its devices'
# shellcheck disable=SC2317 # await calls it
runs_again() {
	[ "$(xl domid one)" -gt "$id" ]
}
xl reboot one || fail "reboot"
await 60 runs_again || fail "the guest does not come back"
id=$(xl domid one)
await 60 is_connected /local/domain/0/backend/vbd/"$id"/51712 || fail "xvda does not connect again"
await 60 is_connected /local/domain/0/backend/vif/"$id"/0 || fail "interface 0 does not connect again"
[ "$(losetup -a | wc -l)" = 1 ] || fail "loop devices after the reboot: $(losetup -a)"

echo '--- by force: from a guest that reads the disk, in the middle of connecting, and from a paused one'
# Last of all: Linux waits for ever in what it had asked of a disk that was taken so, and looks after no other device then.
xl block-attach one /root/d1.img,raw,xvdb,w || fail "block-attach"
await 60 is_connected /local/domain/0/backend/vbd/"$id"/51728 || fail "xvdb does not connect"
xl block-detach -f one xvdb || fail "detach by force under load"
i=0
while [ $i -lt 5 ]; do
	xl block-attach one /root/d2.img,raw,xvdc,r || fail "attach to be taken by force $i"
	xl block-detach -f one xvdc || fail "detach by force $i"
	i=$((i + 1))
done
xl pause one
xl block-attach one /root/d3.img,raw,xvdd,w || fail "attach to a paused guest"
xl block-detach -f one xvdd || fail "detach from a paused guest by force"
xl unpause one
[ "$(losetup -a | wc -l)" = 1 ] || fail "loop devices after detaching by force: $(losetup -a)"
xl destroy one || fail "destroy one"
no_devices_left "destroy one"

exit $failed
