#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run without privileges says once what it lacks, when that begins to matter: in the first shortage.
. "$(dirname "$0")/lib.sh"

growing=$build/tests/cli/growing
! grep -qa __asan_ "$growing" || skip "the sanitizer's allocator keeps what is freed"
journal=$work/journal
field() { grep "^{\"event\":\"$1\"" "$journal" | tail -n 1 >"$work/event"; "$jsonget" "$work/event" ".$2"; }
lacking=-sys_nice,-ipc_lock,-sys_resource
plain() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --bounding-set=$lacking --inh-caps=$lacking -- "$@"
	else
		"$@"
	fi
}
plain true || skip "cannot give privileges up"

# Several shortages, and no more room to lock all memory. The cache is counted, not charged: else the program
# would keep them away by itself.
many() { (ulimit -l 64; plain "$@"); }
expect 0 many "$memshed" run --no-cgroup --max 120M --journal "$journal" -- "$growing" --count --mib 300 --rate 200
[ "$(field end shortages)" -ge 2 ] || fail "no second shortage"
[ "$(grep -c '^{"event":"unprivileged"' "$journal")" = 1 ] || fail "not said once"
for what in fifo locked; do
	[ "$(field unprivileged $what)" = false ] || fail "it has $what"
	[ "$(field start $what)" = false ] || fail "at first it had $what"
done
[ "$(field unprivileged late_us)" -gt 0 ] || fail "it is never late, without having been measured"

expect 0 many "$memshed" run --no-cgroup --max 120M -- "$growing" --count --mib 300 --rate 200
[ "$(grep -c 'runs without real-time priority, locked memory.*; it looked up to .* late so far' "$work/err")" = 1 ] ||
	fail "not said once"

# A job that has no shortage is told nothing.
expect 0 many "$memshed" run --no-cgroup --max 1G -- true
! grep -q 'runs without' "$work/err" || fail "said without a need"
