# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --timeout 600
# shellcheck shell=sh
#
# Ten disks and two network interfaces at once: Linux's own backends and frontends are the judges. Connected all, shown in the lists,
# none of them given away twice, and nothing of them left afterwards.
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

# connected BACKEND-PATH: wait until the backend is connected
connected() {
	tries=0
	until [ "$(xenstore-read "$1/state" 2>/dev/null)" = 4 ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return 1
		sleep 0.2
	done
}

nothing_left() {
	[ -z "$(losetup -a)" ] || fail "$1: loop devices left: $(losetup -a)"
	xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '/(vbd|vif)/[0-9]+ ' && fail "$1: backend nodes left"
	# shellcheck disable=SC2010
	ls /sys/class/net | grep '^vif' && fail "$1: interfaces left"
	# shellcheck disable=SC2010
	ls /var/lib/xen | grep '^userdata-d.[1-9]' && fail "$1: saved configurations left"
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
# shellcheck disable=SC2016 # for the guest's shell
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
set -- /sys/class/net/xenbr0/brif/*
[ $# = 2 ] || fail "ports of the bridge: $*"
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

exit $failed
