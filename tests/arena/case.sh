#!/bin/sh
# SPDX-License-Identifier: MIT
# case.sh NAME: a case of cases.txt as a test. Without memshed the OOM killer ends the job; with it the job ends
# well, with real-time priority where that is allowed, and as an ordinary user. (On cgroup v2 a job without memshed
# may also stand still, as its program is read from the file again and again: it is ended after a while.)
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=cases.sh
. "$tests/cases.sh"

case_find "$1"
why=$(case_missing)
[ -z "$why" ] || skip "$why"
patience=15
case_run "$1" without
echo "without memshed: $outcome (status $status, oom_kill $kills)"
case $outcome/$limit_kind in
killed/* | hung/v2) ;;
*) fail "without memshed the job lives: the case proves nothing" ;;
esac
patience=${ARENA_PATIENCE:-300}
for who in fifo plain; do
	privilege $who || { echo "not allowed to be $who"; continue; }
	for run in $(seq "$repeat"); do
		case_run "$1" $who
		echo "$who, run $run: $outcome (status $status, oom_kill $kills), peak $((peak / mib)) of" \
			"$((case_limit / mib)) MiB, $(rounds_done) rounds, $took ms"
		expect "$who: it ends well" "$outcome" = well
		expect "$who: memshed had something to do" "$(rounds_done)" -ge 1
		[ $failures = 0 ] || { tail -n 20 "$work/err"; tail -n 300 "$work/journal"; exit 1; }
	done
done
done_testing
