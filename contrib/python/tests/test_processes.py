# SPDX-License-Identifier: MIT
"""fork, exec, and the ways in which Python makes processes."""

import os
import sys
import unittest

import support
from support import cache_when, caches, order, run, wait_for

CACHED = """
import functools, os, sys, time
@functools.lru_cache(maxsize=None)
def f(x): return [x] * 100
for i in range(1000): f(i)
"""


class Fork(support.TestCase):
    def fork(self, setup="", child=""):
        program = self.program(CACHED + setup)
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        program.do("r, w = os.pipe()\npid = os.fork()\nif pid == 0:\n    os.close(w)\n" + child +
                   "    os.read(r, 1)\n    os._exit(f.cache_info()[3] % 251)\n")
        return program, program.get("pid")

    def test_each_has_its_own(self):
        program, child = self.fork(child="    for i in range(1000, 1200): f(i)\n")
        cache_when(child, "__main__.f", lambda c: c["entries"] == 1200)
        self.assertEqual(caches(program.pid)["__main__.f"]["entries"], 1000)
        self.assertEqual(order("clear", child, "__main__.f")["entries"], 1200)
        self.assertEqual(program.get("f.cache_info()[3]"), 1000)
        self.assertEqual(order("clear", program.pid, "__main__.f")["entries"], 1000)
        self.assertEqual(program.get("[os.close(w), os.waitpid(pid, 0)[1]]"), [None, 0])
        self.assertEqual(program.end(), (0, ""))

    def test_what_the_child_makes_is_known(self):
        program, child = self.fork(child="    @functools.lru_cache(None)\n    def g(x): return x\n"
                                         "    for i in range(100): g(i)\n")
        cache_when(child, "__main__.g", lambda c: c["entries"] == 100)
        self.assertNotIn("__main__.g", caches(program.pid))

    def test_the_grandchild(self):
        program, child = self.fork(child="    os.fork() and os.wait()\n")
        program.do("os.close(w); os.waitpid(pid, 0)")
        self.assertEqual(order("clear", program.pid, "__main__.f")["entries"], 1000)

    def test_many_in_a_row(self):
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        program.do("for i in range(50):\n"
                   "    if os.fork() == 0: os._exit(f.cache_info()[3] % 251)\n"
                   "    assert os.wait()[1] >> 8 == 1000 % 251\n")
        self.assertEqual(order("clear", program.pid, "__main__.f")["entries"], 1000)
        self.assertEqual(program.end(), (0, ""))

    def test_from_a_thread_while_others_work(self):
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f")
        program.do("""
import threading, warnings
warnings.simplefilter("ignore")
stop = False
def make():
    while not stop:
        functools.lru_cache(maxsize=None)(lambda x: x)(1); f(1)
def fork():
    for i in range(30):
        if os.fork() == 0: os._exit(0)
        os.wait()
workers = [threading.Thread(target=make) for i in range(2)]
[t.start() for t in workers]
forker = threading.Thread(target=fork); forker.start()
""")
        for turn in range(5):
            order("clear", program.pid, "__main__.f")
        program.do("forker.join(); stop = True; [t.join() for t in workers]")
        self.assertEqual(order("clear", program.pid, "__main__.f")["status"] in ("done", "empty"), True)
        self.assertEqual(program.end(), (0, ""))

    def test_a_child_that_python_does_not_know_of(self):
        """fork() by C code: the child's agent keeps off the interpreter, and the child goes on."""
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        program.do("import ctypes\nlibc = ctypes.PyDLL(None)\nr, w = os.pipe()\n"
                               "pid = libc.fork()\n"
                               "if pid == 0:\n    os.close(w); os.read(r, 1); libc._exit(f.cache_info()[3] % 251)\n")
        child = program.get("pid")
        wait_for(lambda: caches(child), "the child's table")
        self.assertEqual(order("clear", child, "__main__.f")["status"], "busy")
        self.assertEqual(program.get("[os.close(w), os.waitpid(pid, 0)[1] >> 8]"), [None, 1000 % 251])


class Workers(support.TestCase):
    def test_multiprocessing(self):
        folder = self.folder(main="""
import multiprocessing, sys, functools
@functools.lru_cache(maxsize=None)
def f(x): return x * x
def work(x): return f(x), "memshed" in sys.modules, [p for p in sys.path if "memshed" in p]
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    with multiprocessing.Pool(2) as pool: print(pool.map(work, range(20)))
    q = multiprocessing.Queue()
    p = multiprocessing.Process(target=q.put, args=(f(3),)); p.start(); print(q.get()); p.join(); print(p.exitcode)
    p = multiprocessing.Process(target=sys.exit, args=(4,)); p.start(); p.join(); print(p.exitcode)
    with multiprocessing.Manager() as m: d = m.dict(); d[1] = f(2); print(dict(d))
""")
        for method in "fork", "spawn", "forkserver":
            with self.subTest(method):
                done = run("main.py", method, cwd=folder)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(done.stdout.count("True"), 20)
                plain = run("main.py", method, cwd=folder, with_memshed=False)
                self.assertEqual(done.stdout.replace("True", "False"), plain.stdout)

    def test_concurrent_futures(self):
        folder = self.folder(main="""
import concurrent.futures, functools
@functools.lru_cache(maxsize=None)
def f(x): return x * x
if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(2) as pool: print(list(pool.map(f, range(20))))
    with concurrent.futures.ThreadPoolExecutor(2) as pool: print(list(pool.map(f, range(20))))
""")
        self.assertSame("main.py", cwd=folder)

    def test_subprocess(self):
        program = self.program("import subprocess, sys\n"
                               "text = \"import sys; print('memshed' in sys.modules)\"\n"
                               "def call(**k): return subprocess.run([sys.executable, '-c', text],"
                               " stdout=subprocess.PIPE, **k).stdout.decode().strip()\n")
        self.assertEqual(program.get("[call(), call(preexec_fn=lambda: None), call(close_fds=False),"
                                     " call(start_new_session=True), call(env={})]"), ["True"] * 4 + ["False"])
        self.assertEqual(program.end(), (0, ""))

    def test_exec(self):
        folder = self.folder(main="""
import os, sys
if len(sys.argv) < 2:
    os.execv(sys.executable, [sys.executable, "main.py", "again"])
import memshed
def link(x):
    try:
        return os.readlink("/proc/self/fd/" + x)
    except OSError:
        return ""
print(len([x for x in os.listdir("/proc/self/fd") if "memshed-table" in link(x)]))
""")
        done = run("main.py", cwd=folder)
        self.assertEqual((done.stdout, done.stderr), ("1\n", ""))

    def test_closing_all_descriptors(self):
        """As daemons do: nobody can look any more, but the program does not notice."""
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f")
        program.do("os.closerange(3, 4096)\nfor i in range(2000): f(i)\n"
                   "pid = os.fork()\nif pid == 0: os._exit(5)\n")
        self.assertEqual(program.get("os.waitpid(pid, 0)[1] >> 8"), 5)
        self.assertEqual(program.end(), (0, ""))


if __name__ == "__main__":
    unittest.main()
