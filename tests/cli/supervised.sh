#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed show of a process under `memshed run`: the budget is what the watch says, however it was given.
. "$(dirname "$0")/lib.sh"

# start_run OPTION...: its pid is in $supervisor, the target's in $child; the JSON of show is in out.
start_run() {
	spawn "$memshed" run --quiet "$@" -- "$target" --comm "watched.$$" a=4096000
	supervisor=$pid
	wait_for "the target" "$memshed" show "watched.$$"
	known() { "$memshed" show "watched.$$" --json >"$work/out" && [ "$(json .limit.source)" != none ]; }
	wait_for "the first look" known
	child=$(json .pid)
}
end_run() {
	kill -TERM "$child"
	wait_for "the supervisor to end" gone "$supervisor"
}

start_run --no-cgroup --max 300M --high 80% --low 120M
json_is .supervisor.pid "$supervisor"
json_is .supervisor.child_pid "$child"
json_is .supervisor.processes 1
json_is .supervisor.phase calm
json_is .supervisor.high_lowered false
json_is .supervisor.journal null
json_is .limit.source --max
json_is .limit.max_bytes $((300 << 20))
json_is .limit.high_bytes $((240 << 20))
json_is .limit.low_bytes $((120 << 20))
expect 0 "$memshed" show "watched.$$"
out_has '^budget +300M  --max: [0-9.]+M used \([0-9]+%\)$'
out_has "^ +watched by memshed, pid $supervisor; shrinks above 240M to 120M$"
expect 0 "$memshed" list
out_has "^ *$child watched\.$$ +[0-9.]+M +300M +[0-9]+% "
expect 0 "$memshed" list --json
json_is ".processes[$(grep -n '"pid"' "$work/out" | grep -n ": $child," | cut -d: -f1 | awk '{print $1 - 1}')].supervisor_pid" "$supervisor"

# An order by hand beside the supervisor.
expect 0 "$memshed" clear "$child" a
out_has ' done   a$'
end_run

# Options may be shortened, as getopt_long(3) has it.
start_run --no-cgroup --max 400M --hi 50% --lo 40%
json_is .limit.high_bytes $((200 << 20))
json_is .limit.low_bytes $((160 << 20))
end_run
start_run --jou "$work/journal" --no-cgroup --max 400M --high 50% --low 40%
json_is .limit.max_bytes $((400 << 20))
json_is .limit.high_bytes $((200 << 20))
json_is .supervisor.journal "$work/journal"
end_run

# So little room that high is lowered: what is in force is shown, and why.
start_run --no-cgroup --max 64M --high 100% --low 10M
json_is .supervisor.high_lowered true
[ "$(json .limit.high_bytes)" -lt $((64 << 20)) ] || fail "high as configured is shown, not as lowered"
[ "$(json .supervisor.margin_bytes)" -gt 0 ] || fail "lowered for no margin"
expect 0 "$memshed" show "watched.$$"
out_has "shrinks above [0-9.]+M to 10M \(lowered: the job can grow by [0-9.]+[KM] before the first callback runs\)$"
end_run
