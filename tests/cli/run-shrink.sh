#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run: a program that fills a cache stays below --max, the journal tells how, and what goes wrong
# (a stopped command, no caches, a killed supervisor) ends as a user would want. The cache is counted, not
# charged: else the program would shrink it by itself before the watch has a reason to order anything.
. "$(dirname "$0")/lib.sh"

growing=$build/tests/cli/growing
! grep -qa __asan_ "$growing" || skip "the sanitizer's allocator keeps what is freed"
journal=$work/journal
has_event() { grep -q "^{\"event\":\"$1\"" "$journal"; }
# field EVENT KEY: of the last such line
field() { grep "^{\"event\":\"$1\"" "$journal" | tail -n 1 >"$work/event"; "$jsonget" "$work/event" ".$2"; }

# 400 MiB through a cache, under 120 MiB.
expect 0 "$memshed" run --no-cgroup --max 120M --journal "$journal" -- "$growing" --count --name 'a "cache"\n' --mib 400 --rate 400
[ "$(wc -l <"$work/err")" = 1 ] || fail "with a journal only the summary goes to stderr"
err_has 'ended after .*: peak RSS .* of 120M \(--max\), above high [0-9]+ times?, shrunk [0-9]+ times? in '
while read -r line; do
	printf '%s' "$line" >"$work/event"
	"$jsonget" "$work/event" .event >/dev/null || fail "not JSON: $line"
	for key in at_ms unix_ms rss_bytes used_bytes max_bytes high_bytes low_bytes limit; do
		"$jsonget" "$work/event" ".$key" >/dev/null || fail "no $key in: $line"
	done
done <"$journal"
for event in start target order answer returned recovered end; do
	has_event "$event" || fail "no $event in the journal"
done
[ "$(field start max_bytes)" = $((120 << 20)) ] || fail "start says another max"
[ "$(field answer 'gave[0].cache')" = 'a "cache"\\n' ] || fail "the cache's name is $(field answer 'gave[0].cache')"
[ "$(field end 'largest[0].cache')" = 'a "cache"\\n' ] || fail "the end does not name the largest cache"
# A machine that is busy elsewhere lets the job come near max before its agent runs: orders are for whole caches then.
first=$(grep -m 1 '^{"event":"order"' "$journal")
case $first in
*'"reason":"near-max"'*) ;;
*'"level":"trim"'*) ;;
*) fail "the first order is $first" ;;
esac
grep -q '^{"event":"answer".*"status":"done"' "$journal" || fail "no order was carried out"
[ "$(field end peak_rss_bytes)" -lt $((120 << 20)) ] || fail "the peak is $(field end peak_rss_bytes)"
[ "$(field end claimed_bytes)" -gt $((200 << 20)) ] || fail "claimed $(field end claimed_bytes)"
[ "$(field end returned_bytes)" -gt $((150 << 20)) ] || fail "returned $(field end returned_bytes)"
[ "$(field end own_rounds)" = 0 ] || fail "it shrinks by itself without a look"
[ "$(field end exit_code)" = 0 ] || fail "exit_code is $(field end exit_code)"

# Where it is charged the program does the same by itself, as a rule before the watch.
rm -f "$journal"
expect 0 "$memshed" run --no-cgroup --max 120M --journal "$journal" -- "$growing" --mib 400 --rate 400
claimed=$(($(field end claimed_bytes) + $(field end own_claimed_bytes)))
returned=$(($(field end returned_bytes) + $(field end own_returned_bytes)))
[ $claimed -gt $((200 << 20)) ] || fail "claimed $claimed"
[ $returned -gt $((150 << 20)) ] || fail "returned $returned"
[ "$(field end peak_rss_bytes)" -lt $((120 << 20)) ] || fail "the peak is $(field end peak_rss_bytes)"

# Lines instead of a journal; a hostile name stays on its line.
expect 0 "$memshed" run --no-cgroup --max 120M -- "$growing" --count --name $'a\e[2Jb' --mib 200 --rate 400
err_has '^memshed: \+[0-9.]+s watching growing \(pid [0-9]+\): max 120M \(--max\), high 108M, low 96M$'
err_has '^memshed: \+[0-9.]+s asking growing \(pid [0-9]+\) for [0-9.]+M \(.* of 120M, above high 108M\)$'
err_has 'growing \(pid [0-9]+\): a\\x1b\[2Jb ~?[0-9.]+M.*; .*M came back in .*; .* of 120M'
err_has ', exit 0: peak RSS .*; largest cache at the end: a\\x1b\[2Jb ~?[0-9.]+[KM]'
err_has 'the shortage (is|was) over after .*s'

# The same in every mode, in a child of a child, and after an exec.
for mode in thread fd signal; do
	expect 0 "$memshed" run --no-cgroup --max 120M -- "$growing" --count --mode "$mode" --mib 200 --rate 400
	err_has 'shrunk [1-9][0-9]* times?'
done
expect 0 "$memshed" run --no-cgroup --max 120M -- sh -c '"$0" --count --mib 200 --rate 400; exit $?' "$growing"
err_has 'shrunk [1-9][0-9]* times?'
expect 0 "$memshed" run --no-cgroup --max 120M -- "$growing" --exec --mib 200 --rate 400
err_has 'shrunk (by itself )?[1-9][0-9]* times?'
# In a forked child, whose parent has the same caches.
expect 0 "$memshed" run --no-cgroup --max 120M -- "$growing" --count --fork --mib 200 --rate 400
err_has 'shrunk [1-9][0-9]* times?'
# And where it closes everything right after the fork: only its hello can tell of its table.
expect 0 "$memshed" run --no-cgroup --max 120M -- "$growing" --count --fork --close --mib 200 --rate 400
err_has 'shrunk [1-9][0-9]* times?'
# Without a hello (another network namespace, say) the table is found by its descriptor.
expect 0 "$memshed" run --no-cgroup --max 120M -- env -u MEMSHED_SOCKET "$growing" --count --mib 200 --rate 200
err_has 'shrunk [1-9][0-9]* times?'

# What a shortage needs was touched before: a fault at the limit of a cgroup would call the OOM killer. New pages
# come with new processes only, and here is one.
faults() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 8; }
rm -f "$journal"
spawn "$memshed" run --no-cgroup --max 120M --journal "$journal" -- "$growing" --count --mib 300 --rate 200
supervisor=$pid
wait_for "the table to be found" has_event target
first=$(faults "$supervisor")
while count=$(faults "$supervisor") && [ -n "$count" ] && ! has_event end; do last=$count; done
wait "$supervisor" || fail "the command failed"
[ "$(field end shortages)" -gt 0 ] || fail "no shortage"
[ $((last - first)) -le 8 ] || fail "$((last - first)) page faults in a shortage"

# Nothing registered: said once, and left alone.
expect 0 "$memshed" run --no-cgroup --max 60M -- "$growing" --no-table --mib 100 --rate 400
[ "$(grep -c 'nothing here registered a cache' "$work/err")" = 1 ] || fail "not said once"
err_has 'shrunk 0 times'

# Stopped in the middle: said, not piled up; asked again when it goes on.
rm -f "$journal"
spawn "$memshed" run --no-cgroup --max 120M --journal "$journal" -- "$growing" --count --mib 200 --rate 400 --stop
supervisor=$pid
wait_for "the stop to be noticed" has_event stopped
child=$(field stopped pid)
has_state "$child" T || fail "the command is not stopped"
has_state "$supervisor" T && fail "memshed stopped too"
kill -s CONT "$child"
wait_for "the end" has_event end
has_event resumed || fail "no resumed in the journal"
wait "$supervisor" || fail "the command failed"

# The supervisor is killed: the job goes on, and a new order by hand still works.
spawn "$memshed" run --quiet --max 1G -- "$target" --comm orphan a=4096000
supervisor=$pid
wait_for "the target" "$memshed" show orphan
child=$("$memshed" show --json orphan >"$work/out" && json .pid)
kill -s KILL "$supervisor"
wait "$supervisor" 2>/dev/null
expect 0 "$memshed" clear "$child" a
out_has 'done'
kill -s KILL "$child"
wait_for "the orphan's end" gone "$child"
