# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons stock
# testbed-long: --xen 4.20 --daemons stock
# shellcheck shell=sh
#
# What cannot be created says why in one line and leaves the host as it was; and fifty guests that come and go leave
# neither domain nor node nor page behind.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
tiny=/guests/hello32.bin

state() {
	xl list | awk '{ print $1 }'
	xl info free_memory
	xenstore-ls -fp | grep -v '^/local/domain/0/[^b]'
	find /var/lib/xen -name 'userdata-*' | sort
}

# fails_clean TEXT LINES...: with this configuration create fails, says TEXT in one line and leaves nothing.
fails_clean() {
	text=$1
	shift
	printf '%s\n' "$@" >/tmp/bad.cfg
	state >/tmp/before
	refused "$text" 1 xl create -q -e /tmp/bad.cfg
	sed 's/^/  /' /tmp/err
	state >/tmp/after
	cmp -s /tmp/before /tmp/after || {
		fail "$text: something is left over"
		diff /tmp/before /tmp/after
	}
}

# Folders that stay, once there has been a first domain.
printf 'name="here"\nkernel="%s"\nmemory=4\n' $tiny >/tmp/here.cfg
xl create -q -e -p /tmp/here.cfg || fail "creating 'here'"
xl destroy here

: >/tmp/empty
head -c 2000000 $linux >/tmp/truncated
echo 'I am no kernel' >/tmp/text
head -c 70000000 /dev/zero >/tmp/large
fails_clean 'No such file' 'name="bad"' 'kernel="/nowhere"' 'memory=64'
fails_clean 'the file is empty' 'name="bad"' 'kernel="/tmp/empty"' 'memory=64'
fails_clean 'neither an arm64 Image nor a zImage' 'name="bad"' 'kernel="/tmp/text"' 'memory=64'
fails_clean 'not a regular file' 'name="bad"' 'kernel="/dev/zero"' 'memory=64'
fails_clean 'No such file' 'name="bad"' "kernel=\"$linux\"" 'ramdisk="/nowhere"' 'memory=64'
fails_clean 'do not fit together' 'name="bad"' "kernel=\"$tiny\"" 'ramdisk="/tmp/large"' 'memory=64'
fails_clean 'the kernel wants' 'name="bad"' "kernel=\"$linux\"" 'memory=4'
fails_clean 'MiB free' 'name="bad"' "kernel=\"$linux\"" 'memory=500000'
fails_clean 'cpupool' 'name="bad"' "kernel=\"$tiny\"" 'memory=4' 'pool="nosuch"'
fails_clean 'cpus' 'name="bad"' "kernel=\"$tiny\"" 'memory=4' 'cpus="77"'
fails_clean 'irq' 'name="bad"' "kernel=\"$tiny\"" 'memory=4' 'irqs=[5]'
fails_clean 'iomem' 'name="bad"' "kernel=\"$tiny\"" 'memory=4' 'iomem=["40000,1"]'
fails_clean 'dtdev' 'name="bad"' "kernel=\"$tiny\"" 'memory=4' 'dtdev=["/nosuch@1"]'

xl create -q -e -p /tmp/here.cfg || fail "creating 'here'"
fails_clean 'already in use' 'name="here"' "kernel=\"$tiny\"" 'memory=4'
xl destroy here

# Stopped half-way by a signal.
state >/tmp/before
printf 'name="cut"\nkernel="%s"\nmemory=256\n' $linux >/tmp/cut.cfg
for delay in 0.05 0.1 0.15 0.2 0.3 0.4; do
	xl create -q -e -p /tmp/cut.cfg >/tmp/out 2>&1 &
	pid=$!
	sleep $delay
	kill -INT $pid 2>/dev/null
	wait $pid
	status=$?
	xl domid cut >/dev/null 2>&1 && {
		[ $status -eq 0 ] || fail "interrupted after $delay s with status $status, but the domain is there"
		xl destroy cut
	}
done
state >/tmp/after
cmp -s /tmp/before /tmp/after || {
	fail "something is left over after interrupts"
	diff /tmp/before /tmp/after
}
echo "interrupted: the host is as it was"

# The first round warms what Xen and the daemons keep for themselves.
for round in 0 1; do
	state >/tmp/before
	i=0
	while [ $i -lt 25 ]; do
		xl create -q -e -p /tmp/here.cfg || fail "create $i"
		xl destroy here || fail "destroy $i"
		i=$((i + 1))
	done
	state >/tmp/after
done
cmp -s /tmp/before /tmp/after || {
	fail "something is left over after $round rounds"
	diff /tmp/before /tmp/after
}
echo "fifty came and went"
exit $failed
