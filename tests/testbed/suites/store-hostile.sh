# SPDX-License-Identifier: LGPL-2.1-or-later
# testbed: --daemons ours --dom0-mem 512 --timeout 400
# testbed-long: --daemons ours --arch armhf --timeout 900
# shellcheck shell=sh
#
# A guest that attacks its store ring, beside one that works: the daemon lives, the other guest and dom0 do not notice, and the
# memory it was made to use is given back. Then two guests that come and go ($1 times, 5 by default; 100 in store-lives).
# shellcheck source=../suite.sh
. /etc/testbed/suite.sh
lives=${1:-5}

pid=$(cat /run/xen/xenstored.pid)
xenstore-ls >/dev/null
rss_before=$(store_rss VmRSS)

echo '--- an attacker'
begin_storm good
bare evil store_hostile 'on_poweroff = "preserve"'
xl create -q -e /tmp/evil.cfg || exit 1
says evil 90 'not served after' || fail "evil: $(said evil)"
said evil | grep hostile: | tail -n 1
said evil | grep -q 'not served after 0' || fail "evil: $(said evil | grep hostile)"
[ "$(cat /proc/"$pid"/comm)" = xenstored ] || fail "the daemon died"
end_storm good
xl destroy evil || fail "destroy evil"

echo "--- two guests, $lives lives each"
come_and_go "$lives"
echo "resident: $rss_before kB at first"
exit $failed
