#!/bin/sh
# SPDX-License-Identifier: MIT
# Four threads that malloc as fast as the machine lets them, and a supervisor without real-time priority, which is
# late just then: the process shrinks by itself, and holds its threads back meanwhile.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

command -v setpriv >/dev/null && setpriv $ordinary true 2>/dev/null && as="setpriv $ordinary"
case $size in
small) limit=$((64 * mib)) total=256 ;;
*) limit=$((256 * mib)) total=2048 ;;
esac
reference "$threads_job" -m $total
outlives $limit "$threads_job" -m $total
expect "it shrank by itself" "$(end_figure own_rounds)" -ge 1
expect "and the memory came back" "$(end_figure own_returned_bytes)" -ge $((limit / 20))

# Without the brake the threads are never held back, whatever comes of it.
as="" options=--no-brake
run_supervised $limit "$threads_job" -m $total
expect "no thread is held back when that is turned off" "$(end_figure brakes)" -eq 0
done_testing
