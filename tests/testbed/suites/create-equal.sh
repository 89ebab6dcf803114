# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --stock --daemons stock
# testbed-long: --xen 4.20 --stock --daemons stock
# shellcheck shell=sh
# shellcheck disable=SC2016 # for the guest's shell
#
# The same guest made by upstream's xl and by ours: the same device tree seen from inside, the same store tree with the same
# permissions. What may differ: random seeds, the domain's number, the time of day.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# What upstream's 4.17 has not yet: virtio devices but disks, and their use of grants.
newer='^$'
case $stock in
*/xen-4.17/*) newer='/grant_usage = ' ;;
esac

# Every property of the tree, one a line, in order; the kernel wipes the seed.
show_tree='echo TREE; cd /proc/device-tree; find . -type f ! -name rng-seed | sort |
while read -r p; do echo "$p $(hexdump -v -e "1/1 \"%02x\"" "$p")"; done; echo END'

# config NAME LINES...
config() {
	name=$1
	shift
	{
		echo "name = \"$name\""
		echo "uuid = \"6d5c1f1e-3d5a-4e0e-a0f5-6a7f8e0d8f11\""
		printf '%s\n' "$@"
		echo "extra = \"console=hvc0 quiet run=$(printf %s "$show_tree" | base64 -w 0)\""
	} >"/tmp/$name.cfg"
}

# The number of the domain is masked wherever the store shows it, and what a clock or a terminal says.
store_of() {
	xenstore-ls -fp | sed -E \
		-e "s#^(/local/domain|/libxl)/$1(/| )#\\1/N\\2#" -e "s#/(console|vuart|virtio|virtio_disk)/$1(/| |\")#/\\1/N\\2#g" \
		-e "s#/local/domain/$1(/|\")#/local/domain/N\\1#g" -e "s#([nrwb])$1([,)])#\\1N\\2#g" \
		-e "s#(/domid|frontend-id) = \"$1\"#\\1 = \"N\"#" -e 's#(start_time) = ".*"#\1 = "T"#' \
		-e 's#(/tty) = ".*"#\1 = "P"#' -e 's#\((n0),r[0-9]+\)$#(\1,rN)#' |
		grep -v -e '^/local/domain/0/[^b]' -e "$newer" | sort
}

# The domain stays paused for the look at the store, then runs until it has shown its tree.
make() {
	xl=$1 name=$2 tag=$3
	rm -f "$console/guest-$name.log"
	"$xl" create -e -p "/tmp/$name.cfg" >/tmp/create.out 2>&1 || {
		fail "$tag: creating $name"
		cat /tmp/create.out
		return
	}
	store_of "$("$stock" domid "$name")" >"/tmp/$name.$tag.store"
	"$stock" unpause "$name"
	tries=0
	until grep -q '^END' "$console/guest-$name.log" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || {
			fail "$tag: $name shows no device tree"
			tail -n 5 "$console/guest-$name.log"
			break
		}
		sleep 1
	done
	tr -d '\r' <"$console/guest-$name.log" | sed -n '/^TREE/,/^END/p' >"/tmp/$name.$tag.tree"
	xl destroy "$name"
}

# Virtio devices have no backend here: whatever they are, this says that it waits for the guest, and that it has closed.
attend() {
	while sleep 0.1; do
		xenstore-ls -f /local/domain/0/backend 2>/dev/null |
			sed -n -e 's#^\(/local/domain/0/backend/virtio[^ ]*/state\) = "1"$#\1 2#p' \
				-e 's#^\(/local/domain/0/backend/virtio[^ ]*/state\) = "5"$#\1 6#p' | while read -r state next; do
			xenstore-write "$state" "$next"
		done
	done
}

same() {
	if cmp -s "/tmp/$1.stock.$2" "/tmp/$1.ours.$2" && [ -s "/tmp/$1.ours.$2" ]; then
		echo "same $2: $1 ($(wc -l <"/tmp/$1.ours.$2") lines)"
	else
		fail "$1: the $2 differs"
		diff "/tmp/$1.stock.$2" "/tmp/$1.ours.$2"
	fi
}

if [ "$(uname -m)" = aarch64 ]; then
	config one 'kernel = "/guests/Image"' 'ramdisk = "/guests/initrd"' 'memory = 192' 'vcpus = 1' \
		'maxvcpus = 2' 'vuart = "sbsa_uart"' 'driver_domain = 1'
	# A 32-bit one would do as well, but Debian's 32-bit kernel does not always survive its boot under
	# emulation, whoever built the guest; its tree is among the golden ones.
	config two 'kernel = "/guests/Image"' 'ramdisk = "/guests/initrd"' 'memory = 160' 'vcpus = 4'
	truncate -s 1M /root/v.img
	virtio='virtio = [ "type=virtio,device,transport=mmio,grant_usage=1", "type=virtio,device22,transport=mmio,grant_usage=0" ]'
	[ "$newer" = '^$' ] || virtio=''
	config virtio 'kernel = "/guests/Image"' 'ramdisk = "/guests/initrd"' 'memory = 160' "$virtio" \
		'disk = [ "/root/v.img,raw,xvda,w,specification=virtio,backendtype=standalone" ]'
	attend &
	attendant=$!
	names="one two virtio"
else
	config one 'kernel = "/guests/zImage"' 'ramdisk = "/guests/initrd32"' 'memory = 160' 'vcpus = 2'
	names=one
fi
for name in $names; do
	make "$stock" "$name" stock
	make xl "$name" ours
	same "$name" store
	same "$name" tree
done
[ -z "${attendant-}" ] || kill "$attendant"
exit $failed
