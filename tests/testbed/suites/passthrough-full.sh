# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --xen full --cpu a64fx --daemons stock
# testbed-long: --xen full --cpu a64fx --xen-args llc-coloring=on --dom0-mem 512 --no-dma --daemons stock
# shellcheck shell=sh
#
# What Debian's Xen has not built in: overlays of the host's device tree are added, attached and removed, a guest has colours of its own,
# Linux has the vectors it was given, and what this board lacks is refused by name. Colours in a run of their own: with them dom0's memory is
# mapped page by page, which an emulator is slow at.
# shellcheck disable=SC2016 # for the guest's shell
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
overlay=/guests/overlay.dtbo

if xl info | grep -q '^xen_commandline.*llc-coloring=on'; then
	echo "--- colours"
	xl dmesg | grep -i 'color' | head -n 8
	for colors in '"0-3"' '"2"' '"0", "2-3"'; do
		bare colored hello "llc_colors = [ $colors ]" 'memory = 8'
		rm -f "$console/guest-colored.log"
		xl create -q -e /tmp/colored.cfg || fail "not created with colours $colors"
		says colored 20 '^hello' || fail "colours $colors: does not run"
		xl destroy colored || fail "colours $colors: is not destroyed"
	done
	bare colored hello
	rm -f "$console/guest-colored.log"
	xl create -q -e /tmp/colored.cfg || fail "not created with all colours"
	says colored 20 '^hello' || fail "all colours: does not run"
	xl destroy colored || fail "all colours: is not destroyed"
	# By itself Xen 4.20 does not live through this.
	cannot 'llc_colors: .*no such colour' 'llc_colors = [ "900-1000" ]'
	cannot 'llc_colors: .*no such colour' 'llc_colors = [ "0-900" ]'
	exit $failed
fi

echo "--- overlays"
refused 'it was not added as this very file' 1 xl dt-overlay remove $overlay
xl dt-overlay add $overlay || fail "not added"
refused 'its nodes are there already' 1 xl dt-overlay add $overlay
sed 's/^/  /' /tmp/err
xl dt-overlay attach $overlay 0 || fail "not attached to domain 0"
bare guest hello 'memory = 8'
xl create -q -e -p /tmp/guest.cfg
refused 'to domain 0 and to guests with direct-mapped memory alone' 1 xl dt-overlay attach $overlay guest
sed 's/^/  /' /tmp/err
xl destroy guest
xl dt-overlay remove $overlay || fail "not removed"
refused 'it was not added as this very file' 1 xl dt-overlay remove $overlay
for i in 1 2 3; do
	{ xl dt-overlay add $overlay && xl dt-overlay remove $overlay; } || fail "round $i"
done
xl dmesg | tail -n 5

echo "--- vectors"
for length in 128 256; do
	guest sve$length 'grep -c -w sve /proc/cpuinfo; echo bytes $(cat /proc/sys/abi/sve_default_vector_length); echo DONE' "sve = $length"
	xl create -q -e /tmp/sve$length.cfg || fail "not created with vectors of $length bits"
	says sve$length 60 '^DONE' || fail "vectors of $length bits: does not run"
	has_said sve$length "^bytes $((length / 8))" || fail "vectors of $length bits: $(said sve$length | grep bytes)"
	xl destroy sve$length
done
cannot 'tee= needs that trusted environment' 'tee = "optee"'
cannot 'sve= asks for longer vectors' 'sve = 2048'
exit $failed
