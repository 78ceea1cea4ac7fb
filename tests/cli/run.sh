#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run: exit codes, options, and that the command finds everything as its caller left it.
. "$(dirname "$0")/lib.sh"

# The command's status, and what a shell makes of its signals.
expect 0 "$memshed" run -- true
expect 7 "$memshed" run -- sh -c 'exit 7'
expect 7 "$memshed" run sh -c 'exit 7'
expect 137 "$memshed" run -- sh -c 'kill -KILL $$'
expect 143 "$memshed" run -- sh -c 'kill -TERM $$'
expect 127 "$memshed" run -- no-such-command-anywhere
err_has '^memshed run: cannot execute no-such-command-anywhere: No such file'
printf 'exit 3\n' >"$work/script"
expect 126 "$memshed" run -- "$work/script"
err_has '^memshed run: cannot execute .*/script: Permission denied$'
expect 126 "$memshed" run -- "$work"

# Its own failures.
expect 125 "$memshed" run
err_has '^memshed run: no command given: '
for wrong in '--max 1x' '--max 0' '--max 99999999999999999999' '--high banana' '--high 101%' '--low -1' \
	'--high 0' '--max 1G --high 2G' '--high 50% --low 60%' '--max 1G --high 500M --low 600M' \
	'--low 95%' '--no-such-option' '--max'; do
	# shellcheck disable=SC2086 # the words of $wrong are the arguments
	expect 125 "$memshed" run $wrong -- touch "$work/started"
	err_has '^memshed run: '
	[ ! -e "$work/started" ] || fail "started in spite of $wrong"
done
expect 125 "$memshed" run --journal "$work/no/such/folder" -- touch "$work/started"
err_has '^memshed run: cannot open the journal .*/no/such/folder: No such file'
[ ! -e "$work/started" ] || fail "started without its journal"
expect 0 "$memshed" run --help
out_has '^Usage: memshed run'

# One line for a job that was never short of memory, none with --quiet.
expect 0 "$memshed" run --no-cgroup --max 1G -- true
[ "$(wc -l <"$work/err")" = 1 ] || fail "more than one line for a quiet job"
err_has '^memshed: .* ended after .*: peak RSS .* of 1G \(--max\), never above high'
expect 0 "$memshed" run --quiet --max 1G -- true
err_empty
# Nearer than --max is what the machine has: that is said at once.
expect 0 "$memshed" run --max 1P -- true
err_has 'watching true \(pid [0-9]+\): max .*, nearer than --max 1P'

# stdin, stdout, arguments, directory, umask, ignored signals, limits and priority are the caller's.
printf 'through\n' | "$memshed" run --quiet -- cat >"$work/out" || fail "cat failed"
[ "$(cat "$work/out")" = through ] || fail "stdin or stdout was touched"
inside() { run bash -c "$1; exec \"\$2\" \"\${@:3}\"" bash "$@"; }
state='echo "$PWD $* $-"; umask; ulimit -a; grep -E "^(Sig(Pnd|Blk|Ign|Cgt)|ShdPnd|Seccomp|NoNewPrivs|Cpus)" /proc/self/status;
	cat /proc/self/oom_score_adj; ps -o ni=,cls=,rtprio= -p $$; ls -l /proc/self/fd | wc -l'
setting='cd /; umask 027; ulimit -n 200; trap "" HUP USR1; exec 7</dev/null; renice -n 3 $$ >/dev/null'
bash -c "$setting; exec bash -c '$state' name 'a b' '*'" >"$work/bare" 2>&1
bash -c "$setting; exec \"$memshed\" run --quiet -- bash -c '$state' name 'a b' '*'" >"$work/wrapped" 2>&1
diff "$work/bare" "$work/wrapped" >&2 || fail "the command does not find everything as its caller left it"

# memshed holds neither end of a pipe open: the reader sees the end when the command closes it.
"$memshed" run --quiet -- sh -c 'echo done; exec >&-; while [ ! -e "$1" ]; do sleep 0.05; done' sh \
	"$work/eof" | { cat >"$work/out"; touch "$work/eof"; }
[ "$(cat "$work/out")" = "done" ] || fail "the command's output was lost"

# Descriptors 0 to 2 that the caller closed: the command runs and finds them closed, and what memshed opens does
# not take their place.
# shellcheck disable=SC2016 # for the shell inside
report='exec 9>"$1"; for n in 0 1 2; do [ ! -e "/proc/$$/fd/$n" ] || echo "$n" >&9; done; echo ran >&9; exit 3'
for closed in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
	rm -f "$work/report" "$work/journal"
	eval "sh -c '$report' sh '$work/bare' $closed"
	eval "'$memshed' run --journal '$work/journal' -- sh -c '$report' sh '$work/report' $closed" 2>"$work/err"
	[ $? = 3 ] || fail "the status with $closed"
	diff "$work/bare" "$work/report" >&2 || fail "the descriptors with $closed"
	! grep -v '^{.*}$' "$work/journal" || fail "the journal with $closed"
done
"$memshed" list >&- 2>"$work/err"
[ $? = 1 ] || fail "the status of a list that cannot be written"
err_has '^memshed: cannot write to standard output: Bad file descriptor$'

# A reader of stderr that does not read does not hold the command up, nor memshed.
mkfifo "$work/pipe"
exec 8<>"$work/pipe"
dd if=/dev/zero bs=64k count=1 of="$work/pipe" oflag=nonblock 2>/dev/null
"$memshed" run --max 1P -- sh -c 'exit 9' 2>"$work/pipe" >/dev/null
[ $? = 9 ] || fail "a full pipe at stderr changed the outcome"
exec 8>&-

# A journal that may not grow any more: its last line is cut, and that is all.
printf '{"before":"%0600d"}\n' 0 >"$work/journal"
(ulimit -f 1; exec "$memshed" run --max 1G --journal "$work/journal" -- sh -c 'exit 8') 2>"$work/err"
[ $? = 8 ] || fail "a full journal changed the outcome"
[ "$(wc -c <"$work/journal")" = 1024 ] || fail "the journal was not filled"

# A small stack is enough.
expect 4 bash -c 'ulimit -s 128; exec "$0" run --max 1G -- sh -c "exit 4"' "$memshed"
expect 0 bash -c 'ulimit -s 128; exec "$0" list' "$memshed"

# What the environment has more, and that an empty PYTHONPATH stays out of it.
expect 0 env -u PYTHONPATH "$memshed" run --quiet -- env
out_has '^MEMSHED_SOCKET=@memshed-[0-9a-f]{16}:[0-9a-f]{16}$'
out_lacks '^PYTHONPATH=.*:$'
expect 0 env PYTHONPATH=/one:/two "$memshed" run --quiet -- env
out_has '^PYTHONPATH=(.*:)?/one:/two$'
