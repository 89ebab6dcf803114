# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --timeout 400
# testbed-long: --timeout 600 --xen 4.20 --stock
# shellcheck shell=sh
#
# Ten disks and two network interfaces at once: Linux's own backends and frontends are the judges. Connected all, shown in the lists,
# none of them given away twice, and nothing of them left afterwards.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

bridge xenbr0
disk_images 11

echo '--- ten disks and two interfaces at once'
disks=
vdevs=
for letter in a b c d e f g h i j; do
	n=$(printf '%d' "'$letter")
	n=$((n - 97))
	disks="$disks\"/root/d$n.img,raw,xvd$letter,w\", "
	vdevs="$vdevs $((51712 + n * 16))"
done
# shellcheck disable=SC2016 # for the guest's shell
run='for d in a b c d e f g h i j; do cat /sys/block/xvd$d/size; done; echo net $(ls /sys/class/net | grep -c eth); echo done-run'
# With less the guest's kernel runs out of memory: ten disks take rings and grants.
p9=
if ls /usr/lib/xen-*/bin/xen-9pfsd >/dev/null 2>&1; then
	mkdir /root/shared
	p9='p9 = [ "type=xen_9pfsd,tag=shared,path=/root/shared,security_model=none" ]'
fi
guest many "$run" "$p9" 'memory = 256' "disk = [ $disks ]" \
	'vif = [ "mac=00:16:3e:00:00:01", "mac=00:16:3e:00:00:02,vifname=many.1" ]'
xl create -e -q /tmp/many.cfg || fail "create with ten disks and two interfaces"
id=$(xl domid many)
for v in $vdevs; do
	await 120 is_connected /local/domain/0/backend/vbd/"$id"/"$v" || fail "disk $v does not connect"
done
for v in 0 1; do
	await 120 is_connected /local/domain/0/backend/vif/"$id"/$v || fail "interface $v does not connect"
done
set -- /sys/class/net/xenbr0/brif/*
[ $# = 2 ] || fail "ports of the bridge: $*"
[ -e /sys/class/net/many.1 ] || fail "vifname was not given"
[ "$(xl block-list many | wc -l)" = 11 ] || fail "block-list: $(xl block-list many)"
[ "$(xl network-list many | wc -l)" = 3 ] || fail "network-list: $(xl network-list many)"
[ -z "$p9" ] || [ "$(xenstore-read /local/domain/0/libxl/xen-9pfs/state)" = running ] || fail "xen-9pfsd was not started"
xl block-list many | head -3
xl network-list many
xl --json block-list many 2>/dev/null | head -3
xl block-attach many /root/d0.img,raw,xvdz,w 2>/tmp/err && fail "an image in use was attached a second time"
cat /tmp/err
xl block-attach many /root/d10.img,raw,xvda,w 2>/tmp/err && fail "a second xvda was attached"
cat /tmp/err
xl network-attach many mac=00:16:3e:00:00:01 2>/tmp/err && fail "a second interface with that address was attached"
cat /tmp/err

echo '--- one block device and two guests'
loop=$(losetup -f)
losetup "$loop" /root/d10.img
guest other '' "disk = [ \"$loop,raw,xvda,w\" ]"
xl block-attach many "$loop,raw,xvdk,r" || fail "a block device that is read"
xl create -e -q -p /tmp/other.cfg 2>/tmp/err && fail "a block device that another guest reads was given to a writer"
cat /tmp/err
grep -q "has the same device already" /tmp/err || fail "no reason"
sed -i 's/xvda,w/xvda,r/' /tmp/other.cfg
xl create -e -q -p /tmp/other.cfg || fail "two that read one block device"
xl destroy other
xl block-detach -f many xvdk || fail "detach xvdk"
xl block-attach many "$loop,raw,xvdk,w!" || fail "a block device shared knowingly"
sed -i 's/xvda,r/xvda,w!/' /tmp/other.cfg
xl create -e -q -p /tmp/other.cfg || fail "two that share one block device knowingly"
xl list -l other | grep -q '"shared": true' || fail "what is shared is not saved so"
xl destroy other
xl destroy many || fail "destroy"
losetup -d "$loop"
no_devices_left "destroy"

exit $failed
