#!/bin/sh
# SPDX-License-Identifier: MIT
# The job is stopped (SIGSTOP) at the threshold, with an order in flight: no orders pile up, and when it
# goes on it lives.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=2048 ;;
*) limit=$((256 * mib)) keys=8192 ;;
esac
reference "$alloc_job" --keys $keys --passes 2
start_supervised $limit "$alloc_job" --keys $keys --passes 2 --fault stop
until_true 60 has_event start || broken "no start in the journal"
job=$(job_pid)
until_true 60 is_stopped "$job" || fail "the job did not stop at the threshold"
until_true 60 has_event stopped || fail "memshed did not notice that the job is stopped"
before=$(count_events order)
sleep 2 # gives orders the time to pile up
expect "no order is given while it is stopped" "$(count_events order)" -eq "$before"
expect "few orders were given before" "$before" -le 4
is_stopped "$job" || fail "the job did not stay stopped"
kill -CONT "$job"
wait_supervised
expect_alive
has_event resumed || fail "memshed did not notice that the job goes on"
done_testing
