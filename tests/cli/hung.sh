#!/bin/bash
# SPDX-License-Identifier: MIT
# Targets that are stopped, hung, or die while they are asked; and a person who loses patience.
. "$(dirname "$0")/lib.sh"

# Stopped: shown as ever; an order is said to wait, and is taken back.
start_target --comm "halted.$$" a=40960
halted=$pid
kill -STOP "$halted"
wait_for "the target to stop" has_state "$halted" T
expect 0 "$memshed" show "$halted"
out_has "^halted\.$$ \(pid $halted\), stopped, uid"
out_has '^agent +thread  target stopped \(T\)$'
out_has ' a +target.c:'
expect 0 "$memshed" show "$halted" --json
json_is .agent.process_state stopped
expect 0 "$memshed" list
out_has "^ *$halted halted\.$$ .* target stopped \(T\)$"
expect 7 "$memshed" clear "$halted" --timeout 200ms
err_has "^memshed clear: halted\.$$ \(pid $halted\) is stopped and cannot answer until it goes on \(kill -CONT\); waiting 200ms$"
err_has "did not answer in time; it is now: target stopped \(T\)$"
out_has '^ *- +- +- no-answer +a$'
has_state "$halted" T || fail "the target was woken"
kill -CONT "$halted"
expect 0 "$memshed" show "$halted" --json
json_is '.caches[0].bytes' 40960 # the order that was taken back is not carried out later
json_is '.caches[0].orders' 0
expect 0 "$memshed" clear "$halted"

# It goes on while it is waited for.
start_target a=40960
kill -STOP "$pid"
wait_for "the target to stop" has_state "$pid" T
"$memshed" clear "$pid" --timeout 60s >"$work/waited" 2>&1 &
waiter=$!
wait_for "the message" grep -q 'is stopped' "$work/waited"
kill -CONT "$pid"
wait "$waiter" || fail "not answered after SIGCONT"
grep -Eq ' done +a$' "$work/waited" || fail "not cleared after SIGCONT"

# A callback that never comes back, with a standby and without.
start_target --mode thread a=4096 b=8192,stuck c=4096
expect 8 "$memshed" clear "$pid" --timeout 300ms
out_has '^ *- +- +- stuck +b$'
out_has ' done +a$'
out_has ' done +c$'
expect 0 "$memshed" show "$pid"
out_has '^agent +thread  .*1 stuck$'
out_has ' stuck now +b '
start_target --mode fd b=8192,stuck
expect 7 "$memshed" clear "$pid" --timeout 300ms
out_has ' still-runs +b$'
err_has 'did not answer in time; it is now: in callback b for [0-9.]+[ms]+'
expect 0 "$memshed" show "$pid" --json
json_is .agent.state running
json_is .agent.callback b
[ "$(json .agent.since_us)" -gt 0 ] || fail "not known since when"

# The host's lock is never to be had.
start_target --enter-block a=4096
expect 7 "$memshed" clear "$pid" --timeout 300ms
err_has "it is now: waits for the host's lock"
expect 0 "$memshed" show "$pid"
out_has "^agent +thread  waits for the host's lock"

# Busy, unsupported: asked, and not done.
start_target a=4096,busy b=4096,unsupported c=4096,empty
expect 8 "$memshed" clear "$pid"
out_has ' busy +a$'
out_has ' unsupported +b$'
out_has ' empty +c$'

# Dies while it is asked.
start_target --comm "mortal.$$" a=8192,die
expect 3 "$memshed" clear "$pid"
err_has "^memshed clear: mortal\.$$ \(pid $pid\): the process ended while it was asked$"
start_target --comm "mortal.$$" --mode fd a=8192,die
expect 3 "$memshed" clear "$pid" --json
json_is .rss_after_bytes null
json_is .returned_bytes null

# Interrupted: ends by the signal, and no order is left behind.
start_target a=4096
kill -STOP "$pid"
wait_for "the target to stop" has_state "$pid" T
env --default-signal=INT "$memshed" clear "$pid" --timeout 60s >"$work/waited" 2>&1 &
waiter=$!
wait_for "the message" grep -q 'is stopped' "$work/waited"
wait_for "the signal to be caught" grep -q 'SigCgt:.*[2367abef]$' "/proc/$waiter/status"
kill -INT "$waiter"
status=0
wait "$waiter" || status=$?
[ "$status" = 130 ] || fail "an interrupted clear ends with $status"
grep -q 'interrupted; orders not yet begun were taken back' "$work/waited" || fail "nothing said of the interrupt"
kill -CONT "$pid"
expect 0 "$memshed" clear "$pid" a
out_has ' done +a$'
expect 0 "$memshed" show "$pid" --json
json_is '.caches[0].orders' 1
