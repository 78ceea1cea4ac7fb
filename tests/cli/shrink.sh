#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed shrink: the cheapest first, no more than needed, and what is said when it is not enough.
. "$(dirname "$0")/lib.sh"

caches=("dear=40960,prio:10" "second=81920" "first=409600,prio:-1" "whole=8192,prio:20,clear")
start_target --comm "shrunk.$$" "${caches[@]}"

expect 0 "$memshed" shrink "shrunk.$$" --bytes 440K --dry-run
out_has '^ *400K +100 +400K first$'
out_has '^ *80K +20 +40K second$'
out_has '^2 more would be not asked\.$'

# Part of the first is enough; the others stay as they are.
expect 0 "$memshed" shrink "shrunk.$$" --bytes 100K --json
json_is .wanted_bytes 102400
json_is '.orders[0].cache' first
json_is '.orders[0].level' trim
json_is '.orders[0].target_bytes' 102400
json_is '.orders[0].claimed_bytes' 102400
json_is '.orders[1].status' not-asked
json_is '.orders[1].claimed_bytes' null
json_is '.orders[4].cache' allocator
json_is .claimed_bytes 102400
expect 0 "$memshed" show "shrunk.$$" --json
json_is '.caches[0].name' first
json_is '.caches[0].bytes' 307200

# The rest of the first, and what is still missing from the second.
expect 0 "$memshed" shrink "shrunk.$$" -b 340K
out_has '^ *300K +75 +[0-9.]+[mu]?s done +first$'
out_has '^ *40K +10 +[0-9.]+[mu]?s done +second$'
out_has '^2 more were not asked\.$'
out_has '^claimed 340K '

# Only from those that are named; one without shrink is cleared as a whole.
expect 0 "$memshed" shrink "shrunk.$$" --bytes 4K whole --json
json_is '.orders[]' 1
json_is '.orders[0].level' clear
json_is '.orders[0].claimed_bytes' 8192

expect 8 "$memshed" shrink "shrunk.$$" --bytes 1G
err_has '^memshed shrink: 80K of 1G were claimed: the caches gave no more$'
out_has ' done +dear$'

for size in '' 0 -5 1X 1.5.5G 99999999999999999999; do
	expect 2 "$memshed" shrink "shrunk.$$" "--bytes=$size"
	err_has '^memshed shrink: --bytes '
done
expect 2 "$memshed" shrink "shrunk.$$"
err_has '^memshed shrink: --bytes SIZE is required'
