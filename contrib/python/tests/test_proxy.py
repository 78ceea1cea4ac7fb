# SPDX-License-Identifier: MIT
"""The proxy of the user's function: it measures what an entry costs, and a program cannot tell it is there."""

import json
import sys
import tempfile
import unittest

import support
from support import cache_when, caches


class Memory(support.TestCase):
    """At a miss the program looks whether memory is short, and shrinks by itself."""

    PROGRAM = ("import functools, threading\n"
               "@functools.lru_cache(None)\n"
               "def f(i): return b'x' * 100000 + b'%d' % i\n"
               "@functools.lru_cache(None)\n"
               "def down(i): return f(i) and down(i - 1) if i % 100 else b''\n"
               "n = [0] * 4\n"
               "def work(t):\n"
               "    for i in range(t, 4000, 4): n[t] += len(f(i)) + len(down(i))\n"
               "threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]\n"
               "[t.start() for t in threads]; [t.join() for t in threads]\n"
               "print(sum(n))")

    def run_in_budget(self, *options):
        with tempfile.NamedTemporaryFile("r") as journal:
            done = support.tool("run", "--max", "120M", "--journal", journal.name, *options, "--",
                                sys.executable, "-c", self.PROGRAM)
            events = [json.loads(line) for line in journal]
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, events[-1]

    def test_shrinks_by_itself(self):
        expected = support.run("-c", self.PROGRAM, with_memshed=False).stdout
        output, end = self.run_in_budget()
        self.assertEqual(output, expected)
        self.assertGreaterEqual(end["own_rounds"], 1, end)
        self.assertGreater(end["own_claimed_bytes"], 0, end)

    def test_brake_turned_off(self):
        output, end = self.run_in_budget("--no-brake")
        self.assertEqual(end["brakes"], 0, end)


class Measured(support.TestCase):
    def test_the_time_of_a_miss(self):
        program = self.program("import functools, time\n"
                               "@functools.lru_cache(None)\n"
                               "def slow(x): time.sleep(0.02)\n"
                               "@functools.lru_cache(None)\n"
                               "def fast(x): return x\n"
                               "for i in range(20): slow(i)\n"
                               "for i in range(20000): slow(i % 20); fast(i)")
        self.assertGreaterEqual(cache_when(program.pid, "__main__.slow")["cost_us"], 20000)
        fast = cache_when(program.pid, "__main__.fast", lambda c: c["entries"] == 20000)
        self.assertTrue(1 <= fast["cost_us"] < 10000, fast)

    def test_recursion_is_not_counted_twice(self):
        program = self.program("import functools, time\n"
                               "@functools.lru_cache(None)\n"
                               "def down(x):\n"
                               "    time.sleep(0.001)\n"
                               "    return down(x - 1) if x else 0\n"
                               "began = time.monotonic(); down(99); took = time.monotonic() - began")
        cost_us = cache_when(program.pid, "__main__.down", lambda c: c["entries"] == 100)["cost_us"]
        self.assertGreaterEqual(cost_us, 1000)
        self.assertLessEqual(cost_us * 100, program.get("took") * 1e6 + 100)

    def test_several_threads(self):
        program = self.program("import functools, threading, time\n"
                               "@functools.lru_cache(None)\n"
                               "def slow(x): time.sleep(0.02)\n"
                               "threads = [threading.Thread(target=lambda n=n: [slow((n, i)) for i in range(10)])"
                               " for n in range(8)]\n"
                               "[t.start() for t in threads]; [t.join() for t in threads]")
        cost_us = cache_when(program.pid, "__main__.slow", lambda c: c["entries"] == 80)["cost_us"]
        self.assertGreaterEqual(cost_us, 20000)

    def test_failures_and_forks(self):
        program = self.program("import functools, os, time\n"
                               "class Failed(Exception): pass\n"
                               "@functools.lru_cache(None)\n"
                               "def f(x):\n"
                               "    if x < 3: raise Failed\n"
                               "    if x == 3 and os.fork() == 0:\n"
                               "        [f(i) for i in range(10, 20)]; os._exit(f.cache_info()[3])\n"
                               "    if x == 3: global status; status = os.wait()[1] >> 8\n"
                               "    time.sleep(0.01)\n"
                               "for i in range(20):\n"
                               "    try: f(i)\n"
                               "    except Failed: pass")
        self.assertEqual(program.get("status"), 10)
        cost_us = cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 17)["cost_us"]
        self.assertGreaterEqual(cost_us, 10000 * 17 // 20)

    def test_of_others_it_is_not_known(self):
        program = self.program("import functools, memshed\n"
                               "handle = memshed.register('mine', clear=len, entries=lambda: 3)\n"
                               "found = functools._lru_cache_wrapper(len, None, False, functools._CacheInfo)\n")
        self.assertIsNone(cache_when(program.pid, "mine")["cost_us"])


# How deep a cached function goes, in the ways of calling it; in threads, since these have stack enough.
RECURSION = r"""
import functools, sys, threading

def depth(make, *args, **kwargs):
    made = 0
    def f(x, *args, **kwargs):
        nonlocal made
        made += 1
        return cached(x + 1, *args, **kwargs)
    cached = make(f)
    try:
        cached(0, *args, **kwargs)
    except RecursionError as error:
        return made, str(error)

class Cached:
    made = 0
    @functools.lru_cache(None)
    def method(self, x):
        Cached.made += 1
        return self.method(x + 1)
    @classmethod
    @functools.lru_cache(None)
    def of_class(cls, x):
        Cached.made += 1
        return cls.of_class(x + 1)

class Callable:
    made = 0
    def __call__(self, x, **kwargs):
        Callable.made += 1
        return called(x + 1, **kwargs)
called = functools.lru_cache(None)(Callable())

class Made:
    made = 0
    def __init__(self, x):
        Made.made += 1
        new(x + 1)
new = functools.lru_cache(None)(Made)

class Partial:
    made = 0
def add(n, x):
    Partial.made += 1
    return partial(x + n)
partial = functools.lru_cache(1000)(functools.partial(add, 1))

def even(x):
    return odd(x + 1)
even = functools.lru_cache(None)(even)
@functools.lru_cache(maxsize=64, typed=True)
def odd(x):
    return even(x + 1)

def work():
    for size in None, 100000, 50, 0:
        make = functools.lru_cache(size)
        print(size, depth(make), depth(make, 1, 2), depth(make, 1, a=2), depth(make, b=1, a=2))
    for function, counter in ((Cached().method, Cached), (Cached.of_class, Cached), (called, Callable), (new, Made),
                              (lambda x: called(x, a=1), Callable), (partial, Partial)):
        try:
            function(0)
        except RecursionError as error:
            print(counter.made, error)
    try:
        even(0)
    except RecursionError:
        pass
    print(even.cache_info(), odd.cache_info())

work()
threading.stack_size(256 << 20)
for limit in 300, 20000:
    sys.setrecursionlimit(limit)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""

SEEN = r"""
import copy, functools, gc, inspect, pickle, sys, traceback, weakref

def plain(a, b=1, *c, d: int = 2, **e) -> str:
    "text"
    return a, b, c, d, sorted(e)
f = functools.lru_cache(maxsize=None)(plain)
print(f.__wrapped__ is plain, inspect.unwrap(f) is plain, inspect.signature(f), sys.getrefcount(plain))
print([key for key in vars(f) if vars(f)[key] is plain], f.cache_parameters() if hasattr(f, "cache_parameters") else 0)
@functools.lru_cache
def named(x):
    return x
print(pickle.loads(pickle.dumps(named)) is named, copy.copy(f) is f, copy.deepcopy(f) is f, weakref.ref(plain)() is plain)
print(f(1), f(1, 2), f(1, 2, 3), f(1, d=5), f(1, x=1, y=2), f(b=1, a=2), f(1, x=1, y=2), f.cache_info())
print(len(gc.get_referents(f)), sys.getsizeof(f), f == f, hash(f) == hash(f), repr(f)[:36])
print(functools.wraps(f)(lambda: 0).__wrapped__ is f, functools.partial(f, 1)(), list(map(f, range(3))))

for function in (len, print, int, type("C", (), {"__call__": lambda self, *a, **k: (a, k)})(), str.upper,
                 functools.partial(plain, 5), "x".join, type("M", (), {}), [].append, functools.reduce, dict,
                 type("T", (type,), {"__call__": lambda *a: a})("N", (), {}), f, max):
    for args, kwargs in (((), {}), ((1,), {}), (("x",), {}), ((), {"a": 1}), ((1, 2), {"a": 1, "b": 2}), (((1, 2),), {})):
        for size in None, 10, 0:
            try:
                answer = functools.lru_cache(size)(function)(*args, **kwargs)
                print(type(answer).__name__, answer if "object at" not in repr(answer) else "")
            except Exception as error:
                print(type(error).__name__, error)

def fails(x):
    raise ValueError(x)
cached = functools.lru_cache(None)(functools.lru_cache(maxsize=3)(fails))
for size in range(2):
    try:
        cached(size)
    except ValueError as error:
        print("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        print([frame.f_code.co_name for frame, line in traceback.walk_tb(error.__traceback__)])

@functools.lru_cache(None)
def stack():
    return [line.function for line in inspect.stack()], sys._getframe(1).f_code.co_name
print(stack())

events = []
sys.setprofile(lambda frame, event, arg: events.append((event, frame.f_code.co_name, getattr(arg, "__name__", 0))))
f(99), f(99), stack.cache_clear(), stack()
sys.setprofile(None)
print(events)

async def coroutine(x):
    return x
made = functools.lru_cache(None)(coroutine)
print(made(1) is made(1), inspect.iscoroutinefunction(made.__wrapped__))
made(1).close()
print(list(functools.lru_cache(None)(lambda n: (i for i in range(n)))(3)))

class Base:
    @functools.lru_cache(None)
    def m(self, x):
        return type(self).__name__, x
    @property
    @functools.lru_cache(None)
    def p(self):
        return super().__repr__()[:12]
class Derived(Base):
    def m(self, x):
        return super().m(x)
    m = functools.lru_cache(None)(m)
print(Base().m(1), Derived().m(2), Base().p, Base.m.__get__(Base())(3), Base.m.__wrapped__.__qualname__)

@functools.lru_cache(None)
def hidden(x):
    return locals()
print(hidden(1), functools.singledispatch(f)(1), functools.cmp_to_key(f) is not None)

# Cycles through the function, its closure, an instance's attribute and the result are collected.
gc.collect()
def cycles():
    class Holder:
        pass
    def inner(x):
        return inner, Holder
    inner = functools.lru_cache(None)(inner)
    inner(1)
    holder = Holder()
    holder.cached = functools.lru_cache(10)(lambda x: holder)
    holder.cached(1)
    holder.again = functools.lru_cache(None)(holder.cached)
    return [weakref.ref(x) for x in (inner.__wrapped__, holder, Holder, holder.cached.__wrapped__)]
dead = [cycles() for i in range(50)]
gc.collect()
print([sum(x() is not None for x in each) for each in dead] == [0] * 50, len(gc.garbage))
"""


class Transparent(support.TestCase):
    def test_recursion(self):
        done = self.assertSame("-c", RECURSION)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_what_can_be_seen(self):
        done = self.assertSame("main.py", cwd=self.folder(main=SEEN))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_adds_nothing_to_a_size(self):
        """A wrapper among the entries of a cache is walked as without a proxy: its function is not entered."""
        program = self.program("import functools\n"
                               "@functools.lru_cache(None)\n"
                               "def f(x): return functools.lru_cache(None)(len)\n"
                               "@functools.lru_cache(None)\n"
                               "def g(x): return functools._lru_cache_wrapper(len, None, False, functools._CacheInfo)\n"
                               "def parameters(maxsize, typed): return lambda: (maxsize, typed)\n"
                               "for i in range(100):\n"
                               " f(i); g(i)\n"
                               " if hasattr(f, 'cache_parameters'): g(i).cache_parameters = parameters(None, False)\n"
                               " functools.update_wrapper(g(i), len)\n")
        with_proxy, without = (cache_when(program.pid, "__main__." + name, lambda c: c["entries"] == 100)["bytes"]
                               for name in "fg")
        self.assertAlmostEqual(with_proxy / without, 1, delta=0.25)

    def test_it_cannot_be_made_by_hand(self):
        program = self.program("import functools, gc\n"
                               "f = functools.lru_cache(None)(len)\n"
                               "kind, = [type(x) for x in gc.get_referents(f) if 'Proxy' in type(x).__name__]\n"
                               "def attempt():\n"
                               "    try: kind()\n"
                               "    except TypeError as error: return str(error)\n")
        self.assertIn("lru_cache", program.get("attempt()"))

    def test_wrappers_without_entries_have_no_row(self):
        program = self.program("import functools\n"
                               "def make(): return functools.lru_cache(None)(lambda x: x)\n"
                               "empty = [make() for i in range(100)]\n"
                               "@functools.lru_cache(None)\ndef one(x): return x\none(1)")
        cache_when(program.pid, "__main__.one")
        self.assertNotIn("__main__.make.<locals>.<lambda>", caches(program.pid))


if __name__ == "__main__":
    unittest.main()
