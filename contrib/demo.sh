#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh [--files N] [--uml]
#
# Install what is missing, build, and run a real job three times: an analysis of the Python standard
# library with caches that grow beyond 1 GB. Alone; under a limit of a third of what it took, where the
# OOM killer ends it; and under the same limit with memshed, where it lives.
#
#  --files N  analyse N files only: quicker, smaller
#  --uml      in User-mode Linux even where this machine could make a memory cgroup itself
#
# The limit is a memory cgroup of this machine (v1 or v2), made for the occasion and removed afterwards,
# or one in User-mode Linux. Files are left in build/demo: the reports, and memshed's lines.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${MEMSHED_BUILD:-$top/build}
out=$build/demo
python=/usr/bin/python3
job=$top/contrib/examples/stdlib_analysis.py
mib=1048576
files=0 uml='' inside=''
# shellcheck source=limit.sh
. "$top/contrib/limit.sh"

while [ $# -gt 0 ]; do
	case $1 in
	--files) files=${2:?} && shift ;;
	--uml) uml=yes ;;
	--inside) inside=yes ;; # for its own use: already in the guest
	*) sed -n '3,/^set/ s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
	shift
done

die() {
	echo "demo: $*" >&2
	exit 1
}

trap limit_remove EXIT
trap 'exit 130' INT TERM HUP

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

seconds() {
	echo "$(($1 / 1000)).$(($1 % 1000 / 100)) s"
}

# run NAME CMD...: run it; sets status and took; its report is in $out/NAME.txt.
run() {
	name=$1
	shift
	begin=$(now_ms)
	"$@" > "$out/$name.txt" 2> "$out/$name.err"
	status=$?
	took=$(($(now_ms) - begin))
}

result() {
	sed -n 's/^digest: //p' "$out/$1.txt"
}

row() {
	printf '%-24s %-30s %-18s %-22s %s\n' "$@" >> "$out/table.txt"
}

run_alone() {
	echo "1/3 alone, without a limit ..."
	run alone limit_without "$out/peak" "$python" "$job" --limit-files "$files"
	[ $status = 0 ] || die "the job fails even alone ($status): $(tail -n 3 "$out/alone.err")"
	peak=$(cat "$out/peak")
	limit=$((peak / 3))
	row "alone, no limit" "exit 0" "$(result alone)" "$((peak / mib)) MiB (RSS)" "$(seconds $took)"
}

run_control() {
	echo "2/3 under a limit of $((limit / mib)) MiB, without memshed ..."
	limit_make $limit || return 1
	run control limit_run "$python" "$job" --limit-files "$files"
	kills=$(limit_kills)
	if [ "$kills" -gt 0 ]; then
		ended="killed (oom_kill $kills)" control_ok=yes
	else
		ended="ended with $status" control_ok=
	fi
	row "$((limit / mib)) MiB, without memshed" "$ended" "$(result control)-" \
		"$(($(limit_peak) / mib)) MiB (cgroup)" "$(seconds $took)"
	limit_remove
}

run_supervised() {
	echo "3/3 under the same limit, with memshed ..."
	limit_make $limit || return 1
	run memshed limit_run "$build/memshed" run -- "$python" "$job" --limit-files "$files"
	kills=$(limit_kills)
	supervised_ok=
	if [ $status != 0 ] || [ "$kills" != 0 ]; then
		ended="failed: status $status, oom_kill $kills"
	elif ! cmp -s "$out/alone.txt" "$out/memshed.txt"; then
		ended="ended, but with another report"
	else
		ended="exit 0, the same report" supervised_ok=yes
	fi
	row "$((limit / mib)) MiB, with memshed" "$ended" "$(result memshed)" \
		"$(($(limit_peak) / mib)) MiB (cgroup)" "$(seconds $took)"
	limit_remove
}

show() {
	echo
	cat "$out/table.txt"
	echo
	echo "What memshed did, and when:"
	lines=$(wc -l < "$out/memshed.err")
	if [ "$lines" -le 40 ]; then
		cat "$out/memshed.err"
	else
		head -n 24 "$out/memshed.err"
		echo "  ... $((lines - 36)) more lines in $out/memshed.err ..."
		tail -n 12 "$out/memshed.err"
	fi
	echo
	if [ -n "$control_ok" ] && [ -n "$supervised_ok" ]; then
		echo "The OOM killer ended the job without memshed; with memshed it lived and printed the same report."
		return 0
	fi
	echo "That is not what memshed promises." >&2
	return 1
}

measure() {
	rm -rf "$out"
	mkdir -p "$out" || die "cannot write to $out"
	row "" outcome result "peak" time
	run_alone
	run_control || die "$limit_why"
	run_supervised || die "$limit_why"
	show
}

can_limit() {
	limit_make $((256 * mib)) && limit_remove
}

in_guest() {
	why=$("$top/tests/arena/uml-run" -c 2>&1) || {
		echo "User-mode Linux is needed: installing it"
		"$top/contrib/setup.sh" uml
		why=$("$top/tests/arena/uml-run" -c 2>&1) || die "${limit_why:-} and no User-mode Linux: $why"
	}
	[ "$files" != 0 ] || echo "(a guest is slow with memory: this takes some minutes)"
	mkdir -p "$out"
	"$top/tests/arena/uml-run" -m 2G -t 1800 -w "$out" -- "$0" --inside --files "$files"
}

if [ -n "$inside" ]; then
	measure
	exit
fi
"$top/contrib/setup.sh" build || die "the set-up failed"
if [ -z "$uml" ] && can_limit; then
	measure
else
	echo "${limit_why:-using User-mode Linux, as asked}"
	in_guest
fi
