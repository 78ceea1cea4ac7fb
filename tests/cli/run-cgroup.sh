#!/bin/bash
# SPDX-License-Identifier: MIT
# memshed run --max in a cgroup of the job's own: the kernel's limit is there before the command runs, memshed is outside,
# nothing is left behind; and where no cgroup can be made.
. "$(dirname "$0")/lib.sh"
# shellcheck source=../../contrib/limit.sh
. "$source_tree/contrib/limit.sh"
cleanup_more() { limit_remove; }
journal=$work/journal
field() { grep "^{\"event\":\"$1\"" "$journal" | tail -n 1 >"$work/event"; "$jsonget" "$work/event" ".$2"; }
growing=$build/tests/cli/growing

# Not where it is not wanted, and not without --max.
expect 0 "$memshed" run --no-cgroup --max 200M --journal "$journal" -- true
[ "$(field start enforced)" = false ] || fail "a cgroup was made all the same"
[ "$(field start enforce_error)" = 0 ] || fail "an error of what was not tried: $(field start enforce_error)"
[ "$(field start limit)" = --max ] || fail "the limit is $(field start limit)"
rm -f "$journal"
expect 0 "$memshed" run --journal "$journal" -- true
[ "$(field start enforced)" = false ] || fail "a cgroup was made without --max"

# A user who may write to no cgroup: said, and watched all the same.
if can_be_nobody; then
	rm -f "$journal"
	touch "$journal" && chmod 666 "$journal" && chmod 755 "$work"
	expect 0 as_nobody env -u XDG_RUNTIME_DIR "$memshed" run --max 200M --journal "$journal" -- true
	[ "$(field start enforced)" = false ] || fail "nobody made a cgroup"
	[ "$(field start enforce_error)" -lt 0 ] || fail "no reason why there is no cgroup"
	[ "$(field start limit)" = --max ] || fail "the limit is $(field start limit)"
fi

# The rest needs a cgroup in which one may be made.
[ "$(id -u)" = 0 ] || skip "not root"
limit_make $((1 << 30)) || skip "$limit_why"
inside() { limit_run "$@"; }
if [ "$limit_kind" = v1 ]; then
	expect 0 inside "$memshed" run --max 200M --journal "$journal" -- true
	[ "$(field start enforced)" = false ] || fail "a cgroup of version 1 was made"
	[ "$(field start enforce_error)" -lt 0 ] || fail "no reason why there is no cgroup"
	skip "the rest needs cgroup v2"
fi
mount=$(limit_mount_v2)
# Where the command finds itself.
where='grep ^0: /proc/self/cgroup | cut -d: -f3'

rm -f "$journal"
expect 0 inside "$memshed" run --max 200M --journal "$journal" -- sh -c "$where; cat \"$mount\$($where)/memory.max\""
group=$(head -n 1 "$work/out")
case $group in
*/memshed-[0-9]*) ;;
*) fail "the command runs in $group" ;;
esac
[ "$(tail -n 1 "$work/out")" = $((200 << 20)) ] || fail "its limit is $(tail -n 1 "$work/out")"
[ "$(field start enforced)" = true ] || fail "the journal does not say so: $(field start enforce_error)"
[ "$(field start limit_where)" = "$group" ] || fail "the limit is of $(field start limit_where)"
[ "$(field start max_bytes)" = $((200 << 20)) ] || fail "the limit is $(field start max_bytes)"
[ "$(field end oom_kills)" = 0 ] || fail "oom_kills is $(field end oom_kills)"
[ ! -e "$mount$group" ] || fail "$group was left behind"
[ ! -e "$mount$group-watch" ] || fail "$group-watch was left behind"

# A command that cannot be executed leaves nothing either.
expect 127 inside "$memshed" run --max 200M -- /no/such/command
[ -z "$(find "$limit_dir" -mindepth 1 -type d)" ] || fail "left behind: $(find "$limit_dir" -mindepth 1 -type d)"

# It is enforced: what registers nothing is ended at --max, and by no other limit; memshed is not.
rm -f "$journal"
expect 137 inside "$memshed" run --max 60M --journal "$journal" -- "$growing" --no-table --mib 100 --rate 400
[ "$(field end oom_kills)" -ge 1 ] || fail "oom_kills is $(field end oom_kills)"

# What shrinks stays below.
! grep -qa __asan_ "$growing" || skip "the sanitizer's allocator keeps what is freed"
rm -f "$journal"
expect 0 inside "$memshed" run --max 120M --journal "$journal" -- "$growing" --mib 300 --rate 100
[ $(($(field end rounds) + $(field end own_rounds))) -ge 1 ] || fail "nothing was shrunk"

# show says it.
spawn limit_run "$memshed" run --quiet --max 300M -- "$target" --comm "grouped.$$" a=4096000
wait_for "the target" "$memshed" show "grouped.$$"
known() { "$memshed" show "grouped.$$" --json >"$work/out" && [ "$(json .limit.source)" != none ]; }
wait_for "the first look" known
json_is .supervisor.enforced true
json_is .limit.max_bytes $((300 << 20))
expect 0 "$memshed" show "grouped.$$"
out_has '; the cgroup was made for --max$'

# A limit that changes is noticed when that happens: the job rests, and nothing else would have it looked at.
file_of() { echo "$mount$(json .limit.where)/memory.max"; }
expect 0 "$memshed" show "grouped.$$" --json
echo $((100 << 20)) >"$(file_of)" || fail "the limit cannot be changed"
lowered() { "$memshed" show "grouped.$$" --json >"$work/out" && [ "$(json .limit.max_bytes)" = $((100 << 20)) ]; }
wait_for "the new limit" lowered
kill -TERM "$(json .pid)"
