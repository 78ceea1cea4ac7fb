#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed show: the human view, the JSON keys that are promised, sorting, and names.
. "$(dirname "$0")/lib.sh"

start_target --comm "shown.$$" 'small=8192,memo,prio:7,cost:250' 'large=4096000,file' 'guess=40960,estimated,index'
expect 0 "$memshed" show "$pid"
err_empty
cp "$work/out" "$work/by-pid"
out_has "^shown\.$$ \(pid $pid\), sleeping, uid [0-9]+$"
out_has '^RSS +[0-9.]+M  caches ~[0-9.]+M( \+ free in [a-z]+ [0-9.]+[KM]?)?; not explained ~[0-9.]+[KM]$'
out_has '^swap +[0-9.]+'
out_has '^budget +[0-9.]+[KMGT]  .+: [0-9.]+[KMG] used \([0-9]+%\)$'
out_has "unwatched; .memshed run. would shrink above [0-9.]+[KMGT] to [0-9.]+[KMGT]$"
out_has '^agent +thread  idle$'
out_has '^ *BYTES ENTRIES +HITS MISSES RATE +AGE KIND +LAST NAME +SOURCE$'
out_has '^ *3.91M +1000 +3000 +1000 +75% +[0-9a-z.]+ file +- +large +target.c:[0-9]+$'
out_has '^ *~40K +10 +30 +10 +75% +[0-9a-z.]+ index +- +guess '
[ "$(grep -n ' large ' "$work/out" | cut -d: -f1)" -lt "$(grep -n ' guess ' "$work/out" | cut -d: -f1)" ] ||
	fail "the largest does not come first"

expect 0 "$memshed" show "shown.$$" --sort name
[ "$(awk '/BYTES ENTRIES/ {seen = 1; next} seen {print $(NF - 1)}' "$work/out" | tr '\n' ' ')" = "guess large small " ] ||
	fail "not sorted by name"
expect 2 "$memshed" show "shown.$$" --sort size
err_has '^memshed show: --sort size: not a key; bytes, '

expect 0 "$memshed" show "$pid" --json
err_empty
json_is .pid "$pid"
json_is .comm "shown.$$"
for key in rss_bytes swap_bytes limit.max_bytes limit.high_bytes limit.low_bytes limit.source limit.used_bytes \
	agent.mode agent.state allocator.name allocator.free_bytes explained_bytes unexplained_bytes; do
	json ".$key" >/dev/null || fail "no $key"
done
[ "$(json .limit.low_bytes)" -lt "$(json .limit.high_bytes)" ] || fail "low is not below high"
[ "$(json .limit.high_bytes)" -le "$(json .limit.max_bytes)" ] || fail "high is above max"
[ $(($(json .explained_bytes) + $(json .unexplained_bytes))) = "$(json .rss_bytes)" ] ||
	fail "explained and unexplained are not the RSS"
json_is '.caches[]' 3
json_is '.caches[0].name' large
json_is '.caches[0].kind' file
json_is '.caches[0].bytes' 4096000
json_is '.caches[0].entries' 1000
json_is '.caches[0].hits' 3000
json_is '.caches[0].misses' 1000
json_is '.caches[0].hit_rate' 0.75
json_is '.caches[0].bytes_estimated' false
json_is '.caches[1].bytes_estimated' true
json_is '.caches[2].priority' 7
json_is '.caches[2].cost_us' 250
json_is '.caches[0].cost_us' null
for key in status claimed_bytes entries duration_us; do
	json_is ".caches[0].last.$key" null
done

# Flags of the owner's.
shown=$pid
start_target 'plain=40960' 'flags=4096,io,unheld,collector'
expect 0 "$memshed" show "$pid" --json
for key in may_io no_brake collector; do
	json_is ".caches[0].$key" false
	json_is ".caches[1].$key" true
done
json_is '.caches[0].manual' false
pid=$shown

expect 0 "$memshed" clear "$pid" large
expect 0 "$memshed" show "$pid" --json
json_is '.caches[2].name' large
json_is '.caches[2].bytes' 0
json_is '.caches[2].last.status' 'done'
json_is '.caches[2].last.claimed_bytes' 4096000
json_is '.caches[2].last.entries' 1000
[ "$(json '.caches[2].last.duration_us')" -ge 0 ] || fail "no duration"
json_is '.caches[2].orders' 1
expect 0 "$memshed" show "$pid"
out_has ' file +done 3.91M, [0-9a-z.]+ ago +large '

# A script is found by its file name when no process is called so.
cp "$target" "$work/script.$$"
spawn "$work/script.$$" --comm "other.$$" x=4096
other=$pid
wait_for "the copy to be ready" grep -q ready "$work/spawned.$((${#spawned[@]} - 1))"
expect 0 "$memshed" show "script.$$"
out_has "^other\.$$ \(pid $other\)"
