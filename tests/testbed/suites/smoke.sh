# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons ours
# testbed: --xen 4.20 --daemons ours
# testbed: --arch armhf --daemons ours
# shellcheck shell=sh
#
# Nothing but ours on every machine: toolstack, store and console. A Linux guest comes up, is seen, says what it
# has to say, shuts down when asked, and another is destroyed while it runs; nothing is left of either.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

for daemon in xenstored xenconsoled; do
	[ "$(readlink "/proc/$(cat /run/xen/$daemon.pid)/exe")" = "/usr/local/sbin/$daemon" ] ||
		fail "$daemon is not ours"
done
[ "$(xenstore-read /local/domain/0/name)" = Domain-0 ] || fail 'the store does not know dom0'

# The folders above what belongs to a domain stay, here as with the stock toolstack.
nodes() {
	xenstore-ls -f / | cut -d = -f 1 | grep -v -x -e '/libxl *' -e '/vm *' -e '/local/domain/0/backend *' \
		-e '/local/domain/0/backend/console *'
}
before=$(nodes)
free=$(xl info free_memory)

# shellcheck disable=SC2016 # the guest's shell expands it
run='echo "cpus $(nproc), $(cat /sys/hypervisor/uuid)"'
guest guest "$run" 'memory = 128' 'vcpus = 2'
xl create /tmp/guest.cfg || fail 'the guest is not created'
domid=$(xl domid guest)
await 180 grep -q 'run exited 0' $console/guest-guest.log || fail 'the guest does not come up'
tr -d '\r' <$console/guest-guest.log | grep -q '^cpus 2, [0-9a-f-]\{36\}$' ||
	fail 'the guest does not say what it has'
xl list guest | grep -q "^guest  *$domid  *128  *2 " || {
	fail 'xl list does not show the guest as it is'
	xl list guest
}
[ "$(xl vcpu-list guest | wc -l)" = 3 ] || fail 'xl vcpu-list does not show two vcpus'
xl shutdown -w guest || fail 'the guest does not shut down'
await 60 is_gone guest || fail 'a guest that shut down stays'

xl create -p /tmp/guest.cfg 'name="paused"' || fail 'a paused guest is not created'
xl list paused | grep -q ' --p---' || fail 'the paused guest is not paused'
xl unpause paused || fail 'the guest is not unpaused'
xl destroy paused || fail 'a guest is not destroyed while it runs'
await 10 is_gone paused || fail 'a destroyed guest stays'

after=$(nodes)
[ "$before" = "$after" ] || {
	fail 'the store is not as it was before'
	echo "$before" >/tmp/before
	echo "$after" | diff /tmp/before - | grep '^[+-]'
}
[ "$(xl info free_memory)" = "$free" ] ||
	fail "the guests' memory is not all free again: $(xl info free_memory) of $free MiB"
exit $failed
