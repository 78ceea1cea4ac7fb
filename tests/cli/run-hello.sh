#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run and those that say hello: a flood by others costs it nothing, and the job's processes are found all
# the same, also without a hello, as another user, and when they closed what is below /proc/PID/fd.
. "$(dirname "$0")/lib.sh"

stranger=$build/tests/cli/stranger
journal=$work/journal

# start_job COMMAND...: under memshed, its pid in $child and memshed's in $supervisor.
start_job() {
	rm -f "$journal"
	spawn "$memshed" run --max 1G --journal "$journal" -- "$@"
	supervisor=$pid
	wait_for "the command" has_child
}
has_child() { child=$(ps -o pid= --ppid "$supervisor" | tr -d ' '); [ -n "$child" ]; }
read_address() {
	address=$(tr '\0' '\n' <"/proc/$child/environ" | sed -n 's/^MEMSHED_SOCKET=//p') && [ -n "$address" ]
}
end_job() { kill -s TERM "$supervisor"; wait "$supervisor" || :; }
has_target() { grep -q '^{"event":"target".*"comm":"'"$1"'"' "$journal"; }
cpu_ms() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 1000 / hz) }' "/proc/$1/stat"; }

# costs_little COMMAND...: at most 5 % of a CPU while it runs, and 20 ms of other work.
costs_little() {
	local before began spent
	before=$(cpu_ms "$supervisor")
	began=$(date +%s%N)
	"$@" >"$work/sent" || fail "cannot flood: $*"
	spent=$(($(cpu_ms "$supervisor") - before))
	[ "$spent" -le $((($(date +%s%N) - began) / 20000000 + 20)) ] ||
		fail "$(cat "$work/sent") packets cost $spent ms: $*"
}

start_job sleep 1000
wait_for "its environment" read_address
if can_be_nobody; then
	costs_little as_nobody "$stranger" "${address%:*}" 2
	[ "$(cat "$work/sent")" -gt 1000 ] || fail "the flood was none"
fi
costs_little "$stranger" "${address%:*}" 2
costs_little "$stranger" "${address%:*}:0" 2
costs_little "$stranger" "$address" 2
end_job

# While others flood, a new process of the job is found.
start_job bash -c 'until [ -e "$2" ]; do sleep 0.05; done; exec "$0" --comm "$1" a=4096' "$target" "late.$$" "$work/go"
wait_for "its environment" read_address
spawn "$stranger" "$address" 1000
flood=$pid
touch "$work/go"
wait_for "the late process" has_target "late.$$"
kill -s KILL "$flood"
wait "$flood" 2>/dev/null
end_job

# Found without a hello; and one that became another user.
start_job env -u MEMSHED_SOCKET "$target" --comm "silent.$$" a=4096
wait_for "the silent process" has_target "silent.$$"
end_job
if can_be_nobody; then
	start_job setpriv --reuid 65534 --regid 65534 --clear-groups -- "$target" --comm "other.$$" a=4096
	wait_for "the other user's process" has_target "other.$$"
	end_job
	start_job env -u MEMSHED_SOCKET setpriv --reuid 65534 --regid 65534 --clear-groups -- \
		"$target" --comm "hushed.$$" a=4096
	wait_for "the other user's silent process" has_target "hushed.$$"
	end_job
fi
