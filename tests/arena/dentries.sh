#!/bin/sh
# SPDX-License-Identifier: MIT
# A job that looks up masses of names fills its limit with dentries, which the kernel takes back by itself: that is no
# shortage, and no cache is to be shrunk for it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case $size in
small) limit=$((48 * mib)) names=400000 ;;
*) limit=$((96 * mib)) names=1000000 ;;
esac
make_limit $limit
: > "$work/journal"
limit_run "$memshed" run --journal "$work/journal" -- /usr/bin/python3 -c '
import os, sys
for i in range(int(sys.argv[2])):
    os.path.exists("%s/no-such-file-%d" % (sys.argv[1], i))' "$work" $names > "$work/out" 2> "$work/err"
status=$?
kills=$(limit_kills)
peak=$(limit_peak)
limit_remove
echo "supervised: status $status, oom_kill $kills, peak $peak of $limit"
expect "the job ends well" $status -eq 0
[ "$peak" = unknown ] || expect "its limit was full" "$peak" -ge $((limit * 95 / 100))
expect "no order was given" "$(count_events order)" -eq 0
expect "and there was no shortage" "$(grep -c '"event":"end".*"shortages":0,' "$work/journal")" -eq 1
[ $failures = 0 ] || { tail -n 5 "$work/err"; tail -n 20 "$work/journal"; }
done_testing
