# SPDX-License-Identifier: MIT
"""What trims of an unbounded lru_cache pass over: keys that were missed again soon after they had been dropped."""

import unittest

import support
from support import cache_when, caches, order, wait_for

FUNCTION = """
import functools, gc, weakref
from collections import namedtuple
def keys():
    own = [d for d in gc.get_referents(f) if type(d) is dict and d is not f.__dict__]
    return [key if isinstance(key, (int, str)) else key[0] for key in own[0]]
class Plain:
    def __init__(self, x): self.x = x
hashed = 0
class Hashed(Plain):
    def __hash__(self): global hashed; hashed += 1; return self.x
    def __eq__(self, other): return self.x == other.x
Pair = namedtuple("Pair", "x y")
kept = {}
def make(kind, x): return kept.setdefault(x, kind(x))
"""
ENTRY = 10150

# How f() is called with the integer x, and what keys() then has for x.
KINDS = {
    "int": ("@functools.lru_cache(None)\ndef f(x): return bytes(10000)", "f(x)", "x"),
    "str": ("@functools.lru_cache(None)\ndef f(x): return bytes(10000)", "f(str(x))", "str(x)"),
    "several": ("@functools.lru_cache(None)\ndef f(x, y): return bytes(10000)", "f(x, (x, 'y'))", "x"),
    "by name": ("@functools.lru_cache(None)\ndef f(x, y): return bytes(10000)", "f(x, y=x)", "x"),
    "typed": ("@functools.lru_cache(None, True)\ndef f(x, y): return bytes(10000)", "f(x, y=1.5)", "x"),
    "named tuple": ("@functools.lru_cache(None)\ndef f(x): return bytes(10000)", "f(Pair(x, 1))", "Pair(x, 1)"),
    "instance": ("@functools.lru_cache(None)\ndef f(x): return bytes(10000)", "f(make(Plain, x))",
                 "make(Plain, x)"),
}


class Ghosts(support.TestCase):
    def cached(self, text="", kind="int", entries=1000):
        """A program with a cached f() of this many entries, which was trimmed once, and missed once since."""
        define, call, key = KINDS[kind]
        program = self.program(FUNCTION + define + "\ndef get(*numbers):\n for x in numbers: %s\n" % call +
                               "def there(*numbers):\n now = set(keys())\n"
                               " return [x for x in numbers if (%s) in now]\n" % key + text +
                               "\nget(*range(%d))" % entries)
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == entries)
        self.trim(program, 50)
        program.do("get(100000)")
        return program

    def trim(self, program, entries):
        """Returns how many were dropped."""
        done = order("shrink", program.pid, "--bytes", entries * ENTRY, "__main__.f")
        self.assertEqual(done["status"], "done")
        self.assertAlmostEqual(done["entries"], entries, delta=entries // 5 + 2)
        return done["entries"]

    def turn_over(self, program, first, count):
        """So many new keys, in steps; as many are dropped."""
        for at in range(first, first + count, 200):
            program.do("get(*range(%d, %d))" % (at, at + 200))
            self.trim(program, 200)

    def check_missed_again(self, kind, passed_over):
        """Numbers 60 to 79 are missed again, 5000 to 5019 are new at the same time."""
        program = self.cached(kind=kind)
        self.trim(program, 100)
        self.assertEqual(program.get("there(*range(60, 80))"), [])
        program.do("get(*range(60, 80), *range(5000, 5020))")
        self.turn_over(program, 10000, 1200)
        self.assertEqual(program.get("there(*range(5000, 5020))"), [])
        self.assertEqual(program.get("there(*range(60, 80))"), list(range(60, 80)) if passed_over else [])
        return program

    def test_each_kind_of_key(self):
        for kind in KINDS:
            with self.subTest(kind):
                self.check_missed_again(kind, True)

    def test_two_turnovers_later(self):
        """Keys that are not used any more, as of a hot set that moved, go after all."""
        program = self.check_missed_again("int", True)
        self.turn_over(program, 20000, 1200)
        self.assertEqual(program.get("there(*range(60, 80))"), [])

    def test_the_others_go_in_order(self):
        program = self.cached()
        self.trim(program, 100)
        program.do("get(*range(60, 80))")
        for turn in range(6):
            program.do("get(*range(%d, %d))" % (10000 + turn * 100, 10100 + turn * 100))
            before = program.get("keys()")
            dropped = self.trim(program, 200)
            others = [key for key in before if not 60 <= key < 80]
            self.assertEqual(program.get("keys()"),
                             [key for key in before if 60 <= key < 80 or key in others[dropped:]])

    def test_where_nothing_else_is_left(self):
        """A loop over more keys than there is room for: all are missed again. What was asked for is dropped."""
        program = self.cached()
        for turn in range(30):
            program.do("get(*[x %% 1300 for x in range(%d, %d)])" % (1000 + turn * 200, 1200 + turn * 200))
            self.trim(program, 200)
        self.assertAlmostEqual(program.get("f.cache_info()[3]"), 950, delta=100)

    def test_a_hash_in_python_is_not_called(self):
        """Once for the look-up, as without memshed; the key is dropped as the oldest."""
        program = self.program(FUNCTION + KINDS["int"][0] + "\nfor x in range(1000): f(Hashed(x))")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        dropped = 0
        for turn in range(5):
            dropped += self.trim(program, 200)
            program.do("before = hashed\nfor x in range(%d, %d): f(Hashed(x))" % (dropped - 100, dropped))
            self.assertEqual(program.get("hashed - before"), 100)
        numbers = list(range(1000)) + program.get("[key.x for key in keys()]")[-500:]
        self.assertEqual(program.get("[key.x for key in keys()]"), numbers[dropped:])
        self.assertEqual(program.get("f.cache_info()[:2]"), [0, 1500])

    def test_a_cleared_cache_has_none(self):
        program = self.cached()
        self.trim(program, 100)
        program.do("get(*range(60, 80))")
        order("clear", program.pid, "__main__.f")
        program.do("get(*range(60, 80), *range(6000, 7000))")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1020)
        self.trim(program, 100)
        self.assertEqual(program.get("there(*range(60, 80))"), [])

    def test_the_wrapper_goes(self):
        program = self.cached("alive = None\ndef let_go():\n global f, alive\n"
                              " alive = weakref.ref(f) if hasattr(f, '__weakref__') else lambda: None\n f = None")
        self.trim(program, 100)
        program.do("get(*range(60, 80)); let_go(); gc.collect()")
        self.assertTrue(program.get("alive() is None"))
        wait_for(lambda: "__main__.f" not in caches(program.pid), "the cache to go")
        self.assertEqual(program.end(), (0, ""))

    def test_threads(self):
        program = self.cached("""
import threading
stop, wrong = False, []
def work(seed):
    x = seed
    while not stop:
        x = (x * 1103515245 + 12345) % (1 << 31)
        if len(f(x * x >> 31 & 2047)) != 10000: wrong.append(x)
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
""")
        program.do("[t.start() for t in threads]")
        for turn in range(20):
            done = order("shrink", program.pid, "--bytes", 200 * ENTRY, "__main__.f")
            self.assertIn(done["status"], ("done", "partial"))
        program.do("stop = True; [t.join() for t in threads]")
        self.assertEqual(program.get("wrong"), [])
        self.assertEqual(program.end(), (0, ""))

    def test_recursion_goes_as_deep(self):
        text = """
falling, deepest = False, 0
@functools.lru_cache(None)
def f(x):
    global deepest
    deepest = x
    return f(x + 1) if falling else bytes(10000)
for x in range(1000): f(x)
def fall():
    global falling
    falling = True
    try: f(1000000)
    except RecursionError: return deepest
"""
        trimmed, other = self.program(FUNCTION + text), self.program(FUNCTION + text)
        cache_when(trimmed.pid, "__main__.f", lambda c: c["entries"] == 1000)
        self.trim(trimmed, 100)
        self.assertEqual(trimmed.get("fall()"), other.get("fall()"))


if __name__ == "__main__":
    unittest.main()
