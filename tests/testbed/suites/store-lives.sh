# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed-long: --daemons ours --dom0-mem 512 --timeout 900
# shellcheck shell=sh
#
# Two guests that come and go, $1 times each, 100 by default: afterwards the store has as many nodes as before, and the daemon as much
# memory.
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
lives=${1:-100}

come_and_go "$lives"
xenstore-control check >/tmp/out || fail "check: $(cat /tmp/out)"
exit $failed
