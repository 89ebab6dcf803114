# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What the network scripts share. Sourced with the script's arguments: ACTION [type_if=vif|tap].
#
# Sets: action (online, offline, add, remove), type_if, dev (the interface, renamed already when vifname asks for it).

# shellcheck source=scripts/hotplug/hotplug-common.sh
. "${0%/*}/hotplug-common.sh"

action=${1-}
type_if=vif
for arg; do
	case $arg in
	type_if=vif | type_if=tap) type_if=${arg#type_if=} ;;
	esac
done

case $action in
online | offline | add | remove) ;;
*) fatal "unknown action '$action': online, offline, add or remove" ;;
esac

if_exists() {
	[ -e "/sys/class/net/$1" ]
}

# The interface carries the name the configuration gives it (vifname) from the first moment.
name_interface() {
	old=$1
	new=$(backend_read_or vifname)
	[ "$type_if" = tap ] && [ -n "$new" ] && new="$new-emu"
	if [ -z "$new" ] || [ "$new" = "$old" ]; then
		dev=$old
		return
	fi
	if if_exists "$old"; then
		if_exists "$new" && fatal "the interface name '$new' is taken: choose another vifname="
		ip link set dev "$old" down
		ip link set dev "$old" name "$new" || fatal "cannot rename $old to $new"
	fi
	dev=$new
}

if [ "$type_if" = tap ]; then
	name_interface "${INTERFACE:?is not set}"
else
	name_interface "${vif:?is not set}"
fi

case $action in
online | add)
	if_exists "$dev" || fatal "the interface $dev does not exist: is xen-netback loaded in this domain?"
	;;
esac

mtu=$(backend_read_or mtu)
# For the scripts that route.
# shellcheck disable=SC2034
ip=$(backend_read_or ip)
# shellcheck disable=SC2034
gatewaydev=$(backend_read_or gatewaydev "${netdev-}")

set_mtu() {
	if [ -n "$mtu" ]; then
		ip link set dev "$dev" mtu "$mtu" || fatal "cannot set the mtu of $dev to $mtu"
	fi
}

# The first IPv4 address of an interface, without its prefix length.
ipv4_of() {
	ip -4 addr show dev "$1" | sed -n 's/^ *inet \([0-9.]*\).*/\1/p' | sed -n 1p
}

# The interface of the default route: what a routed guest goes out by when nothing else is said.
default_gatewaydev() {
	ip -4 route show | sed -n 's/^default .*dev \([^ ]*\).*/\1/p' | sed -n 1p
}

# netback waits for the verdict only when it comes online; taking down has nobody waiting.
verdict() {
	case $action in
	online) success ;;
	*) verdict_given=1 ;;
	esac
}
