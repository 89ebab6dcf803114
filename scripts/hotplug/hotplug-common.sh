# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What every hotplug script shares: the store, the verdict, the lock. Sourced, never run.
#
# Environment (as upstream's toolstack gives it): XENBUS_PATH the backend's directory in the store, XENBUS_TYPE the class,
# XENBUS_BASE_PATH "backend", script the path of the script itself; for vif also vif (the interface's first name), netdev, and
# INTERFACE for an emulated device's tap.
#
# A script ends in success, fatal or busy: each writes hotplug-status, which the toolstack and the backend driver wait
# for, and fatal and busy write the reason into hotplug-error, which xl prints.

set -eu

PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin"
export PATH LC_ALL=C

: "${XENBUS_PATH:?is not set: hotplug scripts are run by the toolstack, which says for which device}"

hotplug_log=${XEN_HOTPLUG_LOG:-/var/log/xen/xen-hotplug.log}
hotplug_lock_dir=${XEN_HOTPLUG_LOCK_DIR:-/var/run/xen-hotplug}
hotplug_name=${0##*/}

log() {
	printf '%s %s %s: %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$hotplug_name" "$XENBUS_PATH" "$*" \
		>>"$hotplug_log" 2>/dev/null || :
}

# The value of NODE below the device's backend directory; fails when there is none.
backend_read() {
	xenstore-read "$XENBUS_PATH/$1" 2>/dev/null
}

# Like backend_read, but DEFAULT (or nothing) when there is no such node.
backend_read_or() {
	backend_read "$1" || printf '%s' "${2-}"
}

backend_write() {
	xenstore-write "$XENBUS_PATH/$1" "$2"
}

hotplug_link=
verdict_given=
success() {
	verdict_given=1
	backend_write hotplug-status connected
	log "done"
}

give_up() {
	status=$1
	shift
	verdict_given=1
	log "$status: $*"
	xenstore-write "$XENBUS_PATH/hotplug-error" "$*" "$XENBUS_PATH/hotplug-status" "$status" || :
	printf '%s: %s\n' "$hotplug_name" "$*" >&2
	exit 1
}

fatal() {
	give_up error "$@"
}

busy() {
	give_up busy "$@"
}

# A command that fails unexpectedly ends the script by set -e: the device must not wait for its time limit then.
on_exit() {
	code=$?
	[ -z "$hotplug_link" ] || rm -f "$hotplug_link"
	if [ "$code" -ne 0 ] && [ -z "$verdict_given" ]; then
		give_up error "$hotplug_name ended with status $code; the log $hotplug_log may say more"
	fi
}
trap on_exit EXIT

# Hold the lock NAME for the rest of the script. With flock(1) the kernel releases it with the process; a dom0 whose busybox
# has none uses a link that names its holder, which a later script takes over when that process is gone.
claim_lock() {
	mkdir -p "$hotplug_lock_dir" || fatal "cannot make $hotplug_lock_dir"
	if command -v flock >/dev/null 2>&1; then
		exec 9>"$hotplug_lock_dir/$1.lock" || fatal "cannot open $hotplug_lock_dir/$1.lock"
		flock 9 || fatal "cannot take the lock $hotplug_lock_dir/$1.lock"
		return
	fi
	hotplug_link=$hotplug_lock_dir/$1.holder
	until ln -s "$$" "$hotplug_link" 2>/dev/null; do
		holder=$(readlink "$hotplug_link") || continue
		if kill -0 "$holder" 2>/dev/null; then
			sleep 1
		elif mv "$hotplug_link" "$hotplug_link.$$" 2>/dev/null; then
			# Only one of those who wait moves it. If it was a newer one by then, it goes back.
			[ "$(readlink "$hotplug_link.$$")" = "$holder" ] || ln -s "$(readlink "$hotplug_link.$$")" "$hotplug_link" || :
			rm -f "$hotplug_link.$$"
		fi
	done
}

release_lock() {
	if [ -n "$hotplug_link" ]; then
		rm -f "$hotplug_link"
		hotplug_link=
	else
		exec 9>&-
	fi
}

need() {
	command -v "$1" >/dev/null 2>&1 || fatal "$1 is not on the PATH of dom0: install it, or use another script"
}
