#!/bin/sh
# SPDX-License-Identifier: MIT
# Eight forked workers, each with caches of its own, share one limit. At half a GiB a second in all: unbridled they
# fill the last tenth in some milliseconds, in which a busy machine may run no agent at all.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((96 * mib)) keys=512 ;;
*) limit=$((256 * mib)) keys=2048 ;;
esac
reference "$alloc_job" --keys $keys --passes 2 --workers 8 --rate 64
outlives $limit "$alloc_job" --keys $keys --passes 2 --workers 8 --rate 64
expect "every worker's table was found" "$(count_events target)" -ge 8
done_testing
