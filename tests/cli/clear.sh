#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed clear: everything, by name, by prefix, dry, in each of the agent's modes, and what comes back.
. "$(dirname "$0")/lib.sh"

# check_mode MODE: everything is dropped, the RSS falls, and it is said so.
check_mode() {
	start_target --mode "$1" a=40960000 b=4096000,clear c=0
	expect 0 "$memshed" clear "$pid" --json
	err_empty
	json_is .pid "$pid"
	json_is .dry_run false
	json_is '.orders[]' 1
	json_is '.orders[0].scope' process
	json_is '.orders[0].level' clear
	json_is '.orders[0].target_bytes' null
	json_is '.orders[0].claimed_bytes' 45056000
	json_is '.caches[]' 3
	json_is '.caches[0].cache' a
	json_is '.caches[0].status' 'done'
	json_is '.caches[0].claimed_bytes' 40960000
	json_is '.caches[0].bytes_after' 0
	json_is '.caches[0].entries' 10000
	[ "$(json '.caches[0].duration_us')" -ge 0 ] || fail "no duration"
	json_is '.caches[1].cache' b
	json_is '.caches[1].claimed_bytes' 4096000
	json_is '.caches[2].cache' c
	json_is .claimed_bytes 45056000
	before=$(json .rss_before_bytes) after=$(json .rss_after_bytes)
	json_is .returned_bytes $((before - after))
	# A sanitizer's allocator keeps what is freed.
	grep -qa __asan_ "$memshed" || [ "$(json .returned_bytes)" -gt 30000000 ] || fail "the memory did not come back in mode $1"
	kill -KILL "$pid"
}
check_mode thread
check_mode fd
check_mode signal

start_target --comm "cleared.$$" a=409600 b=40960 beta=8192
expect 0 "$memshed" clear "cleared.$$" --dry-run
err_empty
out_has "^cleared\.$$ \(pid $pid\): nothing is asked"
out_has '^ *BYTES ENTRIES ASK FOR CACHE$'
out_has '^ *400K +100 +all a$'
expect 0 "$memshed" clear "cleared.$$" -n --json
json_is .dry_run true
json_is '.caches[0].status' would-ask
json_is '.caches[0].claimed_bytes' null
json_is .rss_after_bytes null
json_is .returned_bytes null
expect 0 "$memshed" show "cleared.$$" --json
json_is '.caches[0].orders' 0 # of this cache: any client may have the process count its caches
json_is '.caches[0].bytes' 409600

# By prefix: neither a nor the allocator is asked.
expect 0 "$memshed" clear "cleared.$$" 'b*'
out_has '^CLAIMED ENTRIES +TIME STATUS CACHE$'
out_has '^ *40K +10 +[0-9.]+[mu]?s done +b$'
out_has '^ *8K +2 +[0-9.]+[mu]?s done +beta$'
out_lacks ' (a|allocator)$'
out_has '^claimed 48K in [0-9.]+[mu]?s; RSS [0-9.]+[KM] before, [0-9.]+[KM] after: (returned|grew by) [0-9.]+[KM]?$'
expect 0 "$memshed" show "cleared.$$" --json
json_is '.caches[0].name' a
json_is '.caches[0].bytes' 409600
json_is '.caches[1].bytes' 0

# A cache that is empty by now is no failure; of all it is not asked.
expect 0 "$memshed" clear "cleared.$$" b
out_has '^ *0 +0 +[0-9.]+[mu]?s empty +b$'
expect 0 "$memshed" clear "cleared.$$" allocator
out_has ' allocator$'
expect 0 "$memshed" clear "cleared.$$"
out_has ' done +a$'
out_has '^2 more were not asked: they are empty\.$'
expect 0 "$memshed" clear "cleared.$$"
out_has '^3 were not asked: they are empty\.$'

# All of one name are one order; a cache that only a person may clear is cleared by a person who says "all".
start_target twin=40960 twin=8192 other=4096 kept=4096,manual
expect 0 "$memshed" clear "$pid" twin --json
json_is '.orders[]' 1
json_is '.orders[0].scope' group
json_is '.orders[0].caches' 2
json_is '.caches[]' 2
json_is '.caches[0].claimed_bytes' 8192
json_is .claimed_bytes 49152
expect 0 "$memshed" clear "$pid"
out_has ' done +other$'
out_has ' done +kept$'
out_has '^2 more were not asked: they are empty\.$'
