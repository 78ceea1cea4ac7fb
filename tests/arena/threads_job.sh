#!/bin/sh
# SPDX-License-Identifier: MIT
# Four threads that malloc as fast as the machine lets them, and a supervisor without real-time priority, which is
# late just then: the process shrinks by itself, and holds its threads back meanwhile.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) total=256 ;;
*) limit=$((256 * mib)) total=2048 ;;
esac
privilege plain
reference "$threads_job" -m $total
outlives $limit "$threads_job" -m $total
expect "it shrank by itself" "$(journal_sum end own_rounds)" -ge 1
expect "and freed memory" "$(journal_sum end own_claimed_bytes)" -ge $((limit / 20))

# Whatever comes of it.
run_options=--no-brake
run_supervised $limit "$threads_job" -m $total
expect "no thread is held back when that is turned off" "$(journal_sum end brakes)" -eq 0
done_testing
