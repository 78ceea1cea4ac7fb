# SPDX-License-Identifier: MIT
"""functools.lru_cache: known, measured and shrunk, with no change to the program."""

import json
import unittest

import support
from support import cache_when, caches, order, wait_for

FUNCTIONS = """
import functools

@functools.lru_cache(maxsize=None)
def unbounded(x):
    return bytes(10000)

@functools.lru_cache(maxsize=500)
def bounded(x):
    return bytes(10000)

for i in range(1000):
    unbounded(i)
    bounded(i)
for i in range(100):
    unbounded(i)
"""


class Registered(support.TestCase):
    def test_what_is_known(self):
        program = self.program(FUNCTIONS)
        cache = cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == 1000)
        self.assertEqual((cache["kind"], cache["hits"], cache["misses"]), ("memo", 100, 1000))
        self.assertAlmostEqual(cache["bytes"], 1000 * 10100, delta=1000 * 1000)
        self.assertEqual(cache["source"], "program.py:4")
        cache = cache_when(program.pid, "__main__.bounded", lambda c: c["entries"] == 500)
        self.assertEqual((cache["hits"], cache["misses"]), (0, 1000))
        self.assertAlmostEqual(cache["bytes"], 500 * 10200, delta=500 * 1000)

    def test_one_entry_is_enough(self):
        """The next round finds it, whatever the round is for."""
        program = self.program("import functools")
        cache_when(program.pid, "gc")
        program.do("@functools.lru_cache\ndef small(x): return bytes(1000000)\nsmall(1)")
        order("clear", program.pid, "gc")
        small = caches(program.pid)["__main__.small"]
        self.assertEqual(small["entries"], 1)
        self.assertAlmostEqual(small["bytes"], 1000000, delta=1000)

    def test_what_is_shown_is_of_now(self):
        """The program is asked before it is shown: also for wrappers made a moment ago."""
        program = self.program("import functools")

        def fresh():
            shown = json.loads(support.tool("show", program.pid, "--json").stdout or "{}")
            return shown if shown and shown["counts"]["why_old"] is None else None
        for i in range(1, 6):
            program.do("@functools.lru_cache(maxsize=None)\ndef f%d(x): return bytes(1000)\n"
                       "for g in range(1, %d): [eval('f%%d' %% g)(x) for x in range(%d * 10)]" % (i, i + 1, i))
            shown = {cache["name"]: cache for cache in wait_for(fresh, "a count")["caches"]}
            for g in range(1, i + 1):
                self.assertEqual(shown["__main__.f%d" % g]["entries"], i * 10)

    def test_those_of_one_name_are_one_group(self):
        program = self.program("import functools\ndef make():\n    @functools.lru_cache(maxsize=None)\n"
                               "    def method(x): return bytes(1000)\n    return method\n"
                               "made = [make() for i in range(300)]\nfor f in made: f(1); f(2)")

        def complete():
            shown = json.loads(support.tool("show", program.pid, "--json").stdout or "{}")
            groups = [group for group in shown.get("groups", []) if group["name"] == "__main__.make.<locals>.method"]
            return groups[0] if groups and groups[0]["caches"] == 300 and groups[0]["entries"] == 600 else None
        group = wait_for(complete, "all of them")
        self.assertEqual(group["misses"], 600)
        shown = support.tool("show", program.pid).stdout
        self.assertEqual(shown.count("__main__.make.<locals>.method"), 1)
        self.assertIn("__main__.make.<locals>.method x 300", shown)

    def test_functools_imported_before_a_start_by_hand(self):
        program = self.program(FUNCTIONS, with_memshed=False)
        if program.get("__import__('sys').version_info >= (3, 9)"):
            program.do("import sys; sys.path.insert(0, %r); import memshed; memshed.start()" % support.ADAPTER)
            cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == 1000)

    def test_a_dead_wrapper_is_forgotten(self):
        program = self.program(FUNCTIONS)
        cache_when(program.pid, "__main__.unbounded")
        program.do("del unbounded")
        wait_for(lambda: "__main__.unbounded" not in caches(program.pid), "its row to go")
        self.assertIn("__main__.bounded", caches(program.pid))
        program.do("import gc\nclass K:\n @functools.lru_cache(maxsize=None)\n def m(self): return self\n"
                   "k = [K() for i in range(100)]\n[x.m() for x in k]")
        cache_when(program.pid, "__main__.K.m")
        program.do("del k, K; gc.collect()")
        wait_for(lambda: "__main__.K.m" not in caches(program.pid), "a cycle's row to go")

    def test_many_short_lived_ones_leave_nothing(self):
        # With the agent stopped only the creation of further ones sweeps them out.
        program = self.program("import functools, resource, memshed\n"
                               "memshed.stop()\n"
                               "def make():\n"
                               " @functools.lru_cache\n"
                               " def f(x): return x\n"
                               " f(1)\n"
                               "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
                               "for i in range(1000): make()\n"
                               "before = peak()\n"
                               "for i in range(200000): make()\n"
                               "after = peak()\n")
        self.assertLess(program.get("after - before"), 10000)
        program.do("memshed.start()")
        self.assertNotIn("__main__.make.<locals>.f", caches(program.pid))


class Weighed(support.TestCase):
    def weigh(self, text, entries=200):
        program = self.program("import functools\n" + text + "\nfor i in range(%d): f(i)\n" % entries)
        cache = cache_when(program.pid, "__main__.f", lambda c: c["entries"] == entries)
        return cache["bytes"] / entries

    def test_nested(self):
        bytes_each = self.weigh("@functools.lru_cache(None)\n"
                                "def f(x): return {'a': [bytes(1000) for i in range(5)], 'b': (bytes(3000),)}")
        self.assertAlmostEqual(bytes_each, 8700, delta=900)

    def test_wide(self):
        bytes_each = self.weigh("@functools.lru_cache(None)\n"
                                "def f(x): return [bytes(1000) for i in range(1000)]")
        self.assertAlmostEqual(bytes_each, 1050000, delta=60000)

    def test_shared_with_the_program(self):
        bytes_each = self.weigh("big = bytes(1000000)\nkept = []\n"
                                "@functools.lru_cache(None)\n"
                                "def f(x):\n kept.append(bytes(5000)); return (big, kept[-1])")
        self.assertLess(bytes_each, 12000)

    def test_parents(self):
        bytes_each = self.weigh("class Node:\n"
                                " def __init__(self, parent, depth):\n"
                                "  self.parent = parent; self.text = bytes(2000)\n"
                                "  self.children = [Node(self, depth - 1) for i in range(3)] if depth else []\n"
                                "@functools.lru_cache(None)\n"
                                "def f(x): return Node(None, 2)", 50)
        self.assertAlmostEqual(bytes_each, 13 * 2350, delta=6000)

    def test_bounded(self):
        bytes_each = self.weigh("@functools.lru_cache(1000)\ndef f(x): return [bytes(2000)]")
        self.assertAlmostEqual(bytes_each, 2300, delta=300)

    def test_types_and_functions_are_not_entered(self):
        bytes_each = self.weigh("import json\n@functools.lru_cache(None)\n"
                                "def f(x): return [json, json.JSONDecoder, json.loads, len]")
        self.assertLess(bytes_each, 400)

    def test_python_methods_are_not_called(self):
        bytes_each = self.weigh("class C:\n def __sizeof__(self): raise SystemExit\n"
                                " __len__ = __hash__ = __sizeof__\n"
                                "@functools.lru_cache(None)\ndef f(x): return C()")
        self.assertLess(bytes_each, 1000)


class Shrunk(support.TestCase):
    def test_clear(self):
        program = self.program(FUNCTIONS)
        for name, entries in ("unbounded", 1000), ("bounded", 500):
            before = cache_when(program.pid, "__main__." + name, lambda c: c["entries"] == entries)
            done = order("clear", program.pid, "__main__." + name)
            self.assertEqual((done["status"], done["entries"]), ("done", entries))
            self.assertAlmostEqual(done["claimed_bytes"], entries * 10150, delta=entries * 1000)
            self.assertEqual(program.get(name + ".cache_info()[3]"), 0)
            after = cache_when(program.pid, "__main__." + name, lambda c: c["entries"] == 0)
            self.assertEqual((after["hits"], after["misses"]), (before["hits"], before["misses"]))
            program.do(name + "(1); " + name + "(1)")
            cache_when(program.pid, "__main__." + name,
                       lambda c: (c["hits"], c["misses"]) == (before["hits"] + 1, before["misses"] + 1))

    def test_the_programs_own_clearing(self):
        program = self.program(FUNCTIONS)
        cache_when(program.pid, "__main__.unbounded", lambda c: c["misses"] == 1000)
        program.do("unbounded.cache_clear(); unbounded(1)")
        cache_when(program.pid, "__main__.unbounded", lambda c: (c["misses"], c["entries"]) == (1001, 1))

    def test_oldest_first(self):
        program = self.program(FUNCTIONS)
        cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == 1000)
        done = order("shrink", program.pid, "--bytes", "3M", "__main__.unbounded")
        self.assertEqual(done["status"], "done")
        left = program.get("unbounded.cache_info()[3]")
        self.assertEqual(done["entries"], 1000 - left)
        self.assertAlmostEqual(left, 690, delta=60)
        program.do("hits = unbounded.cache_info()[0]\nfor i in range(1000 - unbounded.cache_info()[3], 1000):"
                   " unbounded(i)")
        self.assertEqual(program.get("unbounded.cache_info()[0] - hits"), left)

    def test_oldest_first_again_and_again(self):
        program = self.program(FUNCTIONS + "for i in range(1000, 5000): unbounded(i)\n")
        cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == 5000)
        for turn in range(6):
            order("shrink", program.pid, "--bytes", "3M", "__main__.unbounded")
            program.do("for i in range(%d, %d): unbounded(i)" % (5000 + turn * 300, 5300 + turn * 300))
        left = program.get("unbounded.cache_info()[3]")
        self.assertAlmostEqual(left, 5000, delta=500)
        program.do("hits = unbounded.cache_info()[0]\nfor i in range(6800 - %d, 6800): unbounded(i)" % left)
        self.assertEqual(program.get("unbounded.cache_info()[0] - hits"), left)

    def test_bytes_stay_right(self):
        program = self.program(FUNCTIONS + "for i in range(1000, 5000): unbounded(i)\n")
        cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == 5000)
        for turn in range(4):
            order("shrink", program.pid, "--bytes", "20M", "__main__.unbounded")
            program.do("for i in range(%d, %d): unbounded(i)" % (5000 + turn * 500, 5500 + turn * 500))
            left = program.get("unbounded.cache_info()[3]")
            cache = cache_when(program.pid, "__main__.unbounded", lambda c: c["entries"] == left)
            self.assertAlmostEqual(cache["bytes"] / left, 10150, delta=500)

    def test_while_the_program_is_busy(self):
        program = self.program(FUNCTIONS + """
import threading, time
stop = False
def work():
    n = 0
    while not stop:
        unbounded(n % 3000); bounded(n % 3000); n += 1
threads = [threading.Thread(target=work) for i in range(3)]
[t.start() for t in threads]
""")
        cache_when(program.pid, "__main__.unbounded")
        for turn in range(5):
            order("shrink", program.pid, "--bytes", "1M", "__main__.unbounded")
            order("clear", program.pid, "__main__.unbounded")
            order("clear", program.pid, "__main__.bounded")
        program.do("stop = True; [t.join() for t in threads]")
        self.assertEqual(program.end(), (0, ""))

    def test_what_destructors_do(self):
        program = self.program("""
import functools, sys
told = []
sys.unraisablehook = lambda u: told.append(type(u.exc_value).__name__)
class Raises:
    def __del__(self): raise ValueError("in a destructor")
class Fills:
    def __init__(self, x): self.x = x
    def __del__(self):
        if self.x < 5000: f(self.x + 5000)
class Clears:
    def __del__(self): f.cache_clear()
class Makes:
    def __del__(self): self.made = functools.lru_cache(maxsize=None)(len)
@functools.lru_cache(maxsize=None)
def f(x): return [Raises, lambda: Fills(x), Clears, Makes][x % 4]()
for i in range(2000): f(i)
""")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 2000)
        for size in "1K", "10K", "1K", "10K":
            order("shrink", program.pid, "--bytes", size, "__main__.f")
        order("clear", program.pid, "__main__.f")
        self.assertIn("ValueError", program.get("told"))
        self.assertEqual(program.get("1 + 1"), 2)
        program.do("f = None")
        self.assertEqual(program.end()[0], 0)

    def test_keys_that_fail(self):
        program = self.program("""
import functools, sys
told = []
sys.unraisablehook = lambda u: told.append(type(u.exc_value).__name__)
bad = False
class Key:
    def __hash__(self):
        if bad: raise ValueError("unhashable after all")
        return 1
@functools.lru_cache(maxsize=None)
def f(x): return bytes(1000)
for i in range(100): f(Key())
bad = True
""")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 100)
        order("shrink", program.pid, "--bytes", "10K", "__main__.f")
        wait_for(lambda: program.get("told") == ["ValueError"], "the error to be told")
        self.assertEqual(order("clear", program.pid, "__main__.f")["entries"], 100)
        self.assertEqual(program.get("f.cache_info()[3]"), 0)

    def test_garbage_in_cycles_is_collected(self):
        """What the cache lets go refers to itself, and the program's own collector never runs."""
        program = self.program("""
import functools, gc, weakref
gc.disable()
alive = weakref.WeakSet()
class Node:
    def __init__(self): self.me = self; self.text = bytes(b"x") * 100000; alive.add(self)
@functools.lru_cache(maxsize=None)
def f(x): return Node()
for i in range(1000): f(i)
""")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        done = json.loads(support.tool("shrink", program.pid, "--bytes", "40M", "--json").stdout)
        left = program.get("f.cache_info()[3]")
        self.assertLess(left, 700)
        self.assertEqual(program.get("len(alive)"), left)
        self.assertGreater(done["returned_bytes"], 30 << 20)
        self.assertEqual(caches(program.pid)["gc"]["orders"], 1)

    def test_standard_library(self):
        program = self.program("import re, linecache\nfor i in range(20): re.compile('a%d' % i)\n"
                               "linecache.getlines(linecache.__file__)")
        cache_when(program.pid, "re", lambda c: c["entries"] >= 20)
        cache_when(program.pid, "linecache", lambda c: c["entries"] >= 1 and c["bytes"] > 3000)
        order("clear", program.pid, "re")
        order("clear", program.pid, "linecache")
        self.assertEqual(program.get("[len(re._cache), len(linecache.cache)]"), [0, 0])
        program.do("import gc; gc.disable()\nfor i in range(100): x = []; x.append(x)")
        self.assertGreaterEqual(order("clear", program.pid, "gc")["entries"], 90)


class Unchanged(support.TestCase):
    """What a program can see of lru_cache is what it sees without memshed."""

    def test_the_wrapper(self):
        folder = self.folder(module="""
import functools, inspect, pickle, copy, weakref, sys, json
@functools.lru_cache(maxsize=None)
def f(a, b=1, *c, d: int = 2, **e) -> str:
    "text"
    return "x"
@functools.lru_cache
def g(a): return a
class C:
    @functools.lru_cache(maxsize=3, typed=True)
    def m(self, x): return x
    @staticmethod
    @functools.lru_cache()
    def s(x): return x
    @classmethod
    @functools.lru_cache()
    def c(cls, x): return x
c = C()
print(type(f) is functools._lru_cache_wrapper, isinstance(g, functools._lru_cache_wrapper))
print(type(f), type(f).__name__, functools.lru_cache, functools.lru_cache.__globals__ is functools.__dict__)
print(inspect.signature(f), inspect.signature(functools.lru_cache), f.__doc__, f.__name__, f.__wrapped__.__name__)
print(pickle.loads(pickle.dumps(f)) is f, pickle.loads(pickle.dumps(functools.lru_cache)) is functools.lru_cache)
print(copy.copy(f) is f, copy.deepcopy(f) is f)
print(sorted(vars(f)), [getattr(x, "cache_parameters", lambda: 0)() for x in (f, g, C.m, C.s)])
print(c.m(1), c.m(1.0), C.s(1), C.c(2), C.m.cache_info(), c.m.cache_info() if hasattr(c.m, "cache_info") else 0)
print(type(f.cache_info()), f.cache_info(), f(1), f(1), f(1, d=3), f.cache_info(), f.cache_clear(), f.cache_info())
print(inspect.getsource(functools.lru_cache)[:40], functools.lru_cache.__code__.co_filename == functools.__file__)
print(functools.__spec__.loader is functools.__loader__, type(functools.__loader__), functools.__spec__)
print(sorted(x for x in sys.modules if "memshed" not in x and x not in ("atexit", "gc")))
print([x for x in functools.__all__ if "memshed" in x], sys.meta_path)
""")
        self.assertSame("module.py", cwd=folder)

    def test_misuse(self):
        for text in ('lru_cache(maxsize="x")', "lru_cache(1, 2, 3)", "lru_cache()(3)", "lru_cache(3)(None)",
                     "lru_cache(maxsize=None)(len)(3)", "lru_cache(len)()", "_lru_cache_wrapper()"):
            with self.subTest(text):
                done = self.assertSame("-c", "import functools\nfunctools." + text)
                self.assertEqual(done.returncode, 1)
                self.assertIn("Error", done.stderr)

    def test_a_patched_functools(self):
        self.assertSame("-c", "import functools\n"
                        "functools.update_wrapper = lambda w, f: print('wrapped', type(w)) or w\n"
                        "functools.lru_cache(len)\n"
                        "functools._lru_cache_wrapper = lambda *a: print('made') or len\n"
                        "functools.lru_cache(len)\n"
                        "del functools._lru_cache_wrapper\n"
                        "functools.lru_cache(len)")


if __name__ == "__main__":
    unittest.main()
