#!/bin/bash
# SPDX-License-Identifier: MIT
# show and list have an idle process count its caches first; and leave alone those that should be.
. "$(dirname "$0")/lib.sh"

# The agent counts once an hour by itself: every count that is seen here was asked for. Each gives one entry more. Where
# the machine is busy the answer may be late: the next try is as good.
fresh() { "$memshed" show "$1" --json >"$work/out" && [ "$(json .counts.why_old)" = null ]; }
counted() { "$memshed" show "$pid" --json --no-refresh >"$work/out" && entries=$(json ".caches[$1].entries"); }

start_target --comm "counted.$$" --seldom a=0,counted b=8192
counted 1
[ "$entries" = null ] || fail "counted before it was asked: $entries"
json_is .counts.why_old not-asked
json_is .counts.age_us null
wait_for "a count" fresh "$pid"
json_is '.groups[]' 2
json_is '.caches[]' 2
age=$(json .counts.age_us)
case $(json '.caches[0].name') in
a) a=0 b=1 ;;
*) a=1 b=0 ;;
esac
json_is ".caches[$b].counted_ago_us" null
json_is ".caches[$a].counted_ago_us" "$age"
json_is ".groups[$a].bytes" "$(json ".caches[$a].bytes")"
[ "$(json ".caches[$a].bytes")" = $((4096 * $(json ".caches[$a].entries"))) ] || fail "half a count"
json_is .agent.orders 0 # a count is no order that is done
json_is .agent.rounds 0
json_is .agent.state idle
for _ in 1 2 3; do
	counted $a
	before=$entries
	wait_for "a count" fresh "$pid"
	[ "$(json '.caches[0].entries')" -gt "$before" ] || fail "said to be counted, and was not"
	a=0
done
listed() { "$memshed" list >"$work/out" && grep -Eq "^ *$pid counted\.$$ .* 2 +[0-9]+K idle$" "$work/out"; }
wait_for "a count for list" listed
shown() { "$memshed" show "$pid" >"$work/out" && ! grep -q 'ago:' "$work/out"; }
wait_for "a count for show" shown

counted 0
before=$entries
expect 0 "$memshed" show "$pid" --no-refresh
out_has '^Counts of [0-9.]+[mun]?s ago: it was not asked\.$'
expect 0 "$memshed" list --no-refresh
out_has "^ *$pid counted\.$$ .* 2 +[0-9]+K idle; counts of [0-9.]+[mun]?s ago$"
expect 0 "$memshed" list --no-refresh --json
out_has '"why_old": "not-asked"'
counted 0
[ "$entries" = "$before" ] || fail "--no-refresh counted"

# Stopped: skipped, and said.
kill -STOP "$pid"
wait_for "the target to stop" has_state "$pid" T
expect 0 "$memshed" show "$pid"
out_has '^Counts of [0-9.]+[mu]?s ago: it is stopped\.$'
expect 0 "$memshed" list
out_has "^ *$pid counted\.$$ .* target stopped \(T\); counts of [0-9.]+[mu]?s ago$"
counted 0
[ "$entries" = "$before" ] || fail "counted while it was stopped"
kill -KILL "$pid"

# In the other modes; a host in its own loop comes by.
for mode in fd signal; do
	start_target --mode "$mode" --seldom a=0,counted
	wait_for "a count in mode $mode" fresh "$pid"
	[ "$(json '.caches[0].entries')" -ge 1 ] || fail "said to be counted, and was not"
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
all_fresh() {
	"$memshed" list >"$work/out" && [ "$(grep -Ec " many\.$$ .* 1 +[0-9]+K idle$" "$work/out")" = 12 ]
}
wait_for "all of them to be counted" all_fresh

# With few descriptors fewer are asked, and none is left out of the list.
few() { bash -c 'ulimit -n 45; exec "$@"' - "$@"; }
expect 0 few "$memshed" list
[ "$(grep -c " many\.$$ " "$work/out")" = 12 ] || fail "not all are listed with few descriptors"
expect 0 few "$memshed" list --json
out_has '"why_old": "too-many"'

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
