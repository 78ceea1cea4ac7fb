# SPDX-License-Identifier: MIT
"""Any program does, says and ends the same with and without memshed."""

import os
import signal
import subprocess
import sys
import unittest

import support
from support import ADAPTER, cache_when, run

class Fails(support.TestCase):
    def test_the_same_way(self):
        for text, status in (
                ("1/0", 1),
                ("def f():\n  raise KeyError('x')\ntry:\n  f()\nexcept KeyError as e:\n  raise ValueError from e", 1),
                ("import sys; sys.exit(3)", 3),
                ("import sys; sys.exit('message')", 1),
                ("raise SystemExit", 0),
                ("import os; print(1); os._exit(7)", 7),
                ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
                ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
                ("import os; os.abort()", -6),
                ("def f(): f()\nf()", 1),
                ("import functools\n@functools.lru_cache(None)\ndef f(x): return f(x + 1)\nf(0)", 1),
                ("import nothing_of_that_name", 1),
                ("class C:\n  def __del__(self): raise ValueError('x')\nC()\nc = C()", 0),
                ("x = [", 1),
                ("import warnings; warnings.warn('w'); warnings.warn('d', DeprecationWarning)", 0),
                ("import atexit, sys\natexit.register(print, 'first')\natexit.register(lambda: 1/0)\n"
                 "atexit.register(sys.exit, 4)", 0),
                ("import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()", 0),
                ("import threading\nthreading.Thread(target=lambda: 1/0).start()", 0),
        ):
            with self.subTest(text):
                self.assertEqual(self.assertSame("-c", text).returncode, status)

    def test_interrupted(self):
        def stat(pid):
            with open("/proc/%d/stat" % pid) as stat:
                return stat.read().rpartition(")")[2].split()

        def sleeps(pid):
            return stat(pid)[0] == "S"

        def spins(pid, seen={}):
            ticks = sum(map(int, stat(pid)[11:13]))
            return ticks >= seen.setdefault(pid, ticks) + 5

        for text, there in (("import time\nprint(1, flush=True)\ntime.sleep(1000)", sleeps),
                            ("print(1, flush=True)\nwhile 1: pass", spins)):
            ends = []
            for with_memshed in False, True:
                # A shell's background job, as this may be one of, ignores the signal.
                process = subprocess.Popen([sys.executable, "-c", text], env=support.environment(with_memshed),
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
                self.addCleanup(process.stdout.close)
                self.addCleanup(process.stderr.close)
                self.addCleanup(process.kill)
                process.stdout.readline()
                support.wait_for(lambda: there(process.pid), "it to get there")
                process.send_signal(signal.SIGINT)
                process.wait(support.PATIENCE)
                ends.append((process.stderr.read(), process.returncode))
            self.assertEqual(ends[0], ends[1])
            self.assertIn(b"KeyboardInterrupt", ends[0][0])

    def test_files_and_modules(self):
        folder = self.folder(bad="x = 1\nif x\n", tail="import sys\nprint(sys.argv, __name__)\n1/0\n",
                             test_it="import unittest\nclass T(unittest.TestCase):\n"
                             "  def test_a(self): self.assertTrue(0)\n  def test_b(self): pass\n")
        for args in (["bad.py"], ["tail.py", "a", "b"], ["-m", "tail", "a"], ["-m", "bad"], ["-m", "none"],
                     ["none.py"], ["-c", "import bad"], ["-m", "pdb", "tail.py"], ["-q"], ["-"], ["-OO", "tail.py"],
                     ["-X", "dev", "tail.py"], ["-W", "error", "tail.py"], ["-b", "tail.py"], ["-u", "tail.py"],
                     ["-m", "functools"], ["-m", "timeit", "-n", "1", "-r", "1", "-u", "none"], ["-V"], ["-z"]):
            with self.subTest(args):
                self.assertSame(*args, cwd=folder, stdin="c\nq\n" if "pdb" in args else "print(1)\n1/0\n")
        plain, ours = (run("-m", "unittest", "test_it", cwd=folder, with_memshed=w) for w in (False, True))
        self.assertEqual((plain.returncode, len(plain.stderr.splitlines())),
                         (ours.returncode, len(ours.stderr.splitlines())))


class Sees(support.TestCase):
    def test_the_same_world(self):
        for text in ("import sys; print(sys.path, sys.argv, sys.flags, sys.meta_path[1:] and 1)",
                     "import sys; print(sorted(x for x in sys.modules if 'memshed' not in x and"
                     " x not in ('atexit', 'gc')))",
                     "import threading; print(threading.enumerate(), threading.active_count())",
                     "import sys; print(len(sys._current_frames()), sys.getrecursionlimit())",
                     "import sys; print('sitecustomize' in sys.modules, sys.path_importer_cache.keys())",
                     "import sitecustomize",
                     "import gc; print(gc.callbacks == [] or len(gc.callbacks), gc.garbage, gc.isenabled())",
                     "import warnings; print(warnings.filters)",
                     "import signal; print([signal.getsignal(s) for s in range(1, 32)])",
                     "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
                     "import os; print(sorted(os.environ.keys() - {'PYTHONPATH'}))",
                     "import builtins; print(dir(builtins))",
                     "f = open('/dev/null'); import fcntl; print(fcntl.fcntl(f, fcntl.F_GETFD))",
                     "import sys; print(sys.gettrace(), sys.getprofile(), sys.getswitchinterval())"):
            if "gc.callbacks" in text and sys.version_info < (3, 9):
                continue
            with self.subTest(text):
                self.assertSame("-c", text)

    def test_its_own_modules(self):
        """A file of the program comes before the standard library's, as without memshed."""
        for name in "keyword", "operator", "reprlib", "collections", "functools", "types", "gc", "heapq", "copy":
            folder = self.folder(**{name: "print('mine')\n"})
            with self.subTest(name):
                for text in "import " + name, "import functools", "import re", "import typing":
                    with open(os.path.join(folder, "main.py"), "w") as out:
                        out.write(text + "\n")
                    self.assertSame("main.py", cwd=folder)

    def test_fork_warning(self):
        for flags in ([], ["-W", "error"], ["-W", "always"], ["-X", "dev"]):
            self.assertSame(*flags, "-c", "import os, logging, threading, random\n"
                            "os.register_at_fork(after_in_parent=lambda: [str(x) for x in range(100)])\n"
                            "for i in range(20):\n  if os.fork() == 0: os._exit(0)\n"
                            "  os.wait()\nprint('done')")

    def test_where_site_does_not_start_it(self):
        for flag, on_path in ("-I", 0), ("-E", 0), ("-S", 1):
            done = run(flag, "-c", "import sys; print([x for x in sys.modules if 'memshed' in x], %r in sys.path)" % ADAPTER)
            self.assertEqual(done.stdout, "[] %s\n" % bool(on_path))

    def test_import_time(self):
        self.assertEqual(run("-X", "importtime", "-c", "import functools").returncode, 0)
        self.assertEqual(run("-v", "-c", "import functools").returncode, 0)


class Customized(support.TestCase):
    def test_sitecustomize(self):
        folder = self.folder(sitecustomize="import sys\nprint(__name__, __file__, __spec__, __loader__, __cached__)\n"
                             "print(sys.path)\nsys.customized = 1\nimport functools\n"
                             "@functools.lru_cache\ndef f(x): pass\n")
        done = self.assertSame("-c", "import sys, sitecustomize\nprint(sys.customized, sitecustomize,"
                               "sys.modules['sitecustomize'] is sitecustomize, dir(sitecustomize))",
                               env={"PYTHONPATH": folder})
        self.assertIn(folder, done.stdout)

    def test_failing_sitecustomize(self):
        for text in ("1/0", "import nothing_of_that_name", "x = [", "import sys; sys.exit(5)",
                     "raise ImportError('no', name='sitecustomize')", "raise KeyboardInterrupt"):
            folder = self.folder(sitecustomize=text + "\n")
            with self.subTest(text):
                plain, ours = (run("-c", "import sys; print('sitecustomize' in sys.modules)", with_memshed=w,
                                   env={"PYTHONPATH": folder}) for w in (False, True))
                self.assertEqual((plain.returncode, plain.stdout), (ours.returncode, ours.stdout))
                # A traceback through site shows the way by which it got there.
                self.assertEqual(plain.stderr.splitlines()[-1:], ours.stderr.splitlines()[-1:])

    def test_usercustomize(self):
        base = self.folder()
        site = run("-c", "import site; print(site.getusersitepackages())",
                   env={"PYTHONUSERBASE": base}).stdout.strip()
        os.makedirs(site)
        with open(os.path.join(site, "usercustomize.py"), "w") as out:
            out.write("print('user', __file__)\n")
        done = self.assertSame("-c", "print(1)", env={"PYTHONUSERBASE": base})
        self.assertIn("user", done.stdout)

    def test_virtual_environment(self):
        folder = self.folder()
        made = run("-m", "venv", "--without-pip", os.path.join(folder, "env"), with_memshed=False)
        if made.returncode:
            self.skipTest("no venv here: " + made.stderr)
        python = os.path.join(folder, "env", "bin", "python")
        self.assertSame("-c", "import sys; print(sys.prefix, sys.path, sys.executable)", program=python)
        done = run("-c", "import memshed, sys; print(sys.prefix)", program=python)
        self.assertEqual((done.stdout.strip(), done.stderr), (os.path.join(folder, "env"), ""))

    def test_zipapp(self):
        folder = self.folder(__main__="import sys, other\nprint(sys.argv[1:], __file__, other.__spec__.loader)\n1/0\n",
                             other="import functools\n@functools.lru_cache\ndef f(x): return x\nf(1)\n")
        app = os.path.join(self.folder(), "app.pyz")
        run("-m", "zipapp", folder, "-o", app, with_memshed=False)
        self.assertEqual(self.assertSame(app, "a").returncode, 1)

    def test_a_broken_adapter_is_silent(self):
        folder = self.folder(memshed="raise ValueError('broken')\n")
        with open(os.path.join(ADAPTER, "sitecustomize.py")) as text, \
                open(os.path.join(folder, "sitecustomize.py"), "w") as out:
            out.write(text.read())
        text = "import sys; print(sys.path, 'sitecustomize' in sys.modules, 'memshed' in sys.modules)"
        plain = run("-c", text, with_memshed=False)
        broken = run("-c", text, with_memshed=False, env={"PYTHONPATH": folder})
        self.assertEqual((plain.stdout, plain.stderr), (broken.stdout, broken.stderr))
        told = run("-c", text, with_memshed=False, env={"PYTHONPATH": folder, "MEMSHED_DEBUG": "1"})
        self.assertEqual(len(told.stderr.splitlines()), 1)
        self.assertIn("ValueError: broken", told.stderr)


class Interpreters(support.TestCase):
    def test_sub_interpreters(self):
        text = """
try:
    import _interpreters as s
except ImportError:
    import _xxsubinterpreters as s
import functools
@functools.lru_cache(maxsize=None)
def f(x): return x
for turn in range(3):
    i = s.create()
    run = s.exec if hasattr(s, "exec") else s.run_string
    run(i, "import functools\\n@functools.lru_cache(maxsize=None)\\ndef g(x): return x\\n"
           "for x in range(100): g(x)\\nprint(g.cache_info())")
    f(turn)
    s.destroy(i)
print(f.cache_info())
"""
        done = self.assertSame("-c", text)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_old_pythons(self):
        """Below 3.8 nothing happens, but for the handing on."""
        folder = self.folder(sitecustomize="import sys\nsys.customized = __file__, __name__\n")
        for python in os.environ.get("MEMSHED_OLD_PYTHONS", "").split():
            with self.subTest(python):
                text = "import sys; print(sys.path, 'sitecustomize' in sys.modules, [m for m in sys.modules if" \
                       " 'memshed' in m]); print(getattr(sys, 'customized', 0)); 1/0"
                self.assertSame("-c", text, program=python)
                done = self.assertSame("-c", text, program=python, env={"PYTHONPATH": folder})
                self.assertIn(folder, done.stdout)
                self.assertIn("'sitecustomize'", done.stdout)


class Ends(support.TestCase):
    def test_while_orders_run(self):
        for text in "", "import os; os._exit(0)", "import threading, time\n" \
                "threading.Thread(target=lambda: [f(x) for x in range(10**9)], daemon=True).start()":
            program = self.program("import functools\n@functools.lru_cache(maxsize=None)\ndef f(x): return [x]\n"
                                   "for i in range(200000): f(i)")
            cache_when(program.pid, "__main__.f")
            clear = subprocess.Popen([support.TOOL, "clear", str(program.pid)], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            if text.startswith("import os"):
                self.assertRaises(AssertionError, program.do, text)
            elif text:
                program.do(text)
            self.assertEqual(program.end(), (0, ""))
            clear.wait(support.PATIENCE)

    def test_end_despite_a_stuck_callback(self):
        program = self.program("import memshed, threading\nlet_go = threading.Event()\n"
                               "c = memshed.register('stuck', clear=let_go.wait)")
        clear = subprocess.run([support.TOOL, "clear", str(program.pid), "stuck", "--timeout", "300ms"],
                               capture_output=True, timeout=support.PATIENCE)
        self.assertNotEqual(clear.returncode, 0)
        self.assertEqual(program.end(), (0, ""))

    def test_callbacks_at_exit(self):
        self.assertSame("-c", "import functools, atexit\n@functools.lru_cache(None)\ndef f(x): return x\nf(1)\n"
                        "class C:\n  def __del__(self): print('del', f(2), f.cache_info())\nc = C()\n"
                        "atexit.register(lambda: print(f.cache_info()))")


if __name__ == "__main__":
    unittest.main()
