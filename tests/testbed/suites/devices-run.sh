# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons stock
# shellcheck shell=sh
#
# Disks and network interfaces of real guests: Linux's own backends and frontends are the judges. Many at once, attached and detached
# while the guest runs, over and over, under load; and nothing of them left afterwards.
set -u
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

guest() { # NAME [SETTING...]
	name=$1
	shift
	{
		echo "name = \"$name\""
		echo 'kernel = "/guests/Image"'
		echo 'ramdisk = "/guests/initrd"'
		echo 'memory = 96'
		for setting; do
			echo "$setting"
		done
	} >"/tmp/$name.cfg"
}

# state BACKEND-PATH: wait until the backend is connected
connected() {
	tries=0
	until [ "$(xenstore-read "$1/state" 2>/dev/null)" = 4 ]; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || return 1
		sleep 0.2
	done
}

nothing_left() {
	[ -z "$(losetup -a)" ] || fail "$1: loop devices left: $(losetup -a)"
	xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '/(vbd|vif)/[0-9]+ ' && fail "$1: backend nodes left"
	# shellcheck disable=SC2010
	ls /sys/class/net | grep '^vif' && fail "$1: interfaces left"
	ls /var/lib/xen/userdata-* 2>/dev/null | grep -v 'userdata-d.0' && fail "$1: saved configurations left"
}

brctl addbr xenbr0
ip link set xenbr0 up
i=0
while [ $i -lt 11 ]; do
	truncate -s 8M /root/d$i.img
	i=$((i + 1))
done

# --- ten disks and two interfaces at once ---
disks=
vdevs=
for letter in a b c d e f g h i j; do
	n=$(printf '%d' "'$letter")
	n=$((n - 97))
	disks="$disks\"/root/d$n.img,raw,xvd$letter,w\", "
	vdevs="$vdevs $((51712 + n * 16))"
done
run=$(printf '%s' 'for d in a b c d e f g h i j; do cat /sys/block/xvd$d/size; done; echo net $(ls /sys/class/net | grep -c eth); echo done-run' |
	base64 | tr -d '\n')
guest many "extra = \"console=hvc0 quiet run=$run\"" "disk = [ $disks ]" \
	'vif = [ "mac=00:16:3e:00:00:01", "mac=00:16:3e:00:00:02,vifname=many.1" ]'
xl create -e -q /tmp/many.cfg || fail "create with ten disks and two interfaces"
id=$(xl domid many)
for v in $vdevs; do
	connected /local/domain/0/backend/vbd/"$id"/"$v" || fail "disk $v does not connect"
done
for v in 0 1; do
	connected /local/domain/0/backend/vif/"$id"/$v || fail "interface $v does not connect"
done
[ "$(ls /sys/class/net/xenbr0/brif | wc -l)" = 2 ] || fail "ports of the bridge: $(ls /sys/class/net/xenbr0/brif)"
[ -e /sys/class/net/many.1 ] || fail "vifname was not given"
[ "$(xl block-list many | wc -l)" = 11 ] || fail "block-list: $(xl block-list many)"
[ "$(xl network-list many | wc -l)" = 3 ] || fail "network-list: $(xl network-list many)"
xl block-list many | head -3
xl network-list many
xl --json block-list many 2>/dev/null | head -3
xl block-attach many /root/d0.img,raw,xvdz,w 2>/tmp/err && fail "an image in use was attached a second time"
cat /tmp/err
xl block-attach many /root/d10.img,raw,xvda,w 2>/tmp/err && fail "a second xvda was attached"
cat /tmp/err
xl network-attach many mac=00:16:3e:00:00:01 2>/tmp/err && fail "a second interface with that address was attached"
cat /tmp/err
xl destroy many || fail "destroy"
nothing_left "destroy"

# --- attached and detached while it runs ---
load=$(printf '%s' 'echo ready-run; while sleep 0.1; do [ -b /dev/xvdb ] && dd if=/dev/zero of=/dev/xvdb bs=64k count=20 2>/dev/null; done' |
	base64 | tr -d '\n')
guest one "extra = \"console=hvc0 quiet run=$load\"" 'disk = [ "/root/d0.img,raw,xvda,w" ]' 'vif = [ "" ]'
xl create -e -q /tmp/one.cfg || fail "create one"
id=$(xl domid one)
connected /local/domain/0/backend/vbd/"$id"/51712 || fail "xvda does not connect"
connected /local/domain/0/backend/vif/"$id"/0 || fail "interface 0 does not connect"
xl block-attach one /root/d1.img,raw,xvdb,w || fail "block-attach"
connected /local/domain/0/backend/vbd/"$id"/51728 || fail "xvdb does not connect"
xl list -l one | grep -q '"vdev": "xvdb"' || fail "xvdb is not in the saved configuration"
sleep 1
xl block-detach one xvdb || xl block-detach -f one xvdb || fail "detach under load"
xl list -l one | grep -q '"vdev": "xvdb"' && fail "xvdb is still in the saved configuration"
xl network-attach one bridge=xenbr0 mtu=1400 || fail "network-attach"
connected /local/domain/0/backend/vif/"$id"/1 || fail "interface 1 does not connect"
[ "$(cat /sys/class/net/vif"$id".1/mtu)" = 1400 ] || fail "mtu $(cat /sys/class/net/vif"$id".1/mtu)"
mac=$(xl network-list one | awk '$1 == 1 { print $3 }')
xl network-detach one "$mac" || fail "network-detach by address"
[ "$(xl network-list one | wc -l)" = 2 ] || fail "network-list after detach: $(xl network-list one)"

# --- two hundred times ---
i=0
before=$(date +%s)
while [ $i -lt 200 ]; do
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
echo "200 times attached and detached: $(($(date +%s) - before)) s"
losetup -a | grep -q d2.img && fail "the loop device of d2.img is left"
[ "$(xl block-list one | wc -l)" = 2 ] || fail "block-list after 200 times: $(xl block-list one)"
xl pause one
xl block-attach one /root/d3.img,raw,xvdd,w || fail "attach to a paused guest"
xl block-detach -f one xvdd || fail "detach from a paused guest by force"
xl unpause one
xl destroy one || fail "destroy one"
nothing_left "destroy one"

exit $failed
