# SPDX-License-Identifier: MIT
"""memshed.register(): caches of the program's own."""

import unittest

import support
from support import cache_when, caches, order, tool, wait_for


class Register(support.TestCase):
    def test_clear_and_size(self):
        program = self.program("import memshed\ncache = {i: 'x' for i in range(50)}\n"
                               "handle = memshed.register('mine', clear=cache.clear, entries=lambda: len(cache),"
                               " size=lambda: 100 * len(cache), kind='index', priority=-5, cost_us=7)")
        row = cache_when(program.pid, "mine", lambda c: c["entries"] == 50)
        self.assertEqual((row["bytes"], row["kind"], row["priority"], row["source"]),
                         (5000, "index", -5, "program.py:3"))
        done = order("clear", program.pid, "mine")
        self.assertEqual((done["status"], done["claimed_bytes"], done["entries"]), ("done", 5000, 50))
        self.assertEqual(program.get("[len(cache), handle.name, repr(handle)]"), [0, "mine", "<memshed.Cache 'mine'>"])
        program.do("handle.unregister(); handle.unregister(); handle.charge(1)")
        self.assertNotIn("mine", caches(program.pid))

    def test_shrink(self):
        program = self.program("""
import memshed
asked = []
def shrink(target):
    asked.append(target)
    return None if not target else min(target, 5000)
handle = memshed.register("mine", shrink=shrink, size=lambda: 6000)
""")
        cache_when(program.pid, "mine")
        self.assertEqual(order("shrink", program.pid, "--bytes", "4000", "mine")["claimed_bytes"], 4000)
        # Asked for the rest of what it gave a part of.
        self.assertEqual(order("shrink", program.pid, "--bytes", "5500", "mine")["claimed_bytes"], 5500)
        self.assertEqual(order("clear", program.pid, "mine")["status"], "done")
        self.assertEqual(program.get("asked"), [4000, 5500, 500, 0])

    def test_charge(self):
        program = self.program("import memshed\nhandle = memshed.register('mine', clear=lambda: None)\n"
                               "handle.charge(1000, 3); handle.charge(1); handle.uncharge(200, 2)\n"
                               "handle.hit(); handle.hit(4); handle.miss(); handle.evict(2)")
        row = cache_when(program.pid, "mine", lambda c: c["bytes"] == 801)
        self.assertEqual((row["entries"], row["hits"], row["misses"], row["evictions"]), (2, 5, 1, 2))

    def test_errors_are_told_once(self):
        program = self.program("""
import memshed, sys
told = []
sys.unraisablehook = lambda u: told.append([type(u.exc_value).__name__, getattr(u.object, "__name__", "")])
def clear(): raise KeyError("clear")
def size(): raise ValueError("size")
first = memshed.register("first", clear=clear)
second = memshed.register("second", clear=lambda: None, size=size)
third = memshed.register("third", clear=lambda: None, size=lambda: "many")
""")
        wait_for(lambda: len(program.get("told")) == 2, "errors of size()")
        for turn in range(3):
            order("clear", program.pid, "first")
            order("clear", program.pid, "second")
        self.assertEqual(sorted(program.get("told")), [["KeyError", "clear"], ["TypeError", "<lambda>"],
                                                       ["ValueError", "size"]])

    def test_bad_arguments(self):
        program = self.program("import memshed\n"
                               "def attempt(*args, **kwargs):\n"
                               "    try: memshed.register(*args, **kwargs)\n"
                               "    except Exception as error: return type(error).__name__")
        for text, error in (("'x'", "TypeError"), ("'', clear=len", "ValueError"), ("1, clear=len", "TypeError"),
                            ("'x', clear=3", "TypeError"), ("'x', clear=len, priority=5000", "ValueError"),
                            ("'x', clear=len, kind='none'", "ValueError")):
            self.assertEqual(program.get("attempt(%s)" % text), error, text)
        self.assertEqual(program.get("attempt('\\udcff\\x1b', clear=len)"), None)

    def test_callbacks_that_register_and_unregister(self):
        program = self.program("""
import memshed, functools
handles = {}
def clear(name):
    handles.pop(name).unregister()
    add(name + "'")
def add(name):
    handles[name] = memshed.register(name, clear=functools.partial(clear, name), entries=lambda: 1)
add("a")
""")
        for name in "a", "a'", "a''":
            cache_when(program.pid, name)
            order("clear", program.pid, name)
        self.assertEqual(program.get("list(handles)"), ["a'''"])
        self.assertEqual(program.end(), (0, ""))

    def test_unregister_waits_for_the_callback(self):
        program = self.program("""
import memshed, threading, time
began, seen = threading.Event(), []
def clear():
    began.set(); time.sleep(0.5); seen.append("cleared")
handle = memshed.register("slow", clear=clear)
def unregister():
    began.wait(); handle.unregister(); seen.append("unregistered")
thread = threading.Thread(target=unregister); thread.start()
""")
        tool("clear", program.pid, "slow")
        self.assertEqual(program.get("thread.join() or seen"), ["cleared", "unregistered"])

    def test_threads_register_and_unregister(self):
        program = self.program("""
import memshed, threading
def work(n):
    for i in range(200):
        handle = memshed.register("t%d-%d" % (n, i), clear=lambda: None, size=lambda: 1)
        handle.charge(1); handle.unregister()
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]
""")
        for turn in range(3):
            tool("clear", program.pid)
        program.do("[t.join() for t in threads]")
        self.assertEqual(program.end(), (0, ""))

    def test_start_and_stop(self):
        program = self.program("import memshed\nmemshed.start(); memshed.stop(); memshed.stop(); memshed.start()\n"
                               "h = memshed.register('x', clear=lambda: None)")
        self.assertEqual(order("clear", program.pid, "x")["status"], "done")
        self.assertEqual(program.get("memshed.version == memshed.__version__"), True)


if __name__ == "__main__":
    unittest.main()
