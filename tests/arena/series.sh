#!/bin/sh
# SPDX-License-Identifier: MIT
# series.sh [-n N] [-l LOADS] [-p WHO] [-f] [CASE...]
#
# Run cases of cases.txt (all; a name may be a pattern) N times each, and say how many jobs were killed.
#
#  -n N      how often (10)
#  -l LOADS  with so many busy loops beside it; several with commas (0)
#  -p WHO    fifo: as root, where memshed gets real-time priority; plain: as an ordinary user (fifo,plain)
#  -f        only print the figure for what was run already
#
# Results are kept in the build folder, below tests/arena/series/, in a folder for each build of memshed: a series
# that was stopped goes on where it was, and one with a greater N adds what is missing. The journal and output
# of a job that did not end well stay there too. The figure is printed at the end, also of a series that is
# interrupted. Exits 1 when a job was lost that must not be, 77 when nothing can be run here.
#
# ARENA_BUILD   the build folder (where you stand)
# ARENA_SIZE    small: a quarter of the limits
number=10 loads=0 people=fifo,plain only_figure=''
while getopts n:l:p:f option; do
	case $option in
	n) number=$OPTARG ;;
	l) loads=$(echo "$OPTARG" | tr , ' ') ;;
	p) people=$OPTARG ;;
	f) only_figure=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
people=$(echo "$people" | tr , ' ')
ARENA_BUILD=$(cd "${ARENA_BUILD:-.}" && pwd)
ARENA_WORK=$(mktemp -d "${TMPDIR:-/tmp}/memshed-series.XXXXXX") || exit 99
export ARENA_BUILD ARENA_WORK
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=cases.sh
. "$tests/cases.sh"

# What is tested, to the byte. A result holds for that only.
fingerprint() {
	cat "$ARENA_BUILD"/memshed "$ARENA_BUILD"/memshed-run "$ARENA_BUILD"/.libs/libmemshed.so \
		"$ARENA_BUILD"/contrib/python/memshed/_memshed.so "$alloc_job" "$python_job" 2>/dev/null |
		sha256sum | cut -c 1-12
}

folder=$ARENA_BUILD/tests/arena/series/$(fingerprint)${ARENA_SIZE:+-$ARENA_SIZE}
results=$folder/results.tsv
lost=$folder/lost
mkdir -p "$lost" || exit 99
touch "$results"

# figure [CASE...]: of these cases with these loads and people, of all without.
figure() {
	awk -v names=" $* " -v loads=" ${figure_loads-} " -v people=" ${figure_people-} " -f "$tests/figure.awk" \
		"$case_table" "$results"
	any_lost=$?
	echo "results, and the journals of jobs that were lost: $folder"
	return $any_lost
}

finish_series() {
	finish
	rm -rf "$work"
}
trap finish_series EXIT
trap 'echo; figure "$@"; exit 130' INT TERM HUP

# A case that was changed has to be run again.
case_sum() {
	echo "$case_limit $case_around $case_job" | cksum | cut -d ' ' -f 1
}

# has_result WHO LOAD RUN, of the case that was found
has_result() {
	grep -q "^$case_name	$1	$2	$3	$(case_sum)	" "$results"
}

keep_journal() {
	kept=$lost/$case_name-$1-$2-$3
	mkdir -p "$kept"
	cp "$work/journal" "$work/out" "$work/err" "$kept"
	echo "$kept"
}

from_journal() {
	rounds_done
	echo $(($(journal_sum returned claimed_bytes) + $(journal_sum end own_claimed_bytes)))
	echo $(($(journal_sum returned returned_bytes) + $(journal_sum end own_returned_bytes)))
	worst_stall
	journal_sum end brakes
}

# run_once WHO LOAD RUN: one line in the results, one on the terminal.
run_once() {
	case_run "$case_name" "$1"
	{
		printf '%s\n' "$case_name" "$1" "$2" "$3" "$(case_sum)" "$outcome" "$status" "$case_limit" "$peak" "$took"
		from_journal
	} | paste -s >> "$results"
	case $outcome/$1 in
	well/* | */without) where='' ;;
	*) where=$(keep_journal "$1" "$2" "$3") ;;
	esac
	echo "$case_name $1, load $2, run $3: $outcome, $((took / 1000)) s $where"
}

busy_loops() {
	for pid in $started; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	started=
	for _ in $(seq "$1"); do
		sh -c 'while :; do :; done' &
		started="$started $!"
	done
}

# run_missing LOAD RUN CASE...
run_missing() {
	load=$1 run=$2
	shift 2
	for name; do
		case_find "$name"
		for who in $allowed; do
			has_result "$who" "$load" "$run" || run_once "$who" "$load" "$run"
		done
	done
}

# Without memshed once: a case in which nothing is killed then proves nothing.
run_controls() {
	for name; do
		case_find "$name"
		has_result without 0 1 || run_once without 0 1
	done
}

# The cases that are asked for and can be run.
choose() {
	for name in $(case_names quick full open); do
		for pattern; do
			# shellcheck disable=SC2254 # a pattern is meant
			case $name in
			$pattern) echo "$name"; break ;;
			esac
		done
	done
}

runnable() {
	for name; do
		case_find "$name"
		why=$(case_missing)
		if [ -z "$why" ]; then
			echo "$name"
		else
			echo "$name is left out: $why" >&2
		fi
	done
}

if [ -n "$only_figure" ]; then
	# shellcheck disable=SC2046 # words are meant
	[ $# = 0 ] || set -- $(choose "$@")
	figure "$@"
	exit
fi
figure_loads=$loads figure_people=$people
make_limit $((64 * mib))
limit_remove
[ $# -gt 0 ] || set -- '*'
# shellcheck disable=SC2046 # words are meant
set -- $(runnable $(choose "$@"))
[ $# -gt 0 ] || broken "no such case"
allowed=
for who in $people; do
	privilege "$who" && allowed="$allowed $who" || echo "not allowed to be $who: left out"
done
[ -n "$allowed" ] || skip "none of $people is allowed here"
run_controls "$@"
for run in $(seq "$number"); do
	for load in $loads; do
		busy_loops "$load"
		run_missing "$load" "$run" "$@"
	done
done
busy_loops 0
figure "$@"
