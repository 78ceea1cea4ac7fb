#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed list: which processes are in it, and its JSON.
. "$(dirname "$0")/lib.sh"

start_target --comm "listed.$$" --mode fd alpha=40960 beta=8192,estimated
listed=$pid
start_target --no-table
untabled=$pid

expect 0 "$memshed" list
out_has '^ *PID COMMAND +RSS BUDGET USED CACHES CACHED AGENT$'
out_has "^ *$listed listed\.$$ +[0-9.]+[KMG] +[0-9.]+[KMGT] +[0-9]+% +2 +~48K idle$"
out_lacks "^ *$untabled "

expect 0 "$memshed" list --json
count=$(json '.processes[]') || fail "no processes"
found=
for ((i = 0; i < count; i++)); do
	[ "$(json ".processes[$i].pid")" = "$listed" ] && found=".processes[$i]"
	[ "$(json ".processes[$i].pid")" = "$untabled" ] && fail "a process without a table is listed"
done
[ -n "$found" ] || fail "the target is not in the JSON"
json_is "$found.comm" "listed.$$"
json_is "$found.caches" 2
json_is "$found.cached_bytes" 49152
json_is "$found.bytes_estimated" true
json_is "$found.agent.mode" fd
json_is "$found.agent.state" idle
for key in rss_bytes swap_bytes uid limit.max_bytes limit.used_bytes limit.source agent.process_state; do
	json "$found.$key" >/dev/null || fail "no $key"
done
[ "$(json "$found.rss_bytes")" -gt 49152 ] || fail "the RSS is less than what the caches hold"

expect 2 "$memshed" list "$listed"
err_has '^memshed list: .*takes no argument'

kill -KILL "$listed"
wait_for "the target to end" gone "$listed"
expect 0 "$memshed" list
out_lacks "^ *$listed "
