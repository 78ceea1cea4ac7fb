#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How well the adapter for Python estimates what a functools.lru_cache holds, kind by kind.

Bytes as `memshed show` says them, beside what clearing the cache gives back by tracemalloc (the baseline), and
the same for pympler's asizeof where that is installed. BENCH_KINDS: names of kinds, separated by blanks (all);
BENCH_SETTLE: seconds that each cache has to be weighed in (4).
"""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.getcwd()
os.environ.setdefault("MEMSHED_ADAPTER", os.path.join(BUILD, "contrib", "python"))
os.environ.setdefault("MEMSHED_TOOL", os.path.join(BUILD, "memshed"))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "..", "contrib", "python", "tests"))

import kinds    # noqa: E402
import support  # noqa: E402

SETTLE = float(os.environ.get("BENCH_SETTLE", "4"))


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def estimate(process):
    """The last figure within the time."""
    end, last = time.monotonic() + SETTLE, None
    while time.monotonic() < end:
        rows = support.caches(process.pid)
        row = rows.get("__main__.f") or rows.get("__main__.Service.get")
        last = row["bytes"] if row else last
        time.sleep(0.2)
    return last


def measure(text):
    """(bytes as estimated, as given back)"""
    process = subprocess.Popen([sys.executable, "-c", kinds.program(text)], env=support.environment(),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
    try:
        process.stdout.readline()
        go_on(process)
        return estimate(process), int(go_on(process))
    finally:
        process.kill()
        process.communicate()


def by_asizeof(text):
    done = subprocess.run([sys.executable, "-c", kinds.asizeof_program(text)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=support.environment(with_memshed=False),
                          universal_newlines=True)
    return int(done.stdout) if done.returncode == 0 else None


def figure(name, value, truth):
    print("%s\t%d\tB\t%d\t%.3f" % (name, value, truth, value / truth), flush=True)


def main():
    if not os.path.exists(os.path.join(os.environ["MEMSHED_ADAPTER"], "memshed", "_memshed.so")):
        sys.stderr.write("bench_sizes.py: built without the adapter for Python\n")
        return 77
    chosen = os.environ.get("BENCH_KINDS", "").split()
    failed = 0
    for name, text in {**kinds.KINDS, **kinds.available_numpy()}.items():
        if chosen and name not in chosen:
            continue
        value, truth = measure(text)
        if value is None:
            sys.stderr.write("bench_sizes.py: %s was not seen\n" % name)
            failed = 1
            continue
        figure("size of " + name, value, truth)
        other = by_asizeof(text)
        if other is not None:
            figure("size of %s, by asizeof" % name, other, truth)
    return failed


if __name__ == "__main__":
    sys.exit(main())
