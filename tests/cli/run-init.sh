#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run as process 1, with orphans and zombies, as a user without privileges, and without /proc.
. "$(dirname "$0")/lib.sh"

# Orphans become ours, are watched, and are reaped.
# shellcheck disable=SC2016 # for the shell inside
spawn "$memshed" run --quiet -- sh -c 'for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 & exec true) done
	(sleep 1000 & echo orphan $!); echo ready; while :; do sleep 0.1; done'
supervisor=$pid
wait_for "the orphans" grep -q ready "$work/spawned.0"
orphan=$(sed -n 's/^orphan //p' "$work/spawned.0")
parent_of() { ps -o ppid= -p "$1" | tr -d ' '; }
is_adopted() { [ "$(parent_of "$orphan")" = "$supervisor" ]; }
wait_for "the orphan to be adopted" is_adopted
few_children() { [ "$(ps -o pid= --ppid "$supervisor" | wc -l)" = 2 ]; }
wait_for "the others to be reaped" few_children
kill -s KILL "$orphan"
gone_for_good() { [ ! -e "/proc/$orphan" ]; }
wait_for "the orphan to be reaped" gone_for_good
kill -s TERM "$supervisor"
wait "$supervisor"
[ $? = 143 ] || fail "the status after orphans"

# Many children that come and go at once.
expect 3 "$memshed" run --max 1G -- sh -c 'for i in $(seq 200); do true & done; wait; exit 3'

# A user who may do nothing special.
if can_be_nobody; then
	expect 4 as_nobody "$memshed" run --max 1G -- sh -c 'exit 4'
	err_has 'never above high'
	# A sanitizer's allocator keeps what is freed: then only the outcome counts.
	expect 0 as_nobody "$memshed" run --max 120M -- "$build/tests/cli/growing" --mib 200 --rate 400
	grep -qa __asan_ "$memshed" || err_has 'shrunk (by itself )?[1-9][0-9]* times?'
fi

# Process 1 of a pid namespace: signals without a handler would be dropped by the kernel.
unshare --pid --fork --mount-proc true 2>/dev/null || skip "no pid namespace to be had"
listener=$build/tests/cli/listener
spawn unshare --pid --fork --kill-child --mount-proc "$memshed" run --quiet -- "$listener"
log=$work/spawned.1
wait_for "the listener" grep -q '^ready 2$' "$log"
init=$(ps -o pid= --ppid "$pid" | tr -d ' ')
heard() { grep -q "^$1 " "$log"; }
for name in HUP INT QUIT USR1 WINCH CONT TSTP TERM; do
	kill -s "$name" "$init"
	wait_for "SIG$name as process 1" heard "$name"
done
wait "$pid" || fail "the status as process 1"
expect 5 unshare --pid --fork --mount-proc "$memshed" run --quiet -- sh -c '(sleep 0.1 &) ; sleep 0.3
	[ "$(ps -e -o stat= | grep -c Z)" = 0 ] && exit 5'
expect 137 unshare --pid --fork --mount-proc "$memshed" run --quiet -- sh -c 'kill -KILL $$'

# The /proc of another pid namespace: its process 2 is not the command, and must not be watched for it.
expect 4 unshare --pid --fork "$memshed" run -- sh -c 'exit 4'
err_has '^memshed: .* sh \(pid [0-9]+\) runs, but cannot be watched: /proc is of another pid namespace; mount a new one here$'
[ "$(wc -l <"$work/err")" = 1 ] || fail "something was watched"

# No /proc at all: the command runs, and a line says that it is not watched.
# shellcheck disable=SC2016
grep -qa __asan_ "$memshed" && exit 0 # the leak check itself needs /proc, and so do its options
expect 6 unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$0" run -- sh -c "exit 6"' "$memshed"
err_has '^memshed: .* sh \(pid [0-9]+\) runs, but cannot be watched: cannot read /proc: is it mounted\?$'

# Nor /dev: nothing of it is needed.
expect 6 unshare --mount sh -c 'mount -t tmpfs none /dev && exec "$0" run -- sh -c "exit 6"' "$memshed"
err_has '^memshed: .* ended after '
expect 6 unshare --mount sh -c 'mount -t tmpfs none /dev && mount -t tmpfs none /proc && exec "$0" run -- sh -c "exit 6"' \
	"$memshed"
err_has '^memshed: .* sh \(pid [0-9]+\) runs, but cannot be watched: '
