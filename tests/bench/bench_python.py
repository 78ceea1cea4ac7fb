#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the adapter for Python costs a program: a functools.lru_cache beside one that calls its function directly.

Nanoseconds of the thread's own CPU time per call, the loop included; the median of repetitions, which are
interleaved. BENCH_REPEAT: repetitions (101); BENCH_CALLS: calls in each (10,000).
"""

import functools
import os
import statistics
import sys
import time

REPEAT = int(os.environ.get("BENCH_REPEAT", "101"))
CALLS = int(os.environ.get("BENCH_CALLS", "10000"))


def function(x, y=0):
    return x


def direct(user_function):
    """As functools.lru_cache(maxsize=None) makes it without memshed."""
    wrapper = functools._lru_cache_wrapper(user_function, None, False, functools._CacheInfo)
    return functools.update_wrapper(wrapper, user_function)


def misses(wrapper):
    for x in range(CALLS):
        wrapper(x)


def named_misses(wrapper):
    for x in range(CALLS):
        wrapper(x, y=1)


def hits(wrapper):
    for x in range(CALLS):
        wrapper(0)


def call_time_ns(make, loop):
    wrapper = make(function)
    wrapper(0)
    began = time.thread_time_ns()
    loop(wrapper)
    return (time.thread_time_ns() - began) / CALLS


def creation_time_ns(make, unused):
    began = time.thread_time_ns()
    for x in range(CALLS // 100):
        make(function)
    return (time.thread_time_ns() - began) / (CALLS // 100)


def figure(name, measure, loop=None):
    pairs = [(measure(functools.lru_cache(maxsize=None), loop), measure(direct, loop)) for turn in range(REPEAT)]
    value, baseline = (statistics.median(column) for column in zip(*pairs))
    print("%s\t%.4g\tns\t%.4g\t%.3g" % (name, value, baseline, value / baseline), flush=True)


def main():
    adapter = os.path.join(os.getcwd(), "contrib", "python")
    if not os.path.exists(os.path.join(adapter, "memshed", "_memshed.so")):
        sys.stderr.write("bench_python.py: built without the adapter for Python\n")
        return 77
    sys.dont_write_bytecode = True
    sys.path.insert(0, adapter)
    import memshed
    memshed.start()
    figure("lru_cache, a miss (beside one without memshed)", call_time_ns, misses)
    figure("lru_cache, a miss by keyword (the same)", call_time_ns, named_misses)
    figure("lru_cache, a hit (the same)", call_time_ns, hits)
    figure("lru_cache, its creation (the same)", creation_time_ns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
