# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Usage: boot-times.sh dom0less|create
#
# In dom0: says when it came up and when each guest said its first line, in seconds from the start of Xen, as "time MODE EVENT
# SECONDS". Xen stamps its console's lines; dom0's own clock is set against one of them.
set -u
mode=$1

uptime() {
	read -r up _ </proc/uptime
	echo "$up"
}

# The stamp of the last line of Xen's console that holds these words.
stamp() {
	xl dmesg | tr -d '\r' | sed -n "s/^(XEN) \[ *\([0-9.]*\)\].*$1.*/\1/p" | "$2" -n 1
}

started=$(uptime)
if [ "$mode" = create ]; then
	for guest in first second; do
		xl create -e -q /root/$guest.cfg || exit 1
		{
			xl console $guest </dev/null 2>/dev/null | head -n 1 >/dev/null
			uptime >/tmp/$guest
		} &
	done
	wait
else
	for guest in first second; do
		n=$((${n-0} + 1))
		tries=0
		until [ -n "$(stamp "DOM$n: guest: up" head)" ]; do
			tries=$((tries + 1))
			[ $tries -lt 100 ] || { echo "$guest says nothing: $(xl dmesg | tail -n 5)"; exit 1; }
			sleep 0.3
		done
	done
fi

# Xen says what handlers there are, with the time.
before=$(uptime)
xl debug-keys h || exit 1
after=$(uptime)
now=$(stamp "'h' pressed" tail)
offset=$(echo "$before $after $now" | awk '{ print $3 - ($1 + $2) / 2 }')
since_start() {
	echo "$1 $offset" | awk '{ printf "%.2f\n", $1 + $2 }'
}
echo "time $mode dom0 $(since_start "$started")"
n=0
for guest in first second; do
	n=$((n + 1))
	if [ "$mode" = create ]; then
		echo "time $mode $guest $(since_start "$(cat /tmp/$guest)")"
	else
		echo "time $mode $guest $(stamp "DOM$n: guest: up" head)"
	fi
done
