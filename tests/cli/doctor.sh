#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed doctor: every check says something, whoever asks, and nothing stays.
. "$(dirname "$0")/lib.sh"

check() {
	expect 0 "$@" "$memshed" doctor
	err_empty
	out_has '^CHECK +STATE +WHAT IS HERE, AND WHAT FOLLOWS$'
	for name in kernel memory swap overcommit 'huge pages' cgroup limits 'child cgroup' memfd \
		pidfd others hidepid 'real time' 'locked memory' 'oom score' python; do
		out_has "^$name +(ok|limited|missing) +[^ ].*: ."
	done
	[ "$(wc -l <"$work/out")" = 17 ] || fail "not one line each"
	expect 0 "$@" "$memshed" doctor --json
	json_is '.checks[]' 16
	json_is '.checks[0].name' kernel
	for key in state found follows; do
		[ -n "$(json ".checks[0].$key")" ] || fail "no $key"
	done
}
check
none_left() { [ -z "$(find /sys/fs/cgroup -maxdepth 6 -name 'memshed-doctor.*' 2>/dev/null)" ]; }
wait_for "no cgroup to be left behind" none_left
can_be_nobody && check as_nobody
expect 2 "$memshed" doctor now
