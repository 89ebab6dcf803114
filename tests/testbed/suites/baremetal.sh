# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --passthrough /pl031@9010000 --passthrough /pl061@9030000 --daemons ours
# testbed: --xen 4.20 --passthrough /pl031@9010000 --passthrough /pl061@9030000 --daemons ours
# shellcheck shell=sh
#
# Guests without an operating system: consoles, memory shared with domain 0, devices without Linux, interrupt latency, 128 vcpus; the
# configurations that FreeRTOS-Xen and ERIKA document; what an image is and where it was put; images that cannot work.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

# bare32 NAME IMAGE [SETTING...]: the same guest with 32 bits and a zImage header.
bare32() {
	name=$1 image=$2
	shift 2
	printf '%s\n' "name = \"$name\"" "kernel = \"/guests/${image}32.bin\"" 'memory = 16' "$@" >"/tmp/$name.cfg"
}

# answers NAME ANSWER WORDS...: what "xl message" prints
answers() {
	name=$1 wanted=$2
	shift 2
	got=$(xl message "$name" "$@" 2>&1)
	[ "$got" = "$wanted" ] || fail "$name, asked for $*, says '$got', not '$wanted'"
}

# over NAME: it has ended by itself; it is put away.
over() {
	await 20 has_state "$1" s || fail "$1 does not end"
	xl destroy "$1" || fail "$1 is not destroyed"
}

echo "--- both consoles, 4 to 16 MiB, 64 and 32 bits"
for mib in 4 8 16; do
	bare both$mib hello 'vuart = "sbsa_uart"' "memory = $mib"
	sed -i '/^memory = 32$/d' /tmp/both$mib.cfg
	bare32 both32$mib hello 'vuart = "sbsa_uart"'
	sed -i "s/^memory = 16/memory = $mib/" /tmp/both32$mib.cfg
	for g in both$mib both32$mib; do
		xl create -q -e -p "/tmp/$g.cfg" || fail "$g is not created"
		xl unpause "$g"
		says "$g" 20 '^hello: [36][24] bits, device tree at .*magic d00dfeed' || fail "$g: nothing on the PV console"
		says "$g-vuart0" 10 '^hello: [36][24] bits' || fail "$g: nothing on the emulated UART"
		xl destroy "$g" 2>/dev/null
	done
done

echo "--- as their documents have it"
cd /tmp || exit 1
cp /guests/hello32.bin /tmp/Example.bin
cat >Example.cfg <<'END'
kernel = "Example.bin"
memory = 16
name = "Example"
vcpus = 1
disk = [ ]
END
xl create -f Example.cfg || fail "FreeRTOS-Xen's configuration does not run"
says Example 20 '^hello: 32 bits' || fail "FreeRTOS-Xen's guest is silent"
for cpus in '"1"' '[ "1", "2" ]'; do
	cat >erika.cfg <<-END
	kernel = "/guests/hello32.bin"
	memory = 512
	name = "erika"
	vcpus = 1
	on_crash = 'destroy'
	iomem = ["1c20,2"]
	cpus = $cpus
	END
	rm -f $console/guest-erika.log
	xl create erika.cfg >/tmp/out 2>&1 || fail "ERIKA's configuration does not run with cpus = $cpus: $(cat /tmp/out)"
	says erika 20 '^hello: 32 bits' || fail "ERIKA's guest is silent"
	await 10 is_gone erika || xl destroy erika
done

echo "--- shared memory and an event channel"
bare talk message
bare32 talk32 message
for g in talk talk32; do
	xl create -q -e "/tmp/$g.cfg" || fail "$g is not created"
	says "$g" 20 '^message: ready' || fail "$g is not ready"
	answers "$g" pong ping
	answers "$g" 'a few words' echo a few words
	for i in 1 2 3 4 5 6 7 8 9 10; do
		answers "$g" "$i" echo $i
	done
	answers "$g" 13 count
	refused 'claims 4294967280 bytes' 1 xl message "$g" lie
	answers "$g" pong ping
	xl message --json "$g" ping | grep -q '"reply": "pong"' || fail "$g: no JSON"
done
answers talk32 bye stop
over talk32
refused 'did not answer within 1000 ms' 1 xl message -t 1 talk silence
refused 'is not answered yet' 1 xl message -t 1 talk ping
refused 'offers no messages' 1 xl message 0 ping
xl destroy talk || fail "talk is not destroyed"

echo "--- devices without Linux"
bare gpio devices 'devices = [ "/pl031@9010000", "/pl061@9030000" ]'
bare32 gpio32 devices 'devices = [ "/pl061@9030000", "/pl031@9010000" ]'
for g in gpio gpio32; do
	xl create -q -e "/tmp/$g.cfg" || fail "$g is not created"
	says "$g" 20 '^devices: done' || fail "$g does not come to its end"
	said "$g" | grep '^devices'
	has_said "$g" 'clock at 0x9010000 id 31 tells the time, was set' || fail "$g: no clock"
	has_said "$g" 'gpio at 0x9030000 id 61, pins follow' || fail "$g: no GPIO"
	over "$g"
done

if [ $bits = 64 ]; then
	echo "--- interrupt latency (emulated: the figures say nothing of hardware)"
	bare pinned latency 'cpus = "1"' 'gic_version = "v3"'
	bare unpinned latency
	for g in pinned unpinned; do
		xl create -q -e "/tmp/$g.cfg" || fail "$g is not created"
		says "$g" 20 '^latency: ready' || fail "$g is not ready"
		line=$(xl message -t 60 "$g" latency 300)
		echo "$g: $line"
		echo "$line" | grep -q '^AVG=[0-9]* MIN=[0-9]* MAX=[0-9]* WARM_MAX=[0-9]* ns$' || fail "$g: no figures"
		has_said "$g" "^latency: $line" || fail "$g: not on its console"
		answers "$g" bye stop
		over "$g"
	done
	echo "--- 1 to 128 vcpus"
	for n in 1 8 9 17 128; do
		bare smp$n smp "vcpus = $n" 'gic_version = "v3"' 'memory = 16'
		sed -i '/^memory = 32$/d' /tmp/smp$n.cfg
		xl create -q -e /tmp/smp$n.cfg || fail "$n vcpus are not created"
		says smp$n 60 "^smp: $n vcpus, 0 refused, 0 wrong" || fail "$n vcpus: $(said smp$n)"
		over smp$n
	done
fi

echo "--- what an image is, and where it is put"
bare told hello
xl -v create -q -e -p /tmp/told.cfg 2>&1 | grep loading >/tmp/told.txt
cat /tmp/told.txt
grep -q "/guests/hello$bits.bin (raw binary, [0-9]* KiB at 0x40000000, entry 0x40000000)" /tmp/told.txt || fail "not told"
xl destroy told
bare32 told32 hello
xl -v create -q -e -p /tmp/told32.cfg 2>&1 | grep loading
xl destroy told32
# zImage header: start at 0x28, end at 0x2c.
cp /guests/hello32.bin /tmp/far.bin
printf '\000\000\000\200\000\000\001\200' | dd of=/tmp/far.bin bs=1 seek=40 conv=notrunc 2>/dev/null
bare32 bad hello
sed -i 's|/guests/hello32.bin|/tmp/far.bin|' /tmp/bad.cfg
not_made "kernel wants 0x80000000-.*memory is 0x40000000-0x41000000"
cannot 'kernel wants 0x20000000-.*memory is 0x40000000-0x42000000' 'load_address = 0x20000000'
cannot 'entry address 0x50000000 lies outside' 'entry_address = 0x50000000'
head -c 20 /guests/hello32.bin >/tmp/short.bin
bare32 bad hello
sed -i 's|/guests/hello32.bin|/tmp/short.bin|' /tmp/bad.cfg
not_made 'neither an arm64 Image nor a zImage'
exit $failed
