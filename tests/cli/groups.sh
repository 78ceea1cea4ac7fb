#!/bin/bash
# SPDX-License-Identifier: MIT
# Caches of one name are one line and one order.
. "$(dirname "$0")/lib.sh"

start_target --comm "grouped.$$" --twins 4000 alone=8192 pair=4096 pair=8192,prio:5
expect 0 "$memshed" show "$pid"
err_empty
out_has '^ *15.6M +4000 +12.0k +4000 +75% .* other +- +twin x 4000 +target.c:[0-9]+$'
out_has '^ *12K +3 +9 +3 +75% .* pair x 2 +target.c:[0-9]+$'
out_has '^ *8K +2 .* alone +target.c:[0-9]+$'
out_lacks ' more, '
[ "$(grep -c twin "$work/out")" = 1 ] || fail "a group has more than one line"
for key in name bytes entries hits misses rate age priority cheapest; do
	expect 0 "$memshed" show "$pid" --sort "$key"
	[ "$(awk '/BYTES ENTRIES/ {seen = 1; next} seen' "$work/out" | wc -l)" = 3 ] || fail "not three lines, sorted by $key"
done

expect 0 "$memshed" show "$pid" --each
[ "$(grep -c " twin " "$work/out")" = 37 ] || fail "--each has not the first 40 caches"
out_has '^\.\.\. and 3963 more, '
expect 0 "$memshed" show "$pid" --each --all
[ "$(grep -c ' twin ' "$work/out")" = 4000 ] || fail "--each --all has not all caches"

expect 0 "$memshed" show "$pid" --json
json_is '.caches[]' 4003
json_is '.groups[]' 3
json_is '.groups[0].name' twin
json_is '.groups[0].caches' 4000
json_is '.groups[0].bytes' $((4000 * 4096))
json_is '.groups[0].hits' 12000
json_is '.groups[0].hit_rate' 0.75
json_is '.groups[1].name' pair
json_is '.groups[1].caches' 2
json_is '.groups[2].caches' 1
expect 0 "$memshed" list --json
out_has '"caches": 4003'

# A dry run, and one order for all of them, with one line.
expect 0 "$memshed" clear "$pid" twin --dry-run
out_has '^ *15.6M +4000 +all twin x 4000$'
[ "$(grep -c twin "$work/out")" = 1 ] || fail "a group has more than one line in a dry run"
expect 0 "$memshed" clear "$pid" twin
out_has '^ *15.6M +4000 +[0-9.]+[mu]?s done +twin x 4000$'
[ "$(grep -c twin "$work/out")" = 1 ] || fail "a group has more than one line"
out_has '^claimed 15.6M in '
expect 0 "$memshed" show "$pid"
out_has ' done 15.6M, [0-9a-z.]+ ago twin x 4000 '
expect 0 "$memshed" show "$pid" --json
json_is '.groups[0].name' pair
json_is '.groups[2].last.claimed_bytes' $((4000 * 4096))
json_is '.groups[2].last.entries' 4000
json_is .agent.orders 1
expect 0 "$memshed" clear "$pid" twin --json
json_is '.orders[]' 1
json_is '.orders[0].scope' group
json_is '.orders[0].caches' 4000
json_is '.groups[]' 1
json_is '.groups[0].cache' twin
json_is '.groups[0].caches' 4000
json_is '.groups[0].status' empty
json_is '.caches[]' 4000
kill -KILL "$pid"

# What came of them differently is told apart.
start_target mixed=4096 mixed=8192 mixed=4096,busy
expect 8 "$memshed" clear "$pid" mixed
out_has ' busy +mixed$'
out_has '^ *12K +3 +[0-9.]+[mu]?s done +mixed x 2$'
