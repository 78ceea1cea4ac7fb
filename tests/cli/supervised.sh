#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed show of a process under `memshed run`: the budget is the supervisor's.
. "$(dirname "$0")/lib.sh"

spawn "$memshed" run --quiet --max 300M --high 80% --low 120M -- "$target" --comm "watched.$$" a=4096000
supervisor=$pid
wait_for "the target" "$memshed" show "watched.$$"
expect 0 "$memshed" show "watched.$$"
out_has '^budget +300M  --max: [0-9.]+M used \([0-9]+%\)$'
out_has "^ +watched by memshed, pid $supervisor; shrinks above 240M to 120M$"
expect 0 "$memshed" show "watched.$$" --json
json_is .supervisor.pid "$supervisor"
json_is .supervisor.child_pid "$(json .pid)"
json_is .supervisor.processes 1
json_is .limit.source --max
json_is .limit.max_bytes $((300 << 20))
json_is .limit.high_bytes $((240 << 20))
json_is .limit.low_bytes $((120 << 20))
child=$(json .pid)
expect 0 "$memshed" list
out_has "^ *$child watched\.$$ +[0-9.]+M +300M +[0-9]+% "

# An order by hand beside the supervisor.
expect 0 "$memshed" clear "$child" a
out_has ' done   a$'
kill -TERM "$child"
wait_for "the supervisor to end" gone "$supervisor"
