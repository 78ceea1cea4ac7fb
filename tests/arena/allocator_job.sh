#!/bin/sh
# SPDX-License-Identifier: MIT
# A plain C job that fills a cache as fast as the machine lets it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((64 * mib)) keys=3072 ;;
*) limit=$((256 * mib)) keys=16384 ;;
esac
reference "$alloc_job" --keys $keys --passes 2
outlives $limit "$alloc_job" --keys $keys --passes 2
done_testing
