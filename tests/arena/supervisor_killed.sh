#!/bin/sh
# SPDX-License-Identifier: MIT
# The supervisor is killed (-9) in the middle: the job goes on, and ends well when what it needs from
# then on fits.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=2048 ;;
*) limit=$((256 * mib)) keys=8192 ;;
esac
# After half time only a twentieth of the limit is made anew.
after=$((limit / 20 / 65536))
sync=$work/sync

touch "$sync.go"
reference "$alloc_job" --keys $keys --passes 2 --keys-after $after --sync "$sync"
rm -f "$sync.go" "$sync.reached"

start_supervised $limit "$alloc_job" --keys $keys --passes 2 --keys-after $after --sync "$sync"
until_true 120 test -e "$sync.reached" || fail "the job did not get to half time"
# By an order, or by itself, which is told a moment later.
# shellcheck disable=SC2317 # called by until_true
was_shrunk() {
	[ $(($(count_events order) + $(count_events own))) -ge 1 ]
}
until_true 60 was_shrunk || fail "it was not shrunk by then"
kill -9 "$run_pid"
wait "$shell_pid"
job=$(job_pid)
started="$started $job"
kill -0 "$job" || fail "the job ended with its supervisor"
touch "$sync.go"
# shellcheck disable=SC2317 # called by until_true
job_ended() {
	! kill -0 "$job" 2>/dev/null || grep -q '^State:.*Z' "/proc/$job/status"
}
until_true 120 job_ended || fail "the job does not end"
expect "no process was killed by the kernel" "$(limit_kills)" -eq 0
cmp "$work/expected" "$work/out" || fail "the output differs"
done_testing
