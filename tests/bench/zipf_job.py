# SPDX-License-Identifier: MIT
"""zipf_job.py MAXSIZE S [SHIFT] - a program that lives on one lru_cache, for bench_zipf.sh.

Looks up KEYS keys by a Zipf distribution with exponent S, LOOKUPS times; the value of key k is some kilobytes large
and takes COST_US to make. MAXSIZE: as of lru_cache, 0 = None. Every SHIFT look-ups the hot keys are others. Prints, of all look-ups but the first quarter, how many
there were a second of CPU time, and the share of hits.
"""
import bisect
import functools
import itertools
import random
import sys
import time

KEYS, LOOKUPS, COST_US = 60000, 240000, 150
MEAN_BYTES = 16384
MOVED = 997  # of the hot keys, each time


def sequence(exponent, shift):
    """The keys in the order in which they are looked up: the same for the same arguments."""
    source = random.Random(20)
    sums = list(itertools.accumulate((rank + 1) ** -exponent for rank in range(KEYS)))
    names = list(range(KEYS))
    source.shuffle(names)
    ranks = (min(bisect.bisect(sums, source.random() * sums[-1]), KEYS - 1) for _ in range(LOOKUPS))
    return [names[(rank + (at // shift * MOVED if shift else 0)) % KEYS] for at, rank in enumerate(ranks)]


def loops_for(microseconds):
    """How often an empty loop turns in that time here: one that allocates nothing, which costs now more and now less."""
    best = min(time_of_loop(20000) for _ in range(20))
    return int(20000 * microseconds / 1e6 / best)


def time_of_loop(turns):
    began = time.process_time()
    for _ in itertools.repeat(None, turns):
        pass
    return time.process_time() - began


def main():
    maxsize, exponent = int(sys.argv[1]) or None, float(sys.argv[2])
    shift = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    keys, turns = sequence(exponent, shift), loops_for(COST_US)
    made = [0]

    @functools.lru_cache(maxsize=maxsize)
    def value(key):
        made[0] += 1
        for _ in itertools.repeat(None, turns):
            pass
        return b"x" * (MEAN_BYTES // 2 + key * 7919 % MEAN_BYTES)

    warm = LOOKUPS // 4
    for key in keys[:warm]:
        value(key)
    began, made_before = time.process_time(), made[0]
    for key in keys[warm:]:
        value(key)
    spent = time.process_time() - began
    print("%.1f %.4f" % ((LOOKUPS - warm) / spent, 1 - (made[0] - made_before) / (LOOKUPS - warm)))


main()
