# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# shellcheck disable=SC2034 # what is set here is for the suites
#
# What the suites have in common; lies in dom0 as /etc/testbed/suite.sh and is read by their first command. A suite ends with
# "exit $failed".
set -u
failed=0
console=/var/log/xen/console
stock=$(echo /usr/lib/xen-*/bin/xl) # upstream's, where there is one
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

# mask: what "same" compares, standard input to output. A suite that wants to leave something out has its own.
mask() {
	cat
}

# same WORD...: our xl and upstream's print the same and end with the same status.
same() {
	"$stock" "$@" >/tmp/stock.out 2>/tmp/stock.err
	same_stock=$?
	xl "$@" >/tmp/ours.out 2>/tmp/ours.err
	same_ours=$?
	mask </tmp/stock.out >/tmp/stock.masked
	mask </tmp/ours.out >/tmp/ours.masked
	if [ $same_stock = $same_ours ] && cmp -s /tmp/stock.masked /tmp/ours.masked; then
		echo "same: xl $*"
	else
		fail "xl $*: status $same_stock and $same_ours"
		diff /tmp/stock.masked /tmp/ours.masked
		cat /tmp/stock.err /tmp/ours.err
	fi
}

# --- configurations

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
	[ "$bits" = 32 ] || echo 'image_format = "raw"' >>"/tmp/$1.cfg"
	shift 2
	[ $# = 0 ] || printf '%s\n' "$@" >>"/tmp/$bare_name.cfg"
}

# not_made WORDS: the guest "bad" of /tmp/bad.cfg is not created, create says the words, and there is no domain.
not_made() {
	refused "$1" 1 xl create -q -e -p /tmp/bad.cfg
	sed 's/^/  /' /tmp/err
	is_gone bad 2>/dev/null || {
		fail "$1: the domain is left over"
		xl destroy bad
	}
}

# cannot WORDS SETTING...: the same for a bare-metal guest with these settings.
cannot() {
	cannot_words=$1
	shift
	bare bad hello "$@"
	not_made "$cannot_words"
}

# disk_images NUMBER: /root/d0.img and so on
disk_images() {
	disk_images_n=0
	while [ $disk_images_n -lt "$1" ]; do
		truncate -s 8M /root/d$disk_images_n.img
		disk_images_n=$((disk_images_n + 1))
	done
}

bridge() { # NAME
	brctl addbr "$1"
	ip link set "$1" up
}

# --- what guests do

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

has() { # FILE WORDS
	grep -qF -- "$2" "$1"
}

is_gone() { # NAME
	! xl domid "$1"
}

has_state() { # NAME LETTER
	xl list "$1" | awk 'NR == 2 { print $5 }' | grep -q "$2"
}

# has_id_above NAME DOMID: $id is its number.
has_id_above() {
	id=$(xl domid "$1") && [ "$id" -gt "$2" ]
}

pcpu() { # NAME VCPU: where it runs
	xl vcpu-list "$1" | awk -v v="$2" '$3 == v { print $4 }'
}

runs_on() { # NAME VCPU PCPU
	[ "$(pcpu "$1" "$2")" = "$3" ]
}

node() { # NAME NODE
	xenstore-read "/local/domain/$(xl domid "$1")/$2" 2>/dev/null
}

# listens NAME: its drivers for the store are up.
listens() {
	[ "$(node "$1" control/feature-poweroff)" = 1 ]
}

# outdate NAME, and later is_fresh NAME: a successor is up. It has the number of the old one as often as not: it is the
# frontends' node that is new.
outdate() {
	xenstore-write "/local/domain/$(xl domid "$1")/data/old" 1
}

is_fresh() {
	[ -z "$(node "$1" data/old)" ] && listens "$1"
}

is_connected() { # BACKEND-PATH
	[ "$(xenstore-read "$1/state")" = 4 ]
}

# no_devices_left WHEN: neither loop devices nor backends nor interfaces nor saved configurations of guests
no_devices_left() {
	[ -z "$(losetup -a)" ] || fail "$1: loop devices left: $(losetup -a)"
	xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep -E '/(vbd|vif)/[0-9]+ ' && fail "$1: backend nodes left"
	[ -z "$(find /sys/class/net -name 'vif*')" ] || fail "$1: interfaces left"
	[ -z "$(find /var/lib/xen -name 'userdata-d.[1-9]*')" ] || fail "$1: saved configurations left: $(ls /var/lib/xen)"
}

# --- the store under load

# begin_storm NAME [BITS]: a guest that asks the store without pause; the suite ends where there is none.
begin_storm() {
	storm_bits=$bits
	bits=${2:-$bits}
	bare "$1" store_storm 'on_poweroff = "preserve"'
	bits=$storm_bits
	xl create -q -e "/tmp/$1.cfg" || exit 1
	says "$1" 30 'storm: begins' || {
		fail "$1: $(said "$1")"
		exit 1
	}
}

# end_storm NAME: it counted no wrong answer.
end_storm() {
	xenstore-write "/local/domain/$(xl domid "$1")/data/stop" 1
	says "$1" 30 ' wrong' || fail "$1 did not end: $(said "$1")"
	said "$1" | grep storm: | tail -n 1
	said "$1" | grep -q ' 0 wrong' || fail "$1: $(said "$1")"
	xl destroy "$1" || fail "destroy $1"
}

nr_nodes() {
	xenstore-ls -f / | wc -l
}

store_rss() { # VmRSS|RssAnon: kB
	awk -v what="$1:" '$1 == what { print $2 }' "/proc/$(cat /run/xen/xenstored.pid)/status"
}

live_and_die() { # WHEN
	xl create -q -e -p /tmp/a.cfg || fail "create a, $1"
	xl create -q -e -p /tmp/b.cfg || fail "create b, $1"
	xl destroy a || fail "destroy a, $1"
	xl destroy b || fail "destroy b, $1"
}

# come_and_go TIMES: two guests do, so often; then the store has as many nodes as before, and its daemon as much memory of its own, but
# for what its allocator keeps; besides there are the journal's pages, of which 256 KiB come together before it is begun anew.
come_and_go() {
	bare a store_storm
	bare b store_storm
	live_and_die 'the first time'
	come_nodes=$(nr_nodes) come_rss=$(store_rss VmRSS) come_own=$(store_rss RssAnon) come_n=0
	while [ $come_n -lt "$1" ]; do
		come_n=$((come_n + 1))
		live_and_die "round $come_n"
	done
	echo "$(nr_nodes) nodes, $(store_rss VmRSS) kB resident, $(store_rss RssAnon) its own; before the $((2 * $1)) lives: $come_nodes, $come_rss, $come_own"
	[ "$(nr_nodes)" = "$come_nodes" ] || fail "$(nr_nodes) nodes, not $come_nodes"
	[ "$(store_rss RssAnon)" -le $((come_own + 192)) ] || fail "its own: $(store_rss RssAnon) kB, not $come_own"
	[ "$(store_rss VmRSS)" -le $((come_rss + 576)) ] || fail "resident: $(store_rss VmRSS) kB, not $come_rss"
}
