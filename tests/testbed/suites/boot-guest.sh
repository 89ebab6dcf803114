# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --boot-guest tests/testbed/suites/boot-web.cfg
# shellcheck shell=sh
# Functions are called by name through await.
# shellcheck disable=SC2317
#
# A guest that Xen started before dom0 becomes a guest like any other: named, asked, pinned, rebooted by the supervisor, destroyed and
# created again from the same configuration.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh

answers() {
	[ "$(xenstore-read "/local/domain/$(xl domid web)/control/feature-poweroff")" = 1 ]
}

# The successor has the number of the old one as often as not: it is the frontends' node that is new.
is_fresh() {
	! xenstore-exists "/local/domain/$(xl domid web)/data/old" && answers
}

echo '--- taken in'
xl list | grep -q '(null)' || fail "Xen started no guest: $(xl list)"
xl init-dom0less || fail "init-dom0less"
xl init-dom0less || fail "init-dom0less a second time"
[ "$(xl domid web)" = 1 ] || fail "the guest is not called web: $(xl list)"
await 60 answers || fail "the guest does not use its store ring"
xl pause web || fail "pause"
xl unpause web || fail "unpause"
xl vcpu-pin web 0 1 || fail "vcpu-pin"
xl vcpu-list web | awk '$3 == 0 && $7 == "1" { ok = 1 } END { exit !ok }' || fail "not pinned: $(xl vcpu-list web)"

echo '--- rebooted by the supervisor'
xl monitor || fail "monitor"
xenstore-write "/local/domain/1/data/old" 1 || fail "marking the old domain"
xl reboot web || fail "reboot"
await 60 is_fresh || fail "no successor: $(xl list)"

echo '--- stopped, and started again from the same configuration'
xl shutdown web || fail "shutdown"
await 60 is_gone web || fail "still there: $(xl list)"
xl create -q /etc/xen/boot/web.cfg || fail "create"
await 60 answers || fail "the created guest does not come up"
xl destroy web || fail "destroy"
kill "$(cat /run/xen/xlmonitor.pid)"
exit $failed
