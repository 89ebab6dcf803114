# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --timeout 600
# shellcheck shell=sh
#
# Devices that cannot be: each is refused in one clear line, in bounded time, and nothing is left of it or of the domain.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# What dom0's kernel writes of a device's errors is the kernel's.
nodes_left() {
	xenstore-ls -f | grep -v '^/local/domain/0/error' | grep -E '/(vbd|vif)/[0-9]+|^/libxl/[1-9]'
}

# refuse WORDS SETTING...: create fails, says so in one line, and leaves nothing
refuse() {
	words=$1
	shift
	{
		echo 'name = "bad"'
		echo 'kernel = "/guests/Image"'
		echo 'memory = 64'
		for setting; do
			echo "$setting"
		done
	} >/tmp/bad.cfg
	xl create -e -q -p /tmp/bad.cfg 2>/tmp/err
	status=$?
	tail -n 1 /tmp/err
	[ $status = 1 ] || fail "$*: status $status"
	grep -q -e "$words" /tmp/err || fail "$*: no '$words'"
	grep -q Success /tmp/err && fail "$*: Success"
	xl list bad >/dev/null 2>&1 && fail "$*: the domain is there" && xl destroy bad
	[ -z "$(losetup -a)" ] || fail "$*: loop devices left: $(losetup -a)"
	nodes_left && fail "$*: nodes left"
	pgrep -f /tmp/scripts/ >/dev/null 2>&1 && fail "$*: a script is left running"
	# shellcheck disable=SC2010
	ls /var/lib/xen/ | grep 'userdata-.*\.[1-9]' && fail "$*: files left"
}

mkdir /tmp/scripts
script() {
	printf '#!/bin/sh\n%s\n' "$2" >/tmp/scripts/"$1"
	chmod +x /tmp/scripts/"$1"
}
# shellcheck disable=SC2016 # for the scripts themselves
script fails '[ "$1" = remove ] || { xenstore-write "$XENBUS_PATH/hotplug-error" "the array is on fire"; exit 7; }'
# shellcheck disable=SC2016
script hangs '[ "$1" = remove ] || sleep 1000'
script plain 'exit 0'
chmod -x /tmp/scripts/plain
truncate -s 8M /root/a.img /root/b.img
truncate -s 100 /root/tiny.img
brctl addbr xenbr0

refuse 'No such file' 'disk = [ "/root/nosuch.img,raw,xvda,w" ]'
refuse 'neither a block device' 'disk = [ "/root,raw,xvda,w" ]'
refuse '100 bytes are no disk image' 'disk = [ "/root/tiny.img,raw,xvda,w" ]'
refuse "no bridge 'nosuch'" 'disk = [ "/root/a.img,raw,xvda,w" ]' 'vif = [ "bridge=nosuch" ]'
refuse 'the array is on fire' 'disk = [ "/root/a.img,raw,xvda,w", "/root/b.img,raw,xvdb,w,script=/tmp/scripts/fails" ]'
refuse 'did not end within' 'disk = [ "/root/a.img,raw,xvda,w,script=/tmp/scripts/hangs" ]'
refuse 'not executable' 'disk = [ "/root/a.img,raw,xvda,w,script=/tmp/scripts/plain" ]'
refuse 'script /tmp/scripts/nosuch' 'vif = [ "script=/tmp/scripts/nosuch" ]'
refuse 'already a device with that name' 'disk = [ "/root/a.img,raw,xvda,w", "/root/b.img,raw,xvda,w" ]'
refuse 'is in use by' 'disk = [ "/root/a.img,raw,xvda,w", "/root/a.img,raw,xvdb,w" ]'
refuse 'MAC address' 'vif = [ "mac=00:16:3e:00:00:01", "mac=00:16:3e:00:00:01" ]'
refuse 'backend=' 'disk = [ "/root/a.img,raw,xvda,w,backend=nosuch" ]'
refuse 'did not come up within backend_wait' 'backend_wait = 2' 'vif = [ "backend=nosuch" ]'
refuse 'no backend took it up' 'vdispl = [ "connectors=a:10x10" ]'
losetup /dev/loop7 /root/a.img
printf 'name = "busy"\nkernel = "/guests/Image"\nmemory = 64\ndisk = [ "/root/a.img,raw,xvda,w" ]\n' >/tmp/busy.cfg
xl create -e -q -p /tmp/busy.cfg 2>/tmp/err && fail "a busy image was taken"
cat /tmp/err
grep -q 'is in use by /dev/loop7' /tmp/err || fail "busy: no word of /dev/loop7"
losetup -d /dev/loop7

# A guest that never looks at its device: detach waits, then says so; by force it goes.
printf 'name = "deaf"\nkernel = "/guests/Image"\nmemory = 64\ndisk = [ "/root/a.img,raw,xvda,w" ]\n' >/tmp/deaf.cfg
xl create -e -q -p /tmp/deaf.cfg || fail "create deaf"
xl block-detach deaf xvdq 2>&1 | grep 'Unknown device xvdq' || fail "an unknown disk"
xl block-detach deaf xvda || xl block-detach -f deaf xvda || fail "forced detach of a deaf guest"
xl destroy deaf || fail "destroy deaf"
[ -z "$(losetup -a)" ] || fail "loop devices left: $(losetup -a)"

# A guest that writes what it can write: its own nodes. What is listed is what it wrote; what is done is not.
printf 'name = "liar"\nkernel = "/guests/Image"\nmemory = 64\ndisk = [ "/root/a.img,raw,xvda,w" ]\nvif = [ "" ]\n' >/tmp/liar.cfg
xl create -e -q -p /tmp/liar.cfg || fail "create liar"
id=$(xl domid liar)
for node in device/vbd/51712 device/vif/0; do
	dir=/local/domain/$id/$node
	xenstore-write "$dir/state" 99999999999999999999 "$dir/backend" /local/domain/0/backend/vbd/0/1 "$dir/backend-id" seven \
		"$dir/ring-ref" 'x y' "$dir/event-channel" 4294967296 "$dir/mac" "$(printf 'a\tb')" "$dir/handle" none
done
xenstore-write "/local/domain/$id/device/vbd/1/backend" /local/domain/0/backend/vbd/0/1 "/local/domain/$id/device/x/y/z" 1
xl block-list liar || fail "list of a liar's disks"
xl network-list liar || fail "list of a liar's interfaces"
[ "$(xl block-list liar | wc -l)" = 2 ] || fail "a disk that only the guest speaks of is listed"
xl network-detach -f liar 0 || fail "detach from a liar"
xl destroy liar || fail "destroy liar"
[ -z "$(losetup -a)" ] || fail "loop devices left of the liar: $(losetup -a)"
nodes_left && fail "nodes left of the liar"

exit $failed
