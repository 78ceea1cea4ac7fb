#!/bin/sh
# SPDX-License-Identifier: MIT
# Real job 2: word queries over the gzip files of a real tree.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

[ -x "$doc_search" ] || skip "doc_search was not built: no zlib1g-dev"
tree=/usr/share/doc
case $size in
small) limit=$((80 * mib)) queries=3 ;;
*) limit=$((112 * mib)) queries=8 ;;
esac
text=$(find $tree -type f -name '*.gz' -exec zcat {} + 2>/dev/null | wc -c)
[ "$text" -gt 100000 ] || skip "$tree holds no gzip files to search"
copies=$((2 * limit / text + 1))
echo "$tree: $((text / mib)) MiB of text, $copies times"
reference_with_peak "$doc_search" -n $queries -c $copies $tree
outlives $limit "$doc_search" -n $queries -c $copies $tree
done_testing
