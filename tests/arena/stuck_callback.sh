#!/bin/sh
# SPDX-License-Identifier: MIT
# A callback never returns: the other cache is shrunk all the same, and the stuck one is named.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=1024 rate=4 ;;
*) limit=$((256 * mib)) keys=6144 rate=32 ;;
esac
reference "$alloc_job" --keys $keys --passes 1 --fault sleep
run_supervised $limit "$alloc_job" --keys $keys --passes 1 --rate $rate --fault sleep
expect_alive
expect "the other one was shrunk" "$(answers_of blocks)" -ge 1
expect "the stuck one is named once" "$(grep -c '"event":"answer".*"stuck":"stuck"' "$work/journal")" -eq 1
done_testing
