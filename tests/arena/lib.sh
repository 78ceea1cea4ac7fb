# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables come from and go to the sourced and sourcing files
# What the arena's tests share. To be sourced by a test, which run.sh starts.
#
# Environment: ARENA_BUILD (the build folder), ARENA_SIZE (small: under User-mode Linux, where a page
# fault costs 45 us; full: the real jobs at their real size; else normal), ARENA_REPEAT (how often the
# supervised run is repeated), ARENA_WORK (a folder for the test's files, made and removed by run.sh),
# ARENA_PATIENCE (seconds after which a run counts as hung).
set -u
tests=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$tests/../.." && pwd)
# shellcheck source=../../contrib/limit.sh
. "$top/contrib/limit.sh"

size=${ARENA_SIZE:-normal}
repeat=${ARENA_REPEAT:-1}
patience=${ARENA_PATIENCE:-300}
work=$ARENA_WORK
memshed=$ARENA_BUILD/memshed
alloc_job=$ARENA_BUILD/tests/arena/alloc_job
threads_job=$ARENA_BUILD/tests/arena/threads_job
python=/usr/bin/python3
python_job=$tests/python_job.py
doc_search=$ARENA_BUILD/contrib/examples/doc_search
stdlib_analysis=$top/contrib/examples/stdlib_analysis.py
mib=1048576
failures=0
started=''

skip() {
	echo "skip: $*"
	exit 77
}

fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}

# Not what is being tested: the test itself cannot go on.
broken() {
	echo "ERROR: $*"
	exit 99
}

# expect WHAT COND...: a test(1) condition that must hold.
expect() {
	what=$1
	shift
	# shellcheck disable=SC2015 # echo does not fail
	test "$@" && echo "ok: $what" || fail "$what (test $*)"
}

# until_true SECONDS CMD...: wait for a condition. The time only bounds how long a broken run takes.
until_true() {
	until_deadline=$(($(date +%s) + $1))
	shift
	while ! "$@"; do
		[ "$(date +%s)" -lt $until_deadline ] || return 1
		sleep 0.05
	done
}

finish() {
	for pid in $started; do
		kill -9 "$pid" 2>/dev/null
	done
	limit_remove
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

done_testing() {
	[ $failures = 0 ] || exit 1
	exit 0
}

make_limit() {
	limit_make "$1" || skip "$limit_why"
}

has_python_adapter() {
	[ -e "$ARENA_BUILD/contrib/python/memshed/_memshed.so" ]
}

# privilege fifo|plain: who the supervised runs are from now on. fifo: as root, real-time priority and locked memory
# are to be had. plain: what an ordinary user has, or a container: neither, and no lower oom_score_adj; 8 MiB
# may be locked. supervised_as is put before the command.
privilege() {
	supervised_as=
	case $1 in
	fifo)
		chrt --fifo 1 true 2>/dev/null || return 1
		;;
	plain)
		dropped=-sys_nice,-ipc_lock,-sys_resource
		supervised_as="prlimit --rtprio=0:0 --memlock=8388608:8388608"
		[ "$(id -u)" != 0 ] ||
			supervised_as="$supervised_as setpriv --bounding-set=$dropped --inh-caps=$dropped"
		;;
	esac
}
supervised_as=''

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# reference CMD...: what the job prints when it has all the memory it wants.
reference() {
	"$@" > "$work/expected" 2> "$work/reference.err" ||
		broken "the job fails by itself ($?): $(tail -n 3 "$work/reference.err")"
}

# The same, and its peak RSS in reference_peak.
reference_with_peak() {
	reference limit_without "$work/peak" "$@"
	reference_peak=$(cat "$work/peak")
	echo "reference: peak RSS $((reference_peak / mib)) MiB"
}

# control LIMIT CMD...: without memshed the limit ends the job, or the test proves nothing.
control() {
	make_limit "$1"
	bytes=$1
	shift
	run_bare "$@"
	echo "control: limit $((bytes / mib)) MiB: status $status, oom_kill $kills"
	expect "without memshed the OOM killer ends the job" "$kills" -ge 1
	expect "and it fails" $status -ne 0
}

# journal_sum EVENT KEY: what the events of that kind give when added up.
journal_sum() {
	awk -v event="\"event\":\"$1\"" -v key="\"$2\":" '
		index($0, event) && (at = index($0, key)) { sum += substr($0, at + length(key)) }
		END { printf "%.0f\n", sum }' "$work/journal"
}

# What was done in all: for the watch, and by processes of their own accord.
rounds_done() {
	echo $(($(count_events returned) + $(journal_sum end own_rounds)))
}

# The longest time in ms that a thread of the job made no progress, as the job itself says; "-" where it does not.
worst_stall() {
	sed -n 's/.*worst stall \([0-9]*\) ms$/\1/p' "$work/err" | sort -n | tail -n 1 | grep . || echo -
}

# What memshed did, by its own journal.
count_events() {
	grep -c "\"event\":\"$1\"" "$work/journal" 2>/dev/null || :
}

# run_supervised LIMIT CMD...: sets status, kills, peak, hits, took; output in out, err and journal.
run_supervised() {
	make_limit "$1"
	bytes=$1
	shift
	run_in_limit "$@"
	echo "supervised: limit $((bytes / mib)) MiB: status $status, oom_kill $kills," \
		"peak $((peak / mib)) MiB, times at the limit $hits, $took ms"
}

# run_bare CMD...: without memshed in the limit that stands; sets status, kills, peak, took.
run_bare() {
	begin=$(now_ms)
	limit_run timeout -k 10 "$patience" "$@" > "$work/out" 2> "$work/err" </dev/null
	end_in_limit
}

end_in_limit() {
	status=$?
	took=$(($(now_ms) - begin))
	kills=$(limit_kills)
	peak=$(limit_peak)
	hits=$(limit_hits)
	limit_remove
}

# run_in_limit CMD...: with memshed in the limit that stands; run_options are memshed's. status is 124 when it hung.
run_in_limit() {
	: > "$work/journal"
	begin=$(now_ms)
	# shellcheck disable=SC2086 # words are meant
	limit_run timeout -k 10 "$patience" $supervised_as "$memshed" run --journal "$work/journal" $run_options \
		-- "$@" > "$work/out" 2> "$work/err" </dev/null
	end_in_limit
}
run_options=''

# The same in the background: sets run_pid (memshed's own) and leaves the limit in place.
start_supervised() {
	make_limit "$1"
	shift
	rm -f "$work/pid"
	: > "$work/journal"
	# shellcheck disable=SC2016 # expanded inside
	limit_run sh -c 'echo $$ > "$0"; exec "$@"' "$work/pid" \
		"$memshed" run --journal "$work/journal" -- "$@" > "$work/out" 2> "$work/err" &
	shell_pid=$!
	until_true 60 test -s "$work/pid" || broken "memshed did not start"
	run_pid=$(cat "$work/pid")
	started="$started $run_pid"
}

# wait_supervised: for its end; sets what run_supervised sets, but took.
wait_supervised() {
	wait "$shell_pid"
	status=$?
	kills=$(limit_kills)
	peak=$(limit_peak)
	limit_remove
	echo "supervised: status $status, oom_kill $kills, peak $((peak / mib)) MiB"
}

# The job's pid, which is the journal's first.
job_pid() {
	sed -n '/"event":"start"/ { s/.*"pid":\([0-9]*\).*/\1/p; q; }' "$work/journal"
}

# is_stopped PID: by job control, not by a tracer. The name may hold spaces: the state follows its ")".
is_stopped() {
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	T*) return 0 ;;
	esac
	return 1
}

has_event() {
	[ "$(count_events "$1")" -gt 0 ]
}

# answers_of CACHE: how often it was one of those that claimed most.
answers_of() {
	grep '"event":"answer"' "$work/journal" | grep -c "\"cache\":\"$1\"" || :
}

expect_alive() {
	expect "with memshed the job ends well" "$status" -eq 0
	expect "no process was killed" "$kills" -eq 0
	if cmp -s "$work/expected" "$work/out"; then
		echo "ok: the output is the same"
	else
		fail "the output differs"
		diff "$work/expected" "$work/out" | head -n 5
	fi
	[ $failures = 0 ] || { tail -n 20 "$work/err"; tail -n 300 "$work/journal"; }
}

# outlives LIMIT CMD...: the main claim, as often as asked; the expected output is known already.
outlives() {
	reference_limit=$1
	shift
	control "$reference_limit" "$@"
	for run in $(seq "$repeat"); do
		[ "$repeat" = 1 ] || echo "run $run of $repeat"
		run_supervised "$reference_limit" "$@"
		expect_alive
		expect "memshed had something to do" -s "$work/journal"
		[ $failures = 0 ] || break
	done
}
