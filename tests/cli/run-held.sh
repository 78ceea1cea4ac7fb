#!/bin/bash
# SPDX-License-Identifier: MIT
# What --max counts where no cgroup counts: what a cleared cache could return. No pages of mapped files, and what several
# processes share once.
. "$(dirname "$0")/lib.sh"

[ -x /usr/bin/python3 ] || skip "no /usr/bin/python3"
journal=$work/journal
field() { grep "^{\"event\":\"$1\"" "$journal" | tail -n 1 >"$work/event"; "$jsonget" "$work/event" ".$2"; }
# under_100m CODE: its end is in the journal.
under_100m() {
	rm -f "$journal"
	expect 0 "$memshed" run --no-cgroup --max 100M --journal "$journal" -- /usr/bin/python3 -c "$1" "$work/file"
}

# All of a file of 160 MiB is mapped and read.
head -c 160M /dev/zero >"$work/file"
under_100m '
import mmap, sys
with open(sys.argv[1], "rb") as f:
    m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
for again in range(20):
    sum(m[i] for i in range(0, len(m), 4096))'
[ "$(field end peak_rss_bytes)" -gt $((160 << 20)) ] || fail "the file was not resident: $(field end peak_rss_bytes)"
[ "$(field end shortages)" = 0 ] || fail "pages of a file are taken for memory in use"

# 60 MiB of shared memory in four processes; slowly, as what is being touched is measured at different times.
under_100m '
import mmap, os, time
m = mmap.mmap(-1, 60 << 20)
for i in range(0, len(m), 4096):
    m[i] = 1
for n in range(3):
    if os.fork() == 0:
        for i in range(0, len(m), 4096):
            m[i]
            if i % (1 << 20) == 0:
                time.sleep(.01)
        time.sleep(1)
        os._exit(0)
for n in range(3):
    os.wait()'
[ "$(field end peak_rss_bytes)" -gt $((120 << 20)) ] || fail "nothing was shared: $(field end peak_rss_bytes)"
[ "$(field end shortages)" = 0 ] || fail "what processes share counts more than once"

# Memory of one's own counts.
under_100m '
import time
b = [bytes(bytearray(1 << 20)) for i in range(110)]
time.sleep(1)'
[ "$(field end shortages)" -ge 1 ] || fail "memory of its own does not count"
