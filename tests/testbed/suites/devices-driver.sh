# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --timeout 400 --xen-args xsm=dummy
# testbed-long: --timeout 400 --xen 4.20 --xen-args xsm=dummy
# shellcheck shell=sh
#
# A driver domain: a Linux guest with the kernel's backends, our xl and nothing of dom0's privileges serves a disk and a network
# interface to another guest. Created before it, attached and detached at run time, by library and by script; its devd killed; the
# domain itself destroyed under its user, which lets go, and started again, which is attached again.
#
# Debian's Xen for Arm keeps guests from each other (XSM's module SILO) unless its command line says xsm=dummy.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

at() {
	echo "--- $(cut -d ' ' -f 1 /proc/uptime) $*"
}

at 'what the driver domain boots: the image of guests, and on top of it our programs, scripts and modules'
more=/tmp/more
lib=usr/lib/aarch64-linux-gnu
release=$(uname -r)
mkdir -p $more/$lib $more/usr/bin $more/etc/xen/scripts "$more/usr/lib/modules/$release"
cp /usr/local/bin/xl $more/usr/bin/
for tool in xenstore-read xenstore-write xenstore-list xenstore-rm xenstore-exists xenstore-ls; do
	cp "$(command -v $tool)" $more/usr/bin/$tool
done
cp /etc/xen/scripts/* $more/etc/xen/scripts/ 2>/dev/null
for program in /usr/local/bin/xl "$(command -v xenstore-read)"; do
	LD_TRACE_LOADED_OBJECTS=1 /lib/ld-linux-aarch64.so.1 "$program" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' |
		while read -r file; do
			cp -L "$file" "$more/$lib/"
		done
done
cp -L /lib/ld-linux-aarch64.so.1 $more/usr/lib/
modules=
for name in llc stp bridge loop xen-blkback xen-netback; do
	if [ -e "/lib/modules/$release/$name.ko" ]; then
		cp "/lib/modules/$release/$name.ko" "$more/usr/lib/modules/$release/"
		modules="$modules $name"
	fi
done
cat >$more/etc/driver <<END
for module in $modules; do insmod /lib/modules/$release/\$module.ko; done
mkdir -p /var/log/xen /run/xen /var/lib/xen
mount -t xenfs xenfs /proc/xen
brctl addbr br0
ip addr add 10.9.9.1/24 dev br0
ip link set br0 up
truncate -s 16M /root/d.img /root/e.img /root/f.img
xl devd || echo "devd: \$?"
xenstore-write data/devd \$?
# Orders from dom0: data/order is a command, data/answer its output.
while sleep 0.2; do
	order=\$(xenstore-read data/order 2>/dev/null) || continue
	xenstore-rm data/order
	answer=\$(eval "\$order" 2>&1)
	xenstore-write data/answer "status \$? \$answer"
done
END
(
	cd $more || exit
	find . | cpio -o -H newc 2>/dev/null | gzip >/tmp/more.gz
)
cat /guests/initrd /tmp/more.gz >/tmp/driver.img
rm -rf $more

guest dd 'sh /etc/driver' 'ramdisk = "/tmp/driver.img"' 'memory = 320' 'driver_domain = 1' 'on_reboot = "destroy"'
# shellcheck disable=SC2016 # for the guest's shell
run='
n=0; until [ -b /dev/xvda ] && [ -d /sys/class/net/eth0 ] || [ $n = 300 ]; do sleep 0.2; n=$((n+1)); done
dd if=/dev/urandom of=/tmp/x bs=64k count=40 2>/dev/null
dd if=/tmp/x of=/dev/xvda bs=64k conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
[ "$(dd if=/dev/xvda bs=64k count=40 2>/dev/null | md5sum)" = "$(md5sum </tmp/x)" ] && echo disk-good
ip addr add 10.9.9.2/24 dev eth0; ip link set eth0 up
ping -c 3 -w 30 10.9.9.1 >/tmp/ping; grep -q "bytes from" /tmp/ping && echo net-good
cat /tmp/ping
echo served'
guest user "$run" 'memory = 256' 'backend_wait = 90' \
	'disk = [ "/root/d.img,raw,xvda,w,backend=dd" ]' \
	'vif = [ "bridge=br0,backend=dd,mac=00:16:3e:00:09:01" ]'

order() { # COMMAND: what the driver domain says to it; fails with it
	xenstore-rm "/local/domain/$dd/data/answer" 2>/dev/null
	xenstore-write "/local/domain/$dd/data/order" "$1"
	await 20 xenstore-exists "/local/domain/$dd/data/answer" || {
		echo "no answer"
		return 1
	}
	answer=$(xenstore-read "/local/domain/$dd/data/answer")
	printf '%b\n' "${answer#status * }"	# line ends come as \n
	case $answer in
	"status 0 "*) ;;
	*) return 1 ;;
	esac
}

start_driver() {
	xl create -q -e /tmp/dd.cfg || fail "create dd"
	dd=$(xl domid dd)
	await 60 xenstore-exists "/local/domain/$dd/libxl/devd" || {
		fail "devd does not come up"
		said dd | tail -n 20
		exit 1
	}
}

at 'a guest that waits for its driver domain'
xl create -q -e /tmp/user.cfg >/tmp/user.out 2>&1 &
creating=$!
start_driver
wait $creating || fail "create of the user: $(cat /tmp/user.out)"
user=$(xl domid user) || exit 1
back=/local/domain/$dd/backend
says user 60 '^served' || fail "the user does not get through"
said user | grep -E 'good|bytes from'
has_said user '^disk-good' || fail "the disk"
has_said user '^net-good' || fail "the network"
is_connected "$back/vbd/$user/51712" || fail "the disk's backend"
is_connected "$back/vif/$user/0" || fail "the interface's backend"
xl block-list user
xl network-list user
order 'losetup -a; ls /sys/class/net/br0/brif; cat /var/log/xen/xldevd.log' || fail "orders"
order 'xl list' && fail "the driver domain may use dom0's commands"
# shellcheck disable=SC2016
order 'ps -o rss,args | grep "[x]l devd"; grep -E "VmRSS|VmHWM" /proc/$(cat /var/run/xen/xldevd.pid)/status'
[ -z "$(losetup -a)" ] || fail "loop devices in dom0: $(losetup -a)"

at 'at run time, by the library and by scripts'
xl block-attach user /root/e.img,raw,xvdb,w,backend=dd || fail "block-attach"
await 20 is_connected "$back/vbd/$user/51728" || fail "xvdb"
xl block-attach user /root/f.img,raw,xvdc,w,backend=dd,script=block || fail "block-attach by script"
await 20 is_connected "$back/vbd/$user/51744" || fail "xvdc"
xl network-attach user bridge=br0,backend=dd,script=vif-bridge || fail "network-attach by script"
await 20 is_connected "$back/vif/$user/1" || fail "interface 1"
xl block-attach user /root/nosuch.img,raw,xvdd,w,backend=dd 2>/tmp/err && fail "attached what is not there"
cat /tmp/err
grep -q 'nosuch.img: No such file' /tmp/err || fail "no reason given"
xenstore-exists "$back/vbd/$user/51760" && fail "nodes of what is not there"
xl network-attach user bridge=nosuch,backend=dd 2>/tmp/err && fail "attached to no bridge"
cat /tmp/err
grep -q "no bridge 'nosuch'" /tmp/err || fail "no reason given for the bridge"

at 'devd killed: what it connected is found, what goes meanwhile is taken down later'
# shellcheck disable=SC2016
order 'kill -9 $(cat /var/run/xen/xldevd.pid)'
xl block-detach -f user xvdb 2>/tmp/err && fail "taken down without a devd"
cat /tmp/err
grep -q 'xl devd' /tmp/err || fail "no word of devd"
order 'losetup -a' | grep -q e.img || fail "the loop device of e.img went by itself"
order 'xl devd -p /run/other.pid; losetup -a' | grep e.img && fail "the loop device of e.img is left"
xl block-detach user xvdc || fail "block-detach of what the devd before connected"
xl network-detach user 1 || fail "network-detach"
order 'losetup -a; ls /sys/class/net/br0/brif' | tee /tmp/left
grep -q 'f.img' /tmp/left && fail "the loop device of f.img is left"
grep -q "vif$user.1" /tmp/left && fail "interface 1 is left"

at 'the driver domain dies under its user'
xl destroy dd || fail "destroy dd"
xl block-list user
xl block-detach -f user xvda || fail "detach of a disk whose backend is gone"
xl network-detach -f user 0 || fail "detach of an interface whose backend is gone"
[ "$(xl block-list user 2>/dev/null | wc -l)" -le 1 ] || fail "a disk is left"
start_driver
back=/local/domain/$dd/backend
xl block-attach user /root/d.img,raw,xvda,w,backend=dd || fail "attach again"
await 20 is_connected "$back/vbd/$user/51712" || fail "the disk again"
xl network-attach user bridge=br0,backend=dd,mac=00:16:3e:00:09:01 || fail "attach the interface again"
await 20 is_connected "$back/vif/$user/0" || fail "the interface again"
xl destroy user || fail "destroy user"
order 'losetup -a; ls /sys/class/net/br0/brif; cat /var/log/xen/xldevd.log' | tee /tmp/left
grep -q -E '^/dev/loop|^vif' /tmp/left && fail "left in the driver domain"
grep -q 'devd: error' /tmp/left && fail "devd could not do all of it"
xenstore-ls -f "/local/domain/$dd/backend" | grep -E '/(vbd|vif)/[0-9]+/[0-9]' && fail "backend nodes left"
xenstore-ls -f "/local/domain/$dd/libxl" | grep -E 'devd/(vbd|vif)/[0-9]+/[0-9]' && fail "notes left"
xl destroy dd || fail "destroy dd at the end"
exit $failed
