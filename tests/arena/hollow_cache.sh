#!/bin/sh
# SPDX-License-Identifier: MIT
# A cache claims much and frees nothing: it is not asked over and over, and the other one saves the job.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=3072 ;;
*) limit=$((256 * mib)) keys=16384 ;;
esac
reference "$alloc_job" --keys $keys --passes 2 --fault empty
run_supervised $limit "$alloc_job" --keys $keys --passes 2 --fault empty
expect_alive
# What claims nothing is not among the caches that an answer names: the job itself counts.
hollow=$(sed -n 's/.*fault asked \([0-9]*\)$/\1/p' "$work/err" | tail -n 1) blocks=$(answers_of blocks)
echo "asked: hollow $hollow times, blocks $blocks times"
expect "the hollow cache was tried" "$hollow" -ge 1
expect "and not over and over" "$hollow" -le 8
expect "it was warned of at most once" "$(count_events warn)" -le 1
done_testing
