#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run: every signal that is sent to it reaches the command, once.
. "$(dirname "$0")/lib.sh"

listener=$build/tests/cli/listener
log=$work/spawned.0
spawn "$memshed" run --quiet -- "$listener"
wait_for "the listener" grep -q '^ready' "$log"
child=$(sed -n 's/^ready //p' "$log")

heard() { [ "$(grep -c "^$1 " "$log")" = "$2" ]; }
for name in HUP INT QUIT USR1 USR2 ALRM VTALRM PROF PIPE WINCH CONT IO URG PWR XCPU XFSZ STKFLT; do
	kill -s "$name" "$pid"
	short=$name
	[ "$name" = IO ] && short=POLL # the same signal's other name
	wait_for "SIG$name" heard "$short" 1
done
for offset in 0 1 7 29; do
	kill -s $(($(kill -l RTMIN) + offset)) "$pid"
	wait_for "SIGRTMIN+$offset" heard "RTMIN+$offset" 1
done
# A queued signal keeps its value.
env kill --queue 4711 -s USR1 "$pid"
wait_for "the value" grep -q '^USR1 4711$' "$log"
# Stop signals that the command does not follow stop nothing. It blocks them, so it goes on.
for name in TSTP TTIN TTOU; do
	kill -s "$name" "$pid"
	wait_for "SIG$name" heard "$name" 1
done
# What the command gets by itself it does not get again from us.
kill -s USR2 "$child"
wait_for "the command's own SIGUSR2" heard USR2 2
kill -s TERM "$pid"
wait_for "the end" grep -q '^TERM ' "$log"
wait "$pid"
[ $? = 0 ] || fail "the status of a command that ended by itself at SIGTERM"
for line in 'HUP' 'INT' 'CONT' 'TERM'; do
	heard "$line" 1 || fail "SIG$line came $(grep -c "^$line " "$log") times"
done
gone "$child" || fail "the command is still there"

# Ended by a forwarded signal: 128 + its number.
spawn "$memshed" run --quiet -- sh -c 'echo ready; exec sleep 1000'
wait_for "the command" grep -q ready "$work/spawned.1"
kill -s TERM "$pid"
wait "$pid"
[ $? = 143 ] || fail "a command ended by a forwarded SIGTERM"

# Stopped alone, away from a terminal: memshed goes on watching, and the command can go on. In a
# process group with a parent outside it (set -m), because an orphaned one is not stopped by SIGTSTP.
set -m
spawn "$memshed" run --quiet -- sh -c 'echo ready $$; while :; do sleep 0.05; done'
set +m
wait_for "the command" grep -q ready "$work/spawned.2"
child=$(sed -n 's/^ready //p' "$work/spawned.2")
kill -s STOP "$child"
wait_for "the command to stop" has_state "$child" T
sleep 0.3
has_state "$pid" S || fail "memshed stopped with a command that was stopped alone"
kill -s CONT "$child"
wait_for "the command to go on" has_state "$child" S
# Sent to memshed alone, SIGTSTP stops both, and SIGCONT continues both.
kill -s TSTP "$pid"
wait_for "the command to stop" has_state "$child" T
wait_for "memshed to stop" has_state "$pid" T
kill -s CONT "$pid"
wait_for "the command to go on" has_state "$child" S
wait_for "memshed to go on" has_state "$pid" S
kill -s KILL "$child"
wait "$pid"
[ $? = 137 ] || fail "a command that was killed"

# alarm(2) set by the caller before exec is meant for what runs here.
expect 142 perl -e 'alarm 1; exec @ARGV' -- "$memshed" run --quiet -- sleep 1000
