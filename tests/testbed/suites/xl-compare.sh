# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --stock --daemons stock
# shellcheck shell=sh
#
# Our xl beside upstream's, over the same domains: the same bytes on standard output and the same exit status, for every
# command that scripts read. Also that each ends the domains of the other.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# What moves by itself between two calls is masked: seconds of cpu time, who is running where.
mask() {
	sed -E -e 's/[0-9]+\.[0-9]( |$)/T\1/' -e 's/ +T/ T/' -e 's/ [r-][b-]-(-|p|[a-z-]{3})? / S /' \
		-e 's/^(.{32} +[0-9]+ +[0-9]+) +[0-9-]+ /\1 C /' -e 's/[0-9]+:[0-9]+:[0-9]+/H/' \
		-e 's/^((free_memory|cpu) +: ).*/\1M/'
}

guest one '' 'vcpus = 2' 'maxvcpus = 3'
guest two '' 'vcpus = 1' 'maxvcpus = 3'
"$stock" create -q -e /tmp/one.cfg || fail "stock create one"
"$stock" create -q -e -p /tmp/two.cfg || fail "stock create two"
# The guests' first seconds are over when one has said so.
xl console one </dev/null 2>/dev/null | grep -m 1 'guest: up' || fail "console of one"

for args in list 'list one' 'list -v' 'list -Z' 'list -c' 'list -n' 'list -v -c -n' 'list nosuch' 'list 99' \
	vm-list claims sharing 'sharing one' vcpu-list 'vcpu-list one two' 'vcpu-list nosuch' 'domid one' 'domid nosuch' 'domname 1' \
	'domname 99' 'domname x' uptime 'uptime one' 'uptime two one' 'uptime -s two' 'uptime nosuch' info \
	'info free_cpus' 'info virt_caps' 'info nr_cpus' 'info xen_caps' dmesg 'debug-keys h' 'sysrq nosuch h' \
	'pause nosuch' 'unpause nosuch' 'shutdown nosuch' 'reboot nosuch' 'rename nosuch x' 'destroy nosuch' \
	'destroy 0' list\ -nosuch domid 'nosuchcommand' '-N list'; do
	case $args in
	# Usage goes to standard error here: only the status is the same.
	*nosuchcommand | '-N list' | 'list -nosuch' | domid)
		# shellcheck disable=SC2086
		"$stock" $args >/dev/null 2>&1
		s=$?
		# shellcheck disable=SC2086
		xl $args >/tmp/ours.out 2>/tmp/ours.err
		o=$?
		if [ "$s" = "$o" ] && [ ! -s /tmp/ours.out ] && [ -s /tmp/ours.err ]; then
			echo "same status: xl $args"
		else
			fail "xl $args: status $s and $o"
		fi
		;;
	*)
		# shellcheck disable=SC2086
		same $args
		;;
	esac
done

# -n differs where upstream's cannot go on: without PCI it stops telling.
xl info -n >/tmp/ours.out || fail "info -n"
grep -q '^No device topology data available$' /tmp/ours.out || fail "info -n: no word about devices"
grep -q '^numa_info ' /tmp/ours.out || fail "info -n: no nodes"

# Each ends the other's, and nothing is left.
xl rename two zwei || fail "rename"
[ "$("$stock" domid zwei)" = "$(xl domid zwei)" ] || fail "stock does not see the new name"
xl unpause zwei || fail "unpause"
before=$(xenstore-ls -f | grep -cE '/(one|zwei)|/[12](/| )' || true)
xl destroy one || fail "destroy one"
xl destroy zwei || fail "destroy zwei"
echo "nodes before: $before"
xenstore-ls -f | grep -E '(/local/domain|/libxl|/backend/[a-z]*)/[12](/| )' && fail "nodes are left"
[ -z "$(find /var/lib/xen -name 'userdata*' ! -name '*.0.*')" ] || fail "files are left"
xl create -h >/dev/null || fail "create -h"
exit $failed
