# SPDX-License-Identifier: MIT
"""Sizes that can be trusted: each kind of cached value, by what tracemalloc says that clearing gave back."""

import subprocess
import sys
import unittest

import kinds
import support
from support import caches, wait_for

RIGHT, TAIL = (0.75, 1.35), (0.5, 2.0)
NAMES = "__main__.f", "__main__.Service.get"


def shown(pid):
    """The cache's row, once it is weighed."""
    rows = caches(pid)
    row = rows.get(NAMES[0]) or rows.get(NAMES[1])
    return row if row and row["bytes"] else None


class Sizes(support.TestCase):
    def start(self, text):
        process = subprocess.Popen([sys.executable, "-c", kinds.program(text)], env=support.environment(),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline(), "filled\n")
        return process

    def end(self, process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def go_on(self, process):
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline()

    def check(self, name, text):
        """The figure comes into the range while the cache stands, and it was what clearing then gave back."""
        low, high = TAIL if kinds.is_tail(name) else RIGHT
        process = self.start(text)
        wait_for(lambda: shown(process.pid), "a row for " + name)
        self.assertEqual(self.go_on(process), "grown\n")
        truth = kinds.truth(text, env=support.environment(with_memshed=False))
        last = []

        def fits():
            row = shown(process.pid)
            last[:] = [row and row["bytes"]]
            return row and low <= row["bytes"] / truth <= high

        try:
            wait_for(fits, "%s: %d bytes" % (name, truth))
        except AssertionError as error:
            raise AssertionError("%s, not %s" % (error, last[0]))
        self.assertAlmostEqual(int(self.go_on(process)) / truth, 1, delta=0.1)


def add(name, text):
    setattr(Sizes, "test_" + name, lambda self: self.check(name, text))


for each in kinds.KINDS.items():
    add(*each)
for each in kinds.available_numpy().items():
    add(*each)


class Bounds(support.TestCase):
    def test_never_more_than_is_resident(self):
        """The lists refer to each other: each cache can be taken for the owner of all of them."""
        program = self.program("""
import functools
everything = []
def make(n):
    @functools.lru_cache(None)
    def f(i):
        everything.append([everything, bytes(100)]); return everything[-1]
    f.__name__ = f.__qualname__ = "f%d" % n
    return f
made = [make(n) for n in range(6)]
for f in made:
    for i in range(2000): f(i)
""")
        wait_for(lambda: len([c for c in caches(program.pid).values() if c["bytes"]]) >= 6, "six rows")

        def within():
            rss = int(program.get("open('/proc/self/statm').read().split()[1]")) * 4096
            return sum(c["bytes"] or 0 for c in caches(program.pid).values() if c["kind"] == "memo") <= rss

        wait_for(within, "all of them to be counted again") # each is scaled when it is counted

    def test_rough_ones_say_so(self):
        program = self.program(kinds.KINDS["tail_inside"].replace("i % 50 != 37 else 50000", "i % 150 != 37 else 500000"))
        wait_for(lambda: (shown(program.pid) or {}).get("bytes_rough"), "a rough figure")
        plain = self.program(kinds.KINDS["tuple"])
        wait_for(lambda: shown(plain.pid), "a row")
        self.assertIs(shown(plain.pid)["bytes_rough"], False)


if __name__ == "__main__":
    unittest.main()
