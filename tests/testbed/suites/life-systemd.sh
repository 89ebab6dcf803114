# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --systemd --daemons none
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# dom0 under systemd, with our units: they come up in their order, a guest of /etc/xen/auto with them; a daemon that is killed is
# started again and the guest does not notice; stopping ends the guest in order. systemd is init of a process namespace here, and
# starts what a host's would.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
units=/usr/local/lib/systemd/system
set -- xenstored xenconsoled xl-monitor # what is to be started again

# Nothing else of the host: no journal, no udev, no logins.
rm -rf /usr/lib/systemd/system/*.wants /etc/systemd/system/*.wants

# What a distribution does when it installs them.
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/xen/auto
for unit in "$@" xen-init-dom0 xendomains; do
	ln -s "$units/$unit.service" /etc/systemd/system/multi-user.target.wants/
done
echo 'XENCONSOLED_TRACE=guest' >/etc/default/xencommons
guest auto 'echo ready-auto'
mv /tmp/auto.cfg /etc/xen/auto/
umount /proc/xen
mount -t cgroup2 cgroup2 /sys/fs/cgroup || fail "no cgroups"
container=testbed unshare -f -p --mount-proc /usr/lib/systemd/systemd --system --unit=multi-user.target \
	--log-target=console --log-level=notice >/tmp/systemd.log 2>&1 </dev/null &

# ctl WORD...: systemctl where that systemd is init
ctl() {
	nsenter -t "$(pidof systemd)" -p -m systemctl --no-pager "$@"
}

is_up() {
	ctl -q is-active "$1"
}
await 60 is_up xendomains.service || {
	fail "xendomains does not come up"
	ctl --failed
	ctl list-jobs
	ctl status "$@" xen-init-dom0 xendomains
	tail -n 40 /tmp/systemd.log
	exit 1
}
for unit in "$@" xen-init-dom0; do
	is_up "$unit.service" || fail "$unit: $(ctl status "$unit")"
done
says auto 60 '^ready-auto' || fail "the guest of /etc/xen/auto: $(xl list)"

echo '--- killed, more often than systemd puts up with by itself'
id=$(xl domid auto)
for unit in "$@" xenstored xenstored xenstored xenstored xenstored xenstored xl-monitor; do
	was=$(ctl show -P MainPID "$unit.service")
	[ "$was" -gt 0 ] || fail "$unit has no process"
	nsenter -t "$(pidof systemd)" -p -m kill -9 "$was"
	is_new() {
		now=$(ctl show -P MainPID "$unit.service")
		[ "$now" -gt 0 ] && [ "$now" != "$was" ] && is_up "$unit.service"
	}
	await 30 is_new || fail "$unit is not started again: $(ctl status "$unit")"
	echo "$unit: $was, now $now"
done
[ "$(xl domid auto)" = "$id" ] || fail "the guest was ended: $(xl list)"
for unit in "$@" xen-init-dom0 xendomains; do
	is_up "$unit.service" || fail "$unit fell with another: $(ctl status "$unit")"
done
xl reboot auto || fail "reboot"
has_rebooted() {
	[ "$(xl domid auto)" != "$id" ] && [ "$(said auto | grep -c '^ready-auto')" = 2 ]
}
await 60 has_rebooted || fail "the supervisor that was started again does not start the guest again: $(xl list)"

echo '--- stopped'
ctl stop xendomains.service || fail "stop"
is_gone auto || fail "the guest is left: $(xl list)"
ctl list-units --failed --no-legend "xen*" "xl*" | grep . && fail "units failed"
exit $failed
