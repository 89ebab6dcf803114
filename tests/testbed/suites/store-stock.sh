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

echo '--- a guest from stock xl'
cat >/tmp/g.cfg <<EOF
name = "g"
kernel = "/guests/Image"
ramdisk = "/guests/initrd"
memory = 128
extra = "console=hvc0 quiet"
EOF
$xl create /tmp/g.cfg >/tmp/out 2>&1 || { fail "create: $(tail -n 5 /tmp/out)"; exit 1; }
says g 120 'guest: up' || fail "guest: $(said g | tail -n 5)"
$xl list | grep -q '^g ' || fail "list"
$xl destroy g || fail "destroy"
! $xl list | grep -q '^g ' || fail "the guest is still there"
exit $failed
