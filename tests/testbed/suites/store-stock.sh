# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --stock --daemons ours --timeout 900
# testbed: --stock --daemons ours --xen 4.20 --timeout 900
# shellcheck shell=sh
#
# Our store daemon under everything of stock's: its xl with guests that have a disk and a network, its store clients, its test of
# a store.
set -u
failed=0
bin=$(echo /usr/lib/xen-4.*/bin)
xl=$bin/xl

fail() {
	echo "FAILED: $*"
	failed=1
}

wait_for() { # WORDS SECONDS COMMAND...: until its output has the words
	words=$1 left=$2
	shift 2
	while ! "$@" 2>/dev/null | grep -qF -- "$words"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 1
	done
}

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

echo '--- guests with a disk and a network'
mount --bind /opt/stock/scripts /etc/xen/scripts || fail "stock's scripts"
brctl addbr xenbr0
ip link set xenbr0 up
dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null
losetup /dev/loop0 /tmp/disk
run=$(base64 -w 0 <<'EOF'
echo to the disk | dd of=/dev/xvda bs=512 conv=sync,fsync 2>/dev/null
ip link set eth0 up && echo the network is up
EOF
)
cat >/tmp/g.cfg <<EOF
name = "g"
kernel = "/guests/Image"
ramdisk = "/guests/initrd"
memory = 128
disk = ["/dev/loop0,raw,xvda,w"]
vif = ["bridge=xenbr0,mac=00:16:3e:00:00:01"]
extra = "console=hvc0 quiet run=$run"
EOF
before=$(xenstore-ls -f / | wc -l)
pid=$(cat /run/xenstored.pid)
$xl create /tmp/g.cfg >/tmp/out 2>&1 || { fail "create: $(tail -n 5 /tmp/out)"; exit 1; }
wait_for 'run exited 0' 60 cat /var/log/xen/console/guest-g.log || fail "guest: $(tail -n 5 /var/log/xen/console/guest-g.log)"
grep -q 'the network is up' /var/log/xen/console/guest-g.log || fail "no network"
head -c 11 /tmp/disk | grep -q 'to the disk' || fail "nothing reached the disk"
$xl list | grep -q '^g ' || fail "list"
$xl block-list g | grep -q ' 4 ' || fail "block-list: $($xl block-list g)"
$xl network-list g | grep -q ' 4 ' || fail "network-list: $($xl network-list g)"
$xl shutdown -w g >/dev/null 2>&1 || fail "shutdown"
wait_for "$before" 30 sh -c 'xenstore-ls -f / | wc -l' || fail "$(xenstore-ls -f / | wc -l) nodes, not $before"
$xl list | grep -q '^g ' && fail "the guest is still there"
$xl create -p /tmp/g.cfg >/tmp/out 2>&1 || fail "create -p: $(tail -n 5 /tmp/out)"
$xl destroy g || fail "destroy"
wait_for "$before" 30 sh -c 'xenstore-ls -f / | wc -l' || fail "destroyed: $(xenstore-ls -f / | wc -l) nodes, not $before"

echo '--- another life of the daemon, in place'
xenstore-watch -n 2 /lu >/tmp/out &
sleep 1
$xl create /tmp/g.cfg >/tmp/out2 2>&1 || fail "create: $(tail -n 5 /tmp/out2)"
mkdir -p /var/lib/xenstored
"$bin/xenstore-control" live-update /usr/local/sbin/xenstored || fail "live-update"
[ "$(cat /proc/"$pid"/comm)" = xenstored ] || fail "the process is another one"
wait_for 'run exited 0' 60 cat /var/log/xen/console/guest-g.log || fail "guest after live update"
xenstore-write /lu 1
wait $! 2>/dev/null
wait_for /lu 5 cat /tmp/out || fail "a watch did not survive"
$xl destroy g || fail "destroy after live update"
wait_for "$((before + 1))" 30 sh -c 'xenstore-ls -f / | wc -l' || fail "after live update: $(xenstore-ls -f / | wc -l) nodes"
[ "$(cat /run/xenstored.pid)" = "$pid" ] || fail "another process id"
exit $failed
