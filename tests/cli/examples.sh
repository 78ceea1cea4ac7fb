#!/bin/bash
# SPDX-License-Identifier: MIT
# The examples of hosts whose own thread runs the callbacks: they go on working while their caches are cleared.
. "$(dirname "$0")/lib.sh"

# holds NAME BYTES: the cache of $pid has that much, or more.
holds() {
	run "$memshed" show "$pid" --json
	[ "$status" = 0 ] && [ "$(json '.caches[0].name')" = "$1" ] && [ "$(json '.caches[0].bytes')" -ge "$2" ]
}

# clears NAME: a person's order is carried out by the host's own thread.
clears() {
	expect 0 "$memshed" clear "$pid" "$1" --json
	json_is '.orders[0].status' 'done'
	[ "$(json '.orders[0].claimed_bytes')" -gt 0 ] || fail "nothing was freed of $1"
}

# A server around poll(2): its loop polls one descriptor more.
log=$work/spawned.${#spawned[@]}
spawn "$build/contrib/examples/event_loop"
wait_for "the server's port" grep -q '^port' "$log"
seq 200000 >"$work/lines"
exec 3<>"/dev/tcp/127.0.0.1/$(sed -n 's/^port //p' "$log")" || fail "cannot connect to the server"
# ask ANSWER: for the file.
ask() {
	local got
	echo "$work/lines" >&3
	read -r -t "$patience_s" got <&3 || fail "the server does not answer"
	[ "$got" = "$1" ] || fail "the server says '$got' instead of '$1'"
}
answer="200000 $(stat -c %s "$work/lines")"
ask "$answer"
holds texts 1000000 || fail "the file is not cached"
clears texts
holds texts 1 && fail "the file is still cached"
ask "$answer"
exec 3>&-

# An interpreter: between two instructions, beside a thread of the library's or without any.
for mode in '' -s; do
	# shellcheck disable=SC2086 # no option, or one
	spawn "$build/contrib/examples/interpreter" $mode '{ i collatz drop } 1000000000000 times'
	wait_for "a cache of a megabyte" holds collatz 1000000
	clears collatz
	wait_for "the next megabyte" holds collatz 1000000
	# shellcheck disable=SC2086
	expect 0 "$build/contrib/examples/interpreter" $mode '0 { i collatz + } 1000 times .'
	out_has '^59542$'
done
