#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run of a command that goes to the background: it is watched until its last process has ended, signals
# reach it, and the status is the command's own.
. "$(dirname "$0")/lib.sh"

[ -e /proc/thread-self/children ] || skip "this kernel does not list children"
journal=$work/journal
report=$work/report

# start_daemon STATUS COMMAND...: the command in a session of its own, with all descriptors closed, while what
# started it exits with this status. The pids are in $supervisor and $daemon.
start_daemon() {
	local code=$1 log=$report
	shift
	rm -f "$report" "$journal"
	# shellcheck disable=SC2016 # for the shells inside
	spawn "$memshed" run --max 1G --journal "$journal" -- bash -c '
		(setsid bash -c '\''echo "$$ of $1" >"$1"; shift; exec "$@" <&- >&- 2>&-'\'' bash "${@:2}" &); exit "$1"' \
		bash "$code" "$log" "$@"
	supervisor=$pid
	wait_for "the daemon" grep -q of "$report"
	daemon=$(sed 's/ of.*//' "$report")
	wait_for "its parent to end" is_ours "$daemon"
	wait_for "the command to be reaped" has_one_child
}
parent_of() { ps -o ppid= -p "$1" | tr -d ' '; }
is_ours() { [ "$(parent_of "$1")" = "$supervisor" ]; }
has_one_child() { [ "$(ps -o pid= --ppid "$supervisor" | wc -l)" = 1 ]; }
ends_with() { wait "$supervisor"; [ $? = "$1" ] || fail "the status is not $1"; }

# Until it ends by itself, and its caches are found meanwhile.
start_daemon 3 "$target" --comm "daemon.$$" a=4096
wait_for "its table" grep -q '^{"event":"target".*"comm":"daemon.'"$$" "$journal"
said() { grep -q 'the command has ended (exit 3); 1 process that it started goes on and is watched; a signal to memshed reaches it$' "$work/spawned.0"; }
wait_for "the line that says so" said
kill -s KILL "$daemon"
ends_with 3

# What ends with the command is not worth a line.
expect 0 "$memshed" run -- sh -c 'sleep 0.05 & exit 0'
[ "$(wc -l <"$work/err")" = 1 ] || fail "more than the summary"

# A signal to memshed reaches it: to the last of several.
# shellcheck disable=SC2016
start_daemon 0 bash -c 'trap "touch $0.usr1" USR1; trap "touch $0.term; exit" TERM; touch "$0.ready"
	while :; do sleep 0.05; done' "$report"
wait_for "the daemon to listen" test -e "$report.ready"
kill -s USR1 "$supervisor"
wait_for "SIGUSR1" test -e "$report.usr1"
kill -0 "$supervisor" || fail "memshed did not go on"
kill -s TERM "$supervisor"
ends_with 0
[ -e "$report.term" ] || fail "SIGTERM did not arrive"
gone "$daemon" || fail "the daemon is still there"

# A shell that waits for its child: SIGTERM ends the shell alone, a line says so, and the next one ends the child.
# shellcheck disable=SC2016
spawn "$memshed" run --quiet -- sh -c 'sleep 1000 & echo "$! of $$"; wait'
supervisor=$pid
log=$work/spawned.$((${#spawned[@]} - 1))
wait_for "the shell" grep -q of "$log"
daemon=$(sed 's/ of.*//' "$log")
kill -s TERM "$supervisor"
asks_again() {
	grep -q 'ended (killed by SIGTERM); 1 process that it started goes on and is watched; send SIGTERM to memshed again to reach it$' "$log"
}
wait_for "the line that asks for another signal" asks_again
kill -0 "$daemon" || fail "the child has ended with its shell"
kill -s TERM "$supervisor"
ends_with 143
gone "$daemon" || fail "the child is still there"

# Many that were left behind at once get it.
# shellcheck disable=SC2016
spawn "$memshed" run --quiet -- bash -c 'for i in $(seq 150); do sleep 1000 & done; exit 5'
supervisor=$pid
has_rest() { [ "$(ps -o comm= --ppid "$supervisor" | sort | uniq -c | tr -d ' ')" = 150sleep ]; }
wait_for "the rest" has_rest
kill -s TERM "$supervisor"
ends_with 5

# A command that a signal ended, and its rest.
# shellcheck disable=SC2016
expect 137 "$memshed" run --quiet -- sh -c '(sleep 0.2 &); kill -KILL $$'

# As process 1: the end of the command is the end of all.
unshare --pid --fork --mount-proc true 2>/dev/null || exit 0
expect 6 unshare --pid --fork --mount-proc "$memshed" run --quiet -- sh -c '(setsid sleep 1000 &); exit 6'
