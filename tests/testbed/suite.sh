# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2034 # what is set here is for the suites
#
# What the suites have in common; lies in dom0 as /etc/testbed/suite.sh and is read by their first command. A suite ends with
# "exit $failed".
set -u
failed=0
console=/var/log/xen/console
if [ "$(uname -m)" = aarch64 ]; then
	bits=64 linux=/guests/Image initrd=/guests/initrd
else
	bits=32 linux=/guests/zImage initrd=/guests/initrd32
fi

fail() {
	echo "FAILED: $*"
	failed=1
}

# await SECONDS COMMAND...: until it succeeds; fails when the time is over.
await() {
	await_end=$(($(cut -d . -f 1 /proc/uptime) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(cut -d . -f 1 /proc/uptime)" -le $await_end ] || return 1
		sleep 0.2
	done
}

# refused WORDS STATUS COMMAND...: it ends with that status and one line on standard error that has the words.
refused() {
	refused_words=$1 refused_status=$2
	shift 2
	"$@" >/tmp/out 2>/tmp/err
	refused_got=$?
	[ $refused_got = "$refused_status" ] || fail "$*: status $refused_got, not $refused_status: $(cat /tmp/err)"
	grep -q -- "$refused_words" /tmp/err || fail "$*: no '$refused_words' in: $(cat /tmp/err)"
	# Below an error in a configuration stand its line and a caret.
	[ "$(grep -c '^xl: ' /tmp/err)" = 1 ] || fail "$*: not one line: $(cat /tmp/err)"
	! grep -q Success /tmp/err || fail "$*: 'Success' in: $(cat /tmp/err)"
}

# guest NAME RUN [SETTING...]: writes /tmp/NAME.cfg, a small Linux guest that runs the shell script RUN, if there is one.
guest() {
	guest_name=$1 guest_run=${2:+run=$(printf %s "$2" | base64 | tr -d '\n')}
	shift 2
	{
		echo "name = \"$guest_name\""
		echo "kernel = \"$linux\""
		echo "ramdisk = \"$initrd\""
		echo 'memory = 96'
		echo "extra = \"console=hvc0 quiet $guest_run\""
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"/tmp/$guest_name.cfg"
}

# bare NAME IMAGE [SETTING...]: writes /tmp/NAME.cfg, a bare-metal guest of /guests.
bare() {
	bare_name=$1
	printf '%s\n' "name = \"$1\"" "kernel = \"/guests/$2$bits.bin\"" 'memory = 32' >"/tmp/$1.cfg"
	[ $bits = 32 ] || echo 'image_format = "raw"' >>"/tmp/$1.cfg"
	shift 2
	[ $# = 0 ] || printf '%s\n' "$@" >>"/tmp/$bare_name.cfg"
}

# said NAME: what the guest wrote to its console
said() {
	tr -d '\r' <"$console/guest-$1.log"
}

has_said() { # NAME WORDS
	said "$1" 2>/dev/null | grep -q -- "$2"
}

# says NAME SECONDS WORDS: waits until the guest's console has the words (a basic regular expression).
says() {
	await "$2" has_said "$1" "$3"
}

is_gone() { # NAME
	! xl domid "$1"
}

has_state() { # NAME LETTER
	xl list "$1" | awk 'NR == 2 { print $5 }' | grep -q "$2"
}

is_connected() { # BACKEND-PATH
	[ "$(xenstore-read "$1/state")" = 4 ]
}

# no_devices_left WHEN: neither loop devices nor backends nor interfaces nor saved configurations of guests
no_devices_left() {
	[ -z "$(losetup -a)" ] || fail "$1: loop devices left: $(losetup -a)"
	xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '/(vbd|vif)/[0-9]+ ' && fail "$1: backend nodes left"
	[ -z "$(find /sys/class/net -name 'vif*')" ] || fail "$1: interfaces left"
	[ -z "$(find /var/lib/xen -name 'userdata-d.[1-9]*')" ] || fail "$1: saved configurations left"
}
