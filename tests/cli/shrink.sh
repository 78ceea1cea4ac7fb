#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed shrink: in the order of the ranking, no more than needed, and what is said when it is not enough.
. "$(dirname "$0")/lib.sh"

mib=$((1 << 20))
caches=("dear=$((4 * mib)),prio:10" "second=$((8 * mib))" "first=$((40 * mib)),prio:-1" "whole=$((8 * mib)),prio:20,clear")
start_target --comm "shrunk.$$" "${caches[@]}"

expect 0 "$memshed" shrink "shrunk.$$" --bytes 44M --dry-run
out_has '^ *40M +10.2k +40M first$'
out_has '^ *8M +2048 +4M second$'
out_has '^2 more would not be asked\.$'
expect 0 "$memshed" shrink "shrunk.$$" --bytes 44M --dry-run --json
json_is '.orders[]' 0
json_is '.caches[0].cache' first
json_is '.caches[0].status' would-ask
json_is '.caches[0].target_bytes' $((40 * mib))
json_is '.caches[1].target_bytes' $((4 * mib))
json_is '.caches[2].status' not-asked
expect 0 "$memshed" show "shrunk.$$" --json
json_is '.caches[0].orders' 0

# One order for the process: part of the first is enough; the others stay as they are.
expect 0 "$memshed" shrink "shrunk.$$" --bytes 10M --json
json_is .wanted_bytes $((10 * mib))
json_is '.orders[]' 1
json_is '.orders[0].scope' process
json_is '.orders[0].level' trim
json_is '.orders[0].target_bytes' $((10 * mib))
json_is '.orders[0].status' 'done'
json_is '.orders[0].caches' 1
json_is '.caches[0].cache' first
json_is '.caches[0].level' trim
json_is '.caches[0].status' 'done'
[ "$(json '.caches[0].claimed_bytes')" -ge $((10 * mib)) ] || fail "claimed less than asked"
[ "$(json '.caches[0].claimed_bytes')" -le $((12 * mib)) ] || fail "much more than asked was freed"
json_is '.caches[0].claimed_bytes' "$(json .claimed_bytes)"
json_is '.caches[0].claimed_bytes' $(($(json '.caches[0].bytes_before') - $(json '.caches[0].bytes_after')))
for i in 1 2 3; do
	json_is ".caches[$i].status" not-asked
	json_is ".caches[$i].claimed_bytes" null
done

# The rest of the first, and what is still missing from the second.
expect 0 "$memshed" shrink "shrunk.$$" -b 32M
out_has '^ *[0-9.]+M +[0-9.k]+ +[0-9.]+[mu]?s done +first$'
out_has '^ *[0-9.]+M +[0-9]+ +[0-9.]+[mu]?s done +second$'
out_has '^2 more were not asked\.$'
out_has '^claimed 3[0-9.]+M '

# Only from those that are named; one without shrink is cleared as a whole.
expect 0 "$memshed" shrink "shrunk.$$" --bytes 4K whole dear --json
json_is '.orders[]' 2
json_is '.orders[0].scope' group
json_is '.orders[0].target_bytes' 4096
json_is '.orders[1].status' not-asked
json_is '.caches[0].cache' dear
json_is '.caches[0].claimed_bytes' 4096
json_is '.caches[1].status' not-asked
expect 0 "$memshed" shrink "shrunk.$$" --bytes 4K whole --json
json_is '.caches[]' 1
json_is '.caches[0].claimed_bytes' $((8 * mib))

expect 8 "$memshed" shrink "shrunk.$$" --bytes 1G
err_has '^memshed shrink: .* \(pid [0-9]+\): [0-9.]+M of 1G were freed; the caches gave no more$'
out_has ' done +dear$'
expect 8 "$memshed" shrink "shrunk.$$" --bytes 1M dear
err_has '^memshed shrink: .* \(pid [0-9]+\): 0 of 1M were freed; the caches gave no more$'

# Of several caches with one name each gives its part, in one order.
start_target same=$((8 * mib)) same=$((8 * mib)) other=$((8 * mib))
expect 0 "$memshed" shrink "$pid" --bytes 12M same --json
json_is '.orders[]' 1
json_is '.orders[0].scope' group
json_is '.caches[]' 2
json_is .claimed_bytes $((12 * mib))

for size in '' 0 -5 1X 1.5.5G 99999999999999999999; do
	expect 2 "$memshed" shrink "shrunk.$$" "--bytes=$size"
	err_has '^memshed shrink: --bytes '
done
expect 2 "$memshed" shrink "shrunk.$$"
err_has '^memshed shrink: --bytes SIZE is required'
