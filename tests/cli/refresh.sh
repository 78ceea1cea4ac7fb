#!/bin/bash
# SPDX-License-Identifier: MIT
# show and list have an idle process count its caches first; and leave alone those that should be.
. "$(dirname "$0")/lib.sh"

# Its agent counts once an hour by itself: every count that is seen here was asked for. Each gives one entry more.
start_target --comm "counted.$$" --seldom a=0,counted b=8192
expect 0 "$memshed" show "$pid" --json
json_is '.groups[]' 2
for key in groups caches; do # equal in size: by name
	json_is ".$key[0].name" b
	json_is ".$key[1].name" a
	json_is ".$key[1].bytes" 4096
done
json_is '.caches[0].counted_ago_us' null
json_is .counts.why_old null
[ "$(json '.caches[1].counted_ago_us')" = "$(json .counts.age_us)" ] || fail "not as old as the only count"
json_is .agent.orders 0 # a count is no order that is done
json_is .agent.rounds 0
json_is .agent.state idle
expect 0 "$memshed" show "$pid"
out_has '^ *8K +2 .* a +target.c:'
out_lacks 'ago:'
expect 0 "$memshed" list
out_has "^ *$pid counted\.$$ .* 2 +20K idle$"
expect 0 "$memshed" show "$pid" --no-refresh
out_has '^ *12K +3 .* a +target.c:'
out_has '^Counts of [0-9.]+[mu]?s ago: it was not asked\.$'
expect 0 "$memshed" list --no-refresh
out_has "^ *$pid counted\.$$ .* 2 +20K idle; counts of [0-9.]+[mu]?s ago$"
expect 0 "$memshed" list --no-refresh --json
out_has '"why_old": "not-asked"'
expect 0 "$memshed" show "$pid" --json --no-refresh
json_is .counts.why_old not-asked
json_is '.caches[0].bytes' 12288

# Stopped: skipped, and said.
kill -STOP "$pid"
wait_for "the target to stop" has_state "$pid" T
expect 0 "$memshed" show "$pid"
out_has '^ *12K +3 .* a +target.c:'
out_has '^Counts of [0-9.]+[mu]?s ago: it is stopped\.$'
expect 0 "$memshed" list
out_has "^ *$pid counted\.$$ .* target stopped \(T\); counts of [0-9.]+[mu]?s ago$"
kill -CONT "$pid"
expect 0 "$memshed" show "$pid" --json
json_is '.caches[0].bytes' 16384 # no order was left behind
kill -KILL "$pid"

# In the other modes; a host in its own loop comes by.
for mode in fd signal; do
	start_target --mode "$mode" --seldom a=0,counted
	expect 0 "$memshed" show "$pid" --json
	json_is '.caches[0].bytes' 4096
	json_is .counts.why_old null
	kill -KILL "$pid"
done

# A host that never does: shown as it is, the order taken back, and what registered without a count is said to have none.
start_target --comm "deaf.$$" --mode fd --deaf a=0,counted b=8192
expect 0 "$memshed" show "$pid"
out_has '^ *8K +2 .* b +target.c:'
out_has '^Nothing was counted: its agent did not answer in time\.$'
out_has '^Not counted yet: 1 of the caches\.$'
expect 0 "$memshed" show "$pid" --json
json_is .counts.why_old no-answer
json_is .counts.age_us null
json_is '.caches[0].bytes' 8192
expect 0 "$memshed" list
out_has "^ *$pid deaf\.$$ "
kill -KILL "$pid"

# A callback or the host's lock that never comes back holds up nobody.
start_target --enter-block a=0,counted
expect 0 "$memshed" show "$pid" --json
json_is '.caches[0].name' a
why=$(json .counts.why_old)
[ "$why" = partly ] || [ "$why" = no-answer ] || [ "$why" = agent-busy ] || fail "why not: $why"
expect 0 "$memshed" show "$pid" --json
kill -KILL "$pid"

# As many as are asked, at the same time; none is missed.
pids=()
for ((i = 0; i < 12; i++)); do
	start_target --comm "many.$$" --seldom a=0,counted
	pids+=("$pid")
done
expect 0 "$memshed" list
for pid in "${pids[@]}"; do
	out_has "^ *$pid many\.$$ .* 1 +4K idle$"
done

# Near its limit, or while orders are out, it is not disturbed.
spawn "$memshed" run --quiet --max 64M --high 1M --low 512K -- "$target" --comm "near.$$" --seldom a=0,counted b=8192000,manual
near() {
	"$memshed" show "near.$$" --json >"$work/out" 2>"$work/err" && [ "$(json .counts.why_old)" = near-limit ]
}
wait_for "the job to be above high" near
expect 0 "$memshed" list
out_has "near\.$$ "
expect 0 "$memshed" show "near.$$"
out_has ' it is not disturbed near its limit\.$'
