#!/bin/bash
# SPDX-License-Identifier: MIT
# One ranking: the table, the dry run and the agent itself name the same caches in the same order, and the one
# that is hit comes last, although it is the largest. Their kinds and sizes decide nothing before that.
. "$(dirname "$0")/lib.sh"

mib=$((1 << 20))
start_target --comm "ranked.$$" \
	"hot=$((30 * mib)),memo,hits:1000000,misses:0" "cold=$((25 * mib)),memo,hits:0,misses:1000000" \
	"file=$((20 * mib)),file,hits:0,misses:0" "buffer=$((15 * mib)),buffer,hits:0,misses:0"
order="cold file buffer hot"

expect 0 "$memshed" show "ranked.$$" --json --sort cheapest
i=0
for name in $order; do
	json_is ".caches[$i].name" "$name"
	i=$((i + 1))
done

expect 0 "$memshed" shrink "ranked.$$" --bytes 90M --dry-run --json
i=0
for name in $order; do
	json_is ".caches[$i].cache" "$name"
	i=$((i + 1))
done

# The agent, which ranks for itself: each order takes what is the next in this order, and no other.
expect 0 "$memshed" shrink "ranked.$$" --bytes 24M --json
json_is '.caches[0].cache' cold
json_is '.caches[0].status' 'done'
json_is '.caches[1].status' not-asked
expect 0 "$memshed" shrink "ranked.$$" --bytes 20M --json
status_of() {
	for i in 0 1 2 3; do
		[ "$(json ".caches[$i].cache")" = "$1" ] && json ".caches[$i].status"
	done
}
[ "$(status_of hot)" = not-asked ] || fail "the hot cache was asked before the others"
[ "$(status_of file)" = "done" ] || fail "the file cache was not asked"
expect 0 "$memshed" shrink "ranked.$$" --bytes 14M --json
[ "$(status_of hot)" = not-asked ] || fail "the hot cache was asked before the buffer"
