#!/bin/bash
# SPDX-License-Identifier: MIT
# Which process a name means, and processes whose table is not where it usually is.
. "$(dirname "$0")/lib.sh"

# The script of an interpreter is what people call a process; it is found by that, too. The target plays the
# interpreter: it has the name and the words of one.
script=/srv/job.$$.sh
# shellcheck disable=SC2016 # the inner shell expands them
spawn bash -c 'exec -a bash "$0" --comm=bash --script "$1" x=4096' "$target" "$script"
job=$pid
wait_for "the target" "$memshed" show "$job"
expect 0 "$memshed" list
out_has "^ *$job bash job\.$$\.sh "
expect 0 "$memshed" show "$job" --json
json_is .command "bash job.$$.sh"
json_is .comm bash
expect 0 "$memshed" show "job.$$.sh"
out_has "^bash job\.$$\.sh \(pid $job\), sleeping, uid "

# Its first thread has ended, others live: it is shown, listed and asked as any other.
start_target --lose-main --comm "headless.$$" a=4096000
leader_ended() { grep -q '^State:.Z' "/proc/$pid/status"; }
wait_for "the main thread to end" leader_ended
expect 0 "$memshed" show "$pid" --json
json_is .state sleeping
[ "$(json .rss_bytes)" -gt 4096000 ] || fail "the RSS of a process without its first thread"
expect 0 "$memshed" list
out_has "^ *$pid headless\.$$ +[0-9.]+M "
expect 0 "$memshed" clear "headless.$$"
out_has ' done +a$'
out_has '^claimed 3.91M '

# It closed all its descriptors: a watch has them still; without a watch it is said how things are.
start_target --close --comm "closed.$$" a=4096
for words in "show $pid" "clear closed.$$"; do
	# shellcheck disable=SC2086 # two words
	expect 4 "$memshed" $words
	err_has "^memshed ${words%% *}: closed\.$$ \(pid $pid\): has a table, but closed all its descriptors"
done
log=$work/spawned.${#spawned[@]}
spawn "$memshed" run --quiet -- "$target" --close --comm "daemon.$$" a=4096000
wait_for "the target to be ready" grep -q '^ready' "$log"
wait_for "the watch to hold its table" "$memshed" show "daemon.$$"
expect 0 "$memshed" show "daemon.$$" --json
daemon=$(json .pid)
[ -z "$(find "/proc/$daemon/fd" -lname '/memfd:*')" ] || fail "the target has its descriptors still"
json_is '.caches[0].bytes' 4096000
expect 0 "$memshed" list
out_has "^ *$daemon daemon\.$$ "
expect 0 "$memshed" clear "daemon.$$"
out_has ' done +a$'
kill -KILL "$daemon"

can_be_nobody || { say "not root, or setpriv is missing: names claimed by others are not tested"; exit 0; }

# A name that another user's process bears: one's own comes first, be it by its script.
fake() { spawn setpriv --reuid 65534 --regid 65534 --clear-groups -- "$target" --comm "$1" stolen=4096; }
fake "job.$$.sh"
thief=$pid
wait_for "the other user's target" "$memshed" show "$thief"
expect 0 "$memshed" clear "job.$$.sh" --json
json_is .pid "$job"
kill -KILL "$job"
wait_for "the job to end" gone "$job"

# None of one's own: it is taken, and its user said. Two: ambiguous.
expect 0 "$memshed" clear "job.$$.sh"
out_has "^job\.$$\.sh \(pid $thief, uid 65534\)$"
fake "job.$$.sh"
second=$pid
wait_for "the second one" "$memshed" show "$second"
expect 9 "$memshed" clear "job.$$.sh"
[ "$thief" -lt "$second" ] && both="$thief \(uid 65534\) $second" || both="$second \(uid 65534\) $thief" # pids wrap
err_has "ambiguous: 2 processes with a table have that name; give a pid: $both \(uid 65534\)$"
kill -KILL "$second"
wait_for "the second one to end" gone "$second"

# One's own has no table: the other one is not taken for it.
start_target --no-table --comm "job.$$.sh"
expect 9 "$memshed" clear "job.$$.sh"
err_has "ambiguous: your own process of that name has no table, .* $thief \(uid 65534\)$"
