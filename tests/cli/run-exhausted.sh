#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run --on-exhausted: a job that leaks is ended, started again or told of, before the OOM killer ends it.
. "$(dirname "$0")/lib.sh"
# shellcheck source=contrib/limit.sh
. "$source_tree/contrib/limit.sh"

growing=$build/tests/cli/growing
! grep -qa __asan_ "$growing" || skip "the sanitizer's allocator keeps what is freed"
cleanup_more() { limit_remove; }
journal=$work/journal
has_event() { grep -q "^{\"event\":\"$1\"" "$journal"; }
count_of() { grep -c "^{\"event\":\"$1\"" "$journal"; }
field() { grep "^{\"event\":\"$1\"" "$journal" | tail -n 1 >"$work/event"; "$jsonget" "$work/event" ".$2"; }

# Wrong ones.
for wrong in '--on-exhausted' '--on-exhausted kill' '--on-exhausted exec:' '--restarts 3' \
	'--on-exhausted restart --restarts 0' '--on-exhausted restart --restarts x' '--on-exhausted term --restarts 3'; do
	# shellcheck disable=SC2086 # the words of $wrong are the arguments
	expect 125 "$memshed" run $wrong -- touch "$work/started"
	err_has '^memshed run: '
	[ ! -e "$work/started" ] || fail "started in spite of $wrong"
done

# None of it concerns a job that ends by itself, or fails.
for action in warn term restart exec:false; do
	expect 7 "$memshed" run --no-cgroup --max 1G --on-exhausted "$action" -- sh -c 'exit 7'
	err_has 'never above high'
	[ "$(wc -l <"$work/err")" = 1 ] || fail "more than a line with $action"
	expect 143 "$memshed" run --on-exhausted "$action" -- sh -c 'kill -TERM $$'
	expect 127 "$memshed" run --on-exhausted "$action" -- no-such-command-anywhere
	# What went to the background is waited for, and a helper is no such thing.
	expect 0 "$memshed" run --on-exhausted "$action" -- sh -c 'sleep 0.3 & exit 0'
done

# leak ARGUMENT...: a job of three processes that leaks, under the real limit of a cgroup where there is one.
# shellcheck disable=SC2016 # for the shell inside
job='echo $$ >>"$2"; sleep 1000 & sleep 1000 & "$1" --no-table --mib 400 --rate 100; exit $?'
limit_max=$((80 << 20))
if limit_make $limit_max; then within=limit_run; else within=''; fi
leak() {
	rm -f "$journal" "$work/pids"
	if [ "$within" ]; then
		run limit_run "$memshed" run --journal "$journal" "$@" -- sh -c "$job" sh "$growing" "$work/pids"
	else
		run "$memshed" run --no-cgroup --max $limit_max --journal "$journal" "$@" -- sh -c "$job" sh "$growing" "$work/pids"
	fi
}

# term: all of the job, and a status of its own.
leak --on-exhausted term
[ "$status" = 124 ] || fail "the status of term is $status"
[ -z "$within" ] || [ "$(limit_kills)" = 0 ] || fail "the OOM killer was faster"
[ "$(field exhausted action)" = term ] || fail "the action is $(field exhausted action)"
[ "$(count_of exhausted)" = 1 ] || fail "said $(count_of exhausted) times"
[ "$(field stop signal)" = 15 ] || fail "the signal is $(field stop signal)"
[ "$(field stop sent)" = 4 ] || fail "sent to $(field stop sent) processes"
[ "$(field end unexplained_bytes)" -gt $((60 << 20)) ] || fail "unexplained are $(field end unexplained_bytes)"
[ "$(field end in_caches_bytes)" = 0 ] || fail "in caches are $(field end in_caches_bytes)"
err_has 'nothing is left that helps: 0 in caches, [0-9.]+M in no cache; ending the job$'
err_has '; when nothing was left [0-9.]+M of (80M|.*) were in no cache$'
first=$(cat "$work/pids")
wait_for "the job's end" gone "$first"

# What does not end by SIGTERM is killed, and what is stopped as well. It goes on growing meanwhile: the OOM killer may
# take a part.
# shellcheck disable=SC2016
job='trap "" TERM; echo $$ >>"$2"; sleep 1000 & kill -STOP $!; "$1" --no-table --mib 400 --rate 100; exit $?'
leak --on-exhausted term
[ "$status" = 124 ] || fail "the status of term and kill is $status"
[ "$(field stop signal)" = 9 ] || fail "no SIGKILL"
[ "$(count_of stop)" = 2 ] || fail "$(count_of stop) stops are told"

# restart: twice, then it is given up. The command finds everything as the first time.
mkdir "$work/states"
# shellcheck disable=SC2016
job='{ echo "$PWD $* $-"; umask; ulimit -a; grep -E "^(Sig(Blk|Ign|Cgt)|NoNewPrivs|Cpus)" /proc/self/status
	cat /proc/self/oom_score_adj; ps -o ni=,cls=,rtprio=,pgid=,sid=,ppid= -p $$; env | sort
	find /proc/$$/fd -type l ! -lname "$2*" -printf "%f %l\n"; } >"$2.$$"
	echo $$ >>"$2"; "$1" --no-table --mib 400 --rate 100 --hold; exit $?'
leak --on-exhausted restart --restarts 2
[ "$status" = 124 ] || fail "the status of restart is $status"
[ "$(wc -l <"$work/pids")" = 3 ] || fail "started $(wc -l <"$work/pids") times"
[ "$(count_of exhausted) $(count_of restart) $(field end restarts)" = "3 2 2" ] || fail "the restarts are told wrong"
[ "$(field restart pause_ms)" -ge 2000 ] || fail "the second pause is $(field restart pause_ms) ms"
[ "$(field restart pid)" = "$(tail -n 1 "$work/pids")" ] || fail "not the command's pid"
first=$(head -n 1 "$work/pids")
while read -r each; do
	diff "$work/pids.$first" "$work/pids.$each" >&2 || fail "the command does not find everything as at first"
done <"$work/pids"

# A signal between two starts ends it.
has_stopped() { has_event stop && [ "$(field stop signal)" = 15 ]; }
rm -f "$journal"
# shellcheck disable=SC2016
spawn "$memshed" run --no-cgroup --max 60M --journal "$journal" --on-exhausted restart -- \
	sh -c 'echo $$; exec "$0" --no-table --mib 64 --rate 200 --hold' "$growing"
supervisor=$pid
wait_for "the job to be ended" has_stopped
command=$(sed -n 1p "$work/spawned.$((${#spawned[@]} - 1))")
wait_for "the command's end" gone "$command"
kill -s TERM "$supervisor"
wait "$supervisor"
[ $? = 124 ] || fail "the status after a signal between two starts"
! has_event restart || fail "started again in spite of a signal"

# A command that has gone meanwhile.
cp "$growing" "$work/copy"
rm -f "$journal"
spawn "$memshed" run --no-cgroup --max 60M --journal "$journal" --on-exhausted restart -- \
	"$work/copy" --no-table --mib 64 --rate 400 --hold
supervisor=$pid
wait_for "the command to run" has_event start
rm "$work/copy"
wait "$supervisor"
[ $? = 127 ] || fail "the status of a command that is gone"
grep -q "cannot execute $work/copy: No such file" "$work/spawned.$((${#spawned[@]} - 1))" || fail "not said what is gone"

# exec: once in a shortage, with the facts; the job goes on.
# shellcheck disable=SC2016
job='echo $$ >>"$2"; exec "$1" --no-table --mib 400 --rate 100'
# shellcheck disable=SC2016
hook='env | grep "^MEMSHED_" | sort >hook; echo words; cat; kill -s INT "$MEMSHED_PID"'
cd "$work" || exit 1
leak --on-exhausted "exec:$hook"
cd "$build" || exit 1
[ "$status" = 130 ] || fail "the status of exec is $status"
[ "$(count_of exhausted) $(count_of stop)" = "1 0" ] || fail "exec: told wrong"
grep -q '^words$' "$work/err" || fail "the hook's words are lost"
grep -q "^MEMSHED_PID=$(cat "$work/pids")$" "$work/hook" || fail "the hook knows no MEMSHED_PID"
for name in IN_CACHES MAX PROCESSES RSS UNEXPLAINED USED; do
	grep -q "^MEMSHED_$name=[0-9]*$" "$work/hook" || fail "the hook knows no MEMSHED_$name"
done
[ "$(sed -n 's/^MEMSHED_UNEXPLAINED=//p' "$work/hook")" = "$(field exhausted unexplained_bytes)" ] || fail "another figure"
[ "$(sed -n 's/^MEMSHED_MAX=//p' "$work/hook")" = $limit_max ] || fail "another max"

# What a cache holds is told apart; and a job that its caches help is left alone.
expect 0 "$memshed" run --no-cgroup --max 120M --on-exhausted term -- "$growing" --mib 300 --rate 400
err_has 'shrunk (by itself )?[1-9][0-9]* times?'

# Grown at once, it may be that the OOM killer is faster: it is started again all the same.
if [ "$within" ]; then
	rm -f "$journal"
	run limit_run "$memshed" run --journal "$journal" --on-exhausted restart --restarts 1 -- \
		"$growing" --no-table --mib 400 --rate 1000000
	[ "$status" = 124 ] || fail "the status of one that grows at once is $status"
	[ "$(field end restarts)" = 1 ] || fail "it was not started again"
fi
limit_remove

# Nothing of it allocates.
guard=$build/tests/cli/.libs/libnomalloc.so
if [ -e "$guard" ]; then
	for action in term 'exec:kill -KILL $MEMSHED_PID' 'restart --restarts 1'; do
		# shellcheck disable=SC2086
		run env LD_PRELOAD="$guard" "$memshed" run --no-cgroup --max 60M --on-exhausted $action -- \
			"$growing" --no-table --mib 64 --rate 400 --hold
		! grep -q 'nomalloc:' "$work/err" || fail "allocates with $action"
	done
fi

# A user who may do nothing special, and process 1.
if can_be_nobody; then
	expect 124 as_nobody "$memshed" run --no-cgroup --max 60M --on-exhausted term -- "$growing" --no-table --mib 64 --rate 400 --hold
fi
unshare --pid --fork --mount-proc true 2>/dev/null || skip "no pid namespace to be had"
rm -f "$journal"
expect 124 unshare --pid --fork --mount-proc "$memshed" run --no-cgroup --max 60M --journal "$journal" --on-exhausted restart \
	--restarts 1 -- sh -c 'sleep 1000 & exec "$0" --no-table --mib 64 --rate 400 --hold' "$growing"
[ "$(field end restarts)" = 1 ] || fail "not started again as process 1"
