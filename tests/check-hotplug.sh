#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The network hotplug scripts for real, under busybox's shell, in namespaces of their own: interfaces and routes are the kernel's, the
# store is a folder, and tools this machine need not have (nft, ovs-vsctl) write down how they were called. Where namespaces
# cannot be had it says so and is skipped (77).
set -eu
if [ "${1-}" != inside ]; then
	for tool in unshare ip busybox; do
		command -v $tool >/dev/null || { echo "$0: no $tool: skipped" && exit 77; }
	done
	unshare -rnm true 2>/dev/null || { echo "$0: no namespaces here: skipped" && exit 77; }
	exec unshare -rnm "$0" inside
fi
scripts=$(cd "$(dirname "$0")/../scripts/hotplug" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/hotplug.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

mount -t sysfs sysfs /sys || { echo "$0: no sysfs of our own: skipped" && exit 77; }
mount -t proc proc /proc 2>/dev/null || :
ip link add up0 type veth peer name up1 2>/dev/null || { echo "$0: the kernel has no veth: skipped" && exit 77; }
ip link add xenbr0 type bridge || { echo "$0: the kernel has no bridge: skipped" && exit 77; }
ip link set lo up
ip link set xenbr0 up

# --- the store: a folder; and the tools that are not here ---
mkdir "$work/bin" "$work/store" "$work/lock"
tool() {
	printf '#!/bin/busybox sh\n%s\n' "$2" >"$work/bin/$1"
	sed -i "1s|.*|#!$(command -v busybox) sh|" "$work/bin/$1"
	chmod +x "$work/bin/$1"
}
# shellcheck disable=SC2016 # for the tools themselves
{
	tool xenstore-read 'cat "$STORE/$1" 2>/dev/null'
	tool xenstore-write 'while [ $# -gt 1 ]; do mkdir -p "$STORE/${1%/*}"; printf %s "$2" >"$STORE/$1"; shift 2; done'
	tool xenstore-list 'ls "$STORE/$1" 2>/dev/null'
	tool nft 'echo "nft $*" >>"$STORE/../tools"; [ "$1" != list ]'
	tool ovs-vsctl 'echo "ovs-vsctl $*" >>"$STORE/../tools"'
}
export STORE="$work/store" PATH="$work/bin:$PATH" XEN_HOTPLUG_LOG="$work/log" XEN_HOTPLUG_LOCK_DIR="$work/lock"
export XENBUS_TYPE=vif XENBUS_BASE_PATH=backend

# vif N NODE=VALUE...: the interface vif9.N, as netback makes it, and its backend's nodes
vif() {
	number=$1
	shift
	export XENBUS_PATH="backend/vif/9/$number" vif="vif9.$number"
	ip link add "$vif" type veth peer name "guest$number"
	xenstore-write "$XENBUS_PATH/frontend-id" 9 "$XENBUS_PATH/handle" "$number"
	for node; do
		xenstore-write "$XENBUS_PATH/${node%%=*}" "${node#*=}"
	done
}

# run SCRIPT ACTION [STATUS]
run() {
	rm -f "$STORE/$XENBUS_PATH/hotplug-status" "$STORE/$XENBUS_PATH/hotplug-error"
	got=0
	busybox sh "$scripts/$1" "$2" type_if=vif >"$work/out" 2>&1 || got=$?
	[ "$got" = "${3:-0}" ] || fail "$1 $2: status $got: $(cat "$work/out")"
}

said() {
	[ "$(cat "$STORE/$XENBUS_PATH/$1" 2>/dev/null)" = "$2" ] || fail "$1 is '$(cat "$STORE/$XENBUS_PATH/$1" 2>/dev/null)', not '$2'"
}

vif 0 bridge=xenbr0 mtu=1400
run vif-bridge online
said hotplug-status connected
[ -e /sys/class/net/xenbr0/brif/vif9.0 ] || fail "vif-bridge made no port"
[ "$(cat /sys/class/net/vif9.0/mtu)" = 1400 ] || fail "the mtu is $(cat /sys/class/net/vif9.0/mtu)"
run vif-bridge offline
[ ! -e /sys/class/net/xenbr0/brif/vif9.0 ] || fail "vif-bridge left its port"

vif 1 bridge=nosuch vifname=web
run vif-bridge online 1
said hotplug-status error
grep -q "'nosuch' is not a bridge" "$STORE/$XENBUS_PATH/hotplug-error" || fail "vif-bridge says nothing of the bridge"
[ -e /sys/class/net/web ] || fail "vifname was not given"

ip addr add 192.0.2.1/24 dev up0
ip link set up0 up
ip link set up1 up
vif 2 "ip=192.0.2.7 192.0.2.8" gatewaydev=up0
run vif-route online
said hotplug-status connected
ip -4 route show dev vif9.2 >"$work/routes" 2>/dev/null
for address in 192.0.2.7 192.0.2.8; do
	grep -q "^$address .*src 192.0.2.1" "$work/routes" || fail "no route to $address: $(cat "$work/routes")"
done
[ "$(cat /proc/sys/net/ipv4/conf/vif9.2/proxy_arp)" = 1 ] || fail "no proxy_arp"
run vif-route offline
ip -4 route show dev vif9.2 2>/dev/null | grep -q '192.0.2.[78]' && fail "vif-route left its routes"
vif 3
run vif-route online 1
grep -q 'needs ip=' "$STORE/$XENBUS_PATH/hotplug-error" || fail "vif-route says nothing of ip="

vif 4 ip=198.51.100.2 gatewaydev=up0
run vif-nat online
said hotplug-status connected
ip -4 addr show dev vif9.4 | grep -q 'inet 198.51.100.1/24' || fail "vif-nat gave no address"
grep -q 'nft add rule ip xen_nat postrouting oifname up0 masquerade' "$work/tools" || fail "no masquerading: $(cat "$work/tools")"
run vif-nat offline
ip -4 addr show dev vif9.4 | grep -q 198.51.100.1 && fail "vif-nat left its address"

vif 5 bridge=ovs0.7:20:21 mac=00:16:3e:00:00:05
run vif-openvswitch online
said hotplug-status connected
grep -q 'add-port ovs0 vif9.5 tag=7 trunks=\[20,21\]' "$work/tools" || fail "vif-openvswitch: $(cat "$work/tools")"
run vif-openvswitch offline
grep -q -e '--if-exists del-port vif9.5$' "$work/tools" || fail "vif-openvswitch left its port"

vif 6 bridge=xenbr0
run vif-bridge explode 1
grep -q "unknown action 'explode'" "$STORE/$XENBUS_PATH/hotplug-error" || fail "an unknown action"
exit $failed
