# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --stock --daemons ours --timeout 900
# testbed-long: --stock --daemons ours --xen 4.20 --timeout 900
# shellcheck shell=sh
#
# Our store daemon under stock's tools: its test of a store, its store clients beside ours, a guest of its xl.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
bin=$(echo /usr/lib/xen-4.*/bin)
xl=$bin/xl

echo "--- stock's own test"
"$bin/test-xenstore" >/tmp/out 2>&1 || fail "test-xenstore: $(tail -n 3 /tmp/out)"
"$bin/test-xenstore" -r 10 >/tmp/out 2>&1 || fail "test-xenstore -r 10: $(tail -n 3 /tmp/out)"

echo '--- stock clients beside ours'
stock=/opt/stock/bin
$stock/xenstore-write /t/a 1 '/t/b c' 2 2>/dev/null && fail "a path with a blank was taken"
$stock/xenstore-write /t/a 1 /t/b/c 2 || fail "write"
[ "$($stock/xenstore-read /t/a)" = 1 ] || fail "read"
$stock/xenstore-chmod -r /t n0 b0 || fail "chmod"
for options in '' -f -p '-f -p'; do
	# shellcheck disable=SC2086 # options
	$stock/xenstore-ls $options >/tmp/stock 2>&1
	# shellcheck disable=SC2086
	xenstore-ls $options >/tmp/ours 2>&1
	cmp /tmp/stock /tmp/ours || fail "xenstore-ls $options"
done
$stock/xenstore-watch -n 2 /t/a >/tmp/out &
sleep 1
xenstore-write /t/a 2
wait $! || fail "watch"
[ "$(tr '\n' ' ' </tmp/out)" = '/t/a /t/a ' ] || fail "watch: $(cat /tmp/out)"
"$bin/xenstore-control" quota | grep -q '^nodes' || fail "control quota"
"$bin/xenstore-control" check >/dev/null || fail "control check"
$stock/xenstore-rm /t || fail "rm"

echo '--- a guest from stock xl, with a disk and an interface by stock scripts'
bridge xenbr0
ip addr add 10.9.0.1/24 dev xenbr0
truncate -s 8M /root/disk
guest g "
	ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up
	ping -c 3 -w 20 10.9.0.1 && echo net-works
	echo disk-works | dd of=/dev/xvda bs=512 seek=8 conv=notrunc,sync && sync && echo disk-written" \
	"disk = [ 'format=raw,vdev=xvda,access=rw,script=/opt/stock/scripts/block,target=/root/disk' ]" \
	"vif = [ 'bridge=xenbr0,script=/opt/stock/scripts/vif-bridge' ]"
$xl create /tmp/g.cfg >/tmp/out 2>&1 || { fail "create: $(tail -n 5 /tmp/out; tail -n 5 /var/log/xen/xen-hotplug.log)"; exit 1; }
says g 120 'disk-written' || fail "guest: $(said g | tail -n 5)"
has_said g net-works || fail "net: $(said g | tail -n 5)"
dd if=/root/disk bs=512 skip=8 count=1 2>/dev/null | grep -q disk-works || fail "what the guest wrote is not on its disk"
id=$($xl domid g)
[ -e /sys/class/net/xenbr0/brif/vif"$id".0 ] || fail "the interface is not on the bridge"
$xl list | grep -q '^g ' || fail "list"
$xl block-list g | grep -q 51712 || fail "block-list: $($xl block-list g)"
# Under its xl and our daemon, a crash of the daemon goes unnoticed too.
kill -9 "$(cat /run/xen/xenstored.pid)"
/usr/local/sbin/xenstored --pid-file=/run/xen/xenstored.pid || fail "the daemon does not start again"
$xl network-list g | grep -q /vif/ || fail "network-list: $($xl network-list g)"
$xl shutdown -w g || fail "shutdown"
# The xl that watched over it lost its socket with the daemon and ended, as it does with stock's.
$xl destroy g || fail "destroy"
! $xl list | grep -q '^g ' || fail "the guest is still there"
no_devices_left "after stock xl"
exit $failed
