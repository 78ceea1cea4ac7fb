# SPDX-License-Identifier: MIT
"""fork, exec, and the ways in which Python makes processes."""

import os
import sys
import unittest

import support
from support import TOOL, cache_when, caches, order, run, wait_for

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
        """fork() by C code: the child's agent takes the GIL when it is seen to be free."""
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        program.do("import ctypes\nlibc = ctypes.PyDLL(None)\nr, w = os.pipe()\n"
                               "pid = libc.fork()\n"
                               "if pid == 0:\n    f(-1); os.close(w); os.read(r, 1)\n"
                               "    libc._exit(f.cache_info()[3] % 251)\n")
        child = program.get("pid")
        left = 1001
        if sys.version_info[:2] == (3, 12):  # which does not show that
            wait_for(lambda: caches(child), "the child's table")
            self.assertEqual(order("clear", child, "__main__.f")["status"], "busy")
        else:
            cache_when(child, "__main__.f", lambda c: c["entries"] == 1001)
            self.assertEqual(order("clear", child, "__main__.f")["entries"], 1001)
            left = 0
        self.assertEqual(program.get("[os.close(w), os.waitpid(pid, 0)[1] >> 8]"), [None, left % 251])


def tasks(pid):
    return len(os.listdir("/proc/%d/task" % pid))


class WithoutThreads(support.TestCase):
    """A forked child has no thread of the agent's until it needs one."""

    def child(self, text):
        program = self.program(CACHED + "import memshed")
        cache_when(program.pid, "__main__.f", lambda c: c["entries"] == 1000)
        program.do("r, w = os.pipe()\nr2, w2 = os.pipe()\nr3, w3 = os.pipe()\npid = os.fork()\n"
                   "if pid == 0:\n    [os.close(x) for x in (w, r2, w3)]; f(5); os.write(w2, b'1'); os.read(r, 1)\n" +
                   text + "\n    os.write(w2, b'2'); os.read(r3, 1)\n    os._exit(0)\n")
        self.assertEqual(program.get("os.read(r2, 1).decode()"), "1")
        child = program.get("pid")
        self.assertEqual(tasks(child), 1)
        program.do("os.write(w, b'1')")
        self.assertEqual(program.get("os.read(r2, 1).decode()"), "2")
        return program, child

    def end(self, program):
        self.assertEqual(program.get("[os.close(w3), os.waitpid(pid, 0)[1]]"), [None, 0])
        self.assertEqual(order("clear", program.pid, "__main__.f")["status"], "done")
        self.assertEqual(program.end(), (0, ""))

    def test_hits_need_none(self):
        program, child = self.child("    for i in range(1000): f(i)")
        self.assertEqual(tasks(child), 1)
        self.end(program)

    def test_a_miss_starts_it(self):
        program, child = self.child("    f(1000)")
        self.assertGreater(tasks(child), 1)
        cache_when(child, "__main__.f", lambda c: c["entries"] == 1001)
        self.assertEqual(order("clear", child, "__main__.f")["entries"], 1001)
        self.end(program)

    def test_a_registration_starts_it(self):
        program, child = self.child("    handle = memshed.register('mine', clear=lambda: None, entries=lambda: 7)")
        self.assertGreater(tasks(child), 1)
        cache_when(child, "mine", lambda c: c["entries"] == 7)
        self.assertEqual(order("clear", child, "mine")["status"], "done")
        self.end(program)

    def test_a_start_by_hand(self):
        program, child = self.child("    memshed.start()")
        cache_when(child, "__main__.f", lambda c: c["entries"] == 1000)
        self.end(program)

    def test_a_child_that_forks_and_misses(self):
        """The grandchild needs no agent of its parent's, nor the parent one of the grandchild's."""
        program, child = self.child("    pid = os.fork()\n"
                                    "    if pid == 0: f(2000); f(2001); os._exit(f.cache_info()[3] % 251)\n"
                                    "    assert os.waitpid(pid, 0)[1] >> 8 == 1002 % 251\n")
        self.assertEqual(tasks(child), 1)
        self.end(program)

    def test_user_namespaces(self):
        """Sandboxes are set up in a forked child: unshare() of a user namespace refuses threads."""
        folder = self.folder(main=CACHED + """
import ctypes, subprocess
libc = ctypes.CDLL(None)
def sandbox():
    if libc.unshare(0x10000000): os._exit(77)
print(sum(subprocess.run(["/bin/true"], preexec_fn=sandbox).returncode == 0 for i in range(20)))
pid = os.fork()
if pid == 0: sandbox(); os._exit(0)
print(os.waitpid(pid, 0)[1] >> 8)
""")
        if run("main.py", with_memshed=False, cwd=folder).stdout != "20\n0\n":
            self.skipTest("no user namespaces here")
        done = run("run", "--quiet", "--", sys.executable, "main.py", program=TOOL, cwd=folder)
        self.assertEqual((done.stdout, done.stderr), ("20\n0\n", ""))

    def test_a_limit_of_tasks(self):
        """What fits without memshed fits with it: 40 children where 100 tasks are allowed."""
        folder = self.folder(main=CACHED + """
r, w = os.pipe()
failed, children = 0, []
for i in range(40):
    try:
        pid = os.fork()
    except OSError:
        failed += 1
        continue
    if pid == 0: os.close(w); os.read(r, 1); os._exit(0)
    children.append(pid)
os.close(r), os.close(w)
print(failed, {os.waitpid(pid, 0)[1] for pid in children})
""")
        for root in "/sys/fs/cgroup/pids", "/sys/fs/cgroup":
            group = os.path.join(root, "memshed-test-%d" % os.getpid())
            try:
                os.mkdir(group)
                self.addCleanup(os.rmdir, group)
                with open(os.path.join(group, "pids.max"), "w") as out:
                    out.write("100")
                break
            except OSError:
                continue
        else:
            self.skipTest("no cgroup with a limit of tasks can be made here")
        done = run("-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group, TOOL, "run", "--quiet", "--", sys.executable,
                   os.path.join(folder, "main.py"), program="/bin/sh")
        self.assertEqual((done.stdout, done.stderr), ("0 {0}\n", ""))

    def test_descriptors_closed_after_fork(self):
        """As daemons do. The watch knows the child all the same, and has it shrink its caches."""
        folder = self.folder(main="""
import functools, os, resource, sys, time
@functools.lru_cache(maxsize=None)
def item(n):
    end = time.perf_counter() + .001
    while time.perf_counter() < end: pass
    return os.urandom(64) * 1024
for i in range(int(sys.argv[1])):
    pid = os.fork()
    if pid: os._exit(os.waitpid(pid, 0)[1] >> 8)
os.closerange(3, 4096)
for n in range(2400): item(n)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
""")
        for forks in "1", "2":
            with self.subTest(forks):
                done = run("run", "--quiet", "--max", "60M", "--", sys.executable, "main.py", forks, program=TOOL,
                           cwd=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertLess(int(done.stdout), 120 << 10, done.stderr)


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
        """As daemons do: the table cannot be read any more, but the program does not notice."""
        program = self.program(CACHED)
        cache_when(program.pid, "__main__.f")
        program.do("os.closerange(3, 4096)\nfor i in range(2000): f(i)\n"
                   "pid = os.fork()\nif pid == 0: os._exit(5)\n")
        self.assertEqual(program.get("os.waitpid(pid, 0)[1] >> 8"), 5)
        self.assertEqual(program.end(), (0, ""))


if __name__ == "__main__":
    unittest.main()
