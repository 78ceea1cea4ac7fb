# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables come from lib.sh and go to the sourcing files
# The cases of cases.txt: find one, run it once. To be sourced after lib.sh.

case_table=$tests/cases.txt

# case_names SET...: the names of the cases of these sets, in the order of the table.
case_names() {
	awk -v sets=" $* " '!/^#/ && NF && index(sets, " " $2 " ") { print $1 }' "$case_table"
}

# case_find NAME: sets case_set, case_limit (bytes), case_around, and case_job, words in which @N is replaced.
case_find() {
	case_line=$(awk -v name="$1" '!/^#/ && $1 == name' "$case_table")
	[ -n "$case_line" ] || broken "cases.txt has no $1"
	read -r case_name case_set case_limit case_around case_job <<-EOL
		$case_line
	EOL
	if [ "$size" = small ]; then
		case_limit=$((case_limit / 4))
		[ $case_limit -ge 64 ] || case_limit=64
	fi
	case_job=$(echo "$case_job" | awk -v limit=$case_limit '{
		for (i = 1; i <= NF; i++)
			printf "%s ", $i ~ /^@/ ? int(limit * substr($i, 2) / 100) : $i
	}')
	case_limit=$((case_limit * mib))
	case $case_name in
	c-*) case_program=$alloc_job ;;
	p-*) case_program="$python $python_job" ;;
	esac
}

# around KEY: the value of that word of case_around, nothing for one without. Return: 1 when it is not there.
around() {
	case ,$case_around, in
	*,$1,*) ;;
	*,$1=*)
		around_value=${case_around#*"$1"=}
		echo "${around_value%%,*}"
		;;
	*) return 1 ;;
	esac
}

# The reason why the case cannot run here, if there is one.
case_missing() {
	case $case_name in
	p-*)
		[ -x "$python" ] || { echo "no $python"; return; }
		has_python_adapter || echo "the adapter for Python was not built: no python3-dev"
		;;
	esac
}

case_make_limit() {
	run_options=
	case_nested=$(around nested)
	if around max >/dev/null; then
		make_limit none
		run_options="--max $case_limit"
	else
		make_limit "$case_limit"
	fi
	case $case_nested in
	'') ;;
	none) limit_nest none || broken "no group in the group" ;;
	*) limit_nest $((case_limit / 100 * case_nested)) || broken "no group in the group" ;;
	esac
}

# The limit follows the job: as soon as it has used N % there are only M % more. Again where the kernel says that
# more was used by then. It ends with its group.
tighten() {
	at=$((case_limit / 100 * ${1%+*})) more=$((case_limit / 100 * ${1#*+}))
	while used=$(limit_usage 2>/dev/null); do
		if [ "$used" -ge $at ] && limit_set $((used + more)); then
			return
		fi
		sleep 0.01
	done
}

# case_run NAME HOW: once, as fifo, plain, or "without" memshed. Sets status, kills, peak, took, and outcome:
# well, killed, hung, failed (by itself), over (nothing killed it, but it took more than --max).
case_run() {
	case_find "$1"
	: > "$work/journal"
	case_make_limit
	case_tight=$(around tight) tightener=
	if [ -n "$case_tight" ]; then
		tighten "$case_tight" &
		tightener=$!
	fi
	# shellcheck disable=SC2086 # words are meant
	if [ "$2" = without ]; then
		run_bare $case_program $case_job
	else
		privilege "$2" || broken "not allowed to be $2"
		run_in_limit $case_program $case_job
	fi
	[ -z "$tightener" ] || wait "$tightener"
	if [ "$kills" -gt 0 ]; then
		outcome=killed
	elif [ $status = 124 ] || [ $status = 137 ]; then
		outcome=hung
	elif [ $status != 0 ]; then
		outcome=failed
	elif around max >/dev/null && [ "$peak" != unknown ] && [ "$peak" -gt $case_limit ]; then
		outcome=over
	else
		outcome=well
	fi
}
