#!/bin/sh
# SPDX-License-Identifier: MIT
# memshed run --max --on-exhausted=restart: each process of the command's is in the cgroup with that limit, not the
# first alone; and the process that is kept for a hook or a restart does not prevent the cgroup.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

max=$((48 * mib))
[ -x "$threads_job" ] || broken "no $threads_job"

# run_leak OPTION...: a job that says where it is, and frees nothing; alone in a cgroup with more room.
run_leak() {
	make_limit $((4 * max))
	[ "$limit_kind" = v2 ] || skip "--max is not enforced with cgroup v1"
	: > "$work/journal"
	: > "$work/places"
	# shellcheck disable=SC2016 # expanded inside
	limit_run "$memshed" run --max $max --journal "$work/journal" "$@" -- \
		sh -c 'sed "s/^0:://" /proc/self/cgroup >> "$0"; exec "$@"' "$work/places" "$threads_job" -l -t 1 -m $((2 * max / mib)) \
		> "$work/out" 2> "$work/err"
	status=$?
	kills=$(limit_kills)
	left=$(find "$limit_dir" -mindepth 1 -type d)
	limit_remove
	echo "$*: status $status, oom_kill $kills"
	cat "$work/places"
}

run_leak --on-exhausted restart --restarts 2
expect "a cgroup was made" "$(grep -c '"event":"start".*"enforced":true' "$work/journal")" -eq 1
expect "it was started again" "$(count_events restart)" -eq 2
expect "each time it was in that cgroup" "$(grep -c '/memshed-[0-9]*$' "$work/places")" -eq 3
expect "which is one" "$(sort -u "$work/places" | wc -l)" -eq 1
expect "nothing is left behind" -z "$left"
[ $failures = 0 ] || cat "$work/err"

run_leak --on-exhausted "exec:sed s/^0::// /proc/self/cgroup > $work/hook"
expect "a cgroup was made" "$(grep -c '"event":"start".*"enforced":true' "$work/journal")" -eq 1
expect "the job was in it" "$(grep -c '/memshed-[0-9]*$' "$work/places")" -eq 1
expect "nothing is left behind" -z "$left"
[ $failures = 0 ] || cat "$work/err"
done_testing
