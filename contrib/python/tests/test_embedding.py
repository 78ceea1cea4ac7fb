# SPDX-License-Identifier: MIT
"""Programs that embed Python, keep the GIL, and fork by C code that the interpreter is not told of."""

import os
import select
import subprocess
import sys
import sysconfig
import unittest

import support
from support import cache_when, caches, environment, order, wait_for

EMBEDDING = os.environ.get("MEMSHED_EMBEDDING", "")
LIBRARY = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("MULTIARCH") or "",
                       sysconfig.get_config_var("INSTSONAME") or "")
if not os.path.exists(LIBRARY):
    LIBRARY = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
CACHED = ("import functools, os, sys, time; f = functools.lru_cache(maxsize=None)(lambda x: [x] * 100); "
          "any(f(i) is None for i in range(1000))")


class Host:
    """The program, which does as it is told. After a fork the child does."""

    def __init__(self):
        self.process = subprocess.Popen([EMBEDDING, LIBRARY], env=environment(), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)
        self.text = b""
        self.pid = int(self.answer().split()[1])

    def answer(self):
        """Its next line. Fails where it would wait for ever."""
        while b"\n" not in self.text:
            assert select.select([self.process.stdout], [], [], support.PATIENCE)[0], "the program hangs"
            text = os.read(self.process.stdout.fileno(), 4096)
            assert text, "the program ended"
            self.text += text
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def run(self, text):
        self.tell("run " + text)
        answer = self.answer()
        assert answer == "done", answer

    def get(self, text):
        self.tell("run print(%s, flush=True)" % text)
        value = self.answer()
        assert self.answer() == "done"
        return value

    def fork(self, how="fork"):
        self.tell(how)
        word, pid = self.answer().split()
        assert word == "child"
        return int(pid)

    def end(self):
        self.process.stdin.close()
        return self.process.wait(support.PATIENCE)


@unittest.skipUnless(EMBEDDING and os.path.isfile(LIBRARY) and ".so" in LIBRARY,
                     "no shared library of this Python to embed")
class Embedding(support.TestCase):
    def host(self):
        host = Host()

        def end():
            if host.process.poll() is None:
                subprocess.run(["pkill", "-KILL", "-P", str(host.process.pid)])
                host.process.kill()
            host.process.wait()
            host.process.stdout.close()
            host.process.stdin.close()
        self.addCleanup(end)
        host.run(CACHED)
        return host

    def counted(self, host, pid, entries):
        """Where the GIL is kept the agent counts while something is evaluated."""
        def look():
            host.get("f(0)[0]")
            cache = caches(pid).get("__main__.f") or caches(pid).get("__main__.<lambda>")
            return cache and cache["entries"] == entries and cache
        return wait_for(look, "the cache to be counted")

    def clear(self, host, pid):
        """An order is answered while something is evaluated."""
        tool = subprocess.Popen([support.TOOL, "clear", str(pid), "--json"], stdout=subprocess.PIPE)
        while tool.poll() is None:
            host.get("f(0)[0]")
        tool.stdout.close()
        return tool.returncode

    def test_the_caches_are_reached(self):
        host = self.host()
        self.counted(host, host.pid, 1000)
        wait_for(lambda: self.clear(host, host.pid) == 0, "an order to be carried out")
        self.assertLess(int(host.get("f.cache_info()[3]")), 1000)
        self.assertEqual(host.end(), 0)

    def test_busy_while_the_gil_is_kept(self):
        """The program works in C: the agent comes back empty-handed, and leaves nothing behind."""
        host = self.host()
        host.tell("hold 3000")
        answers = order("clear", host.pid)
        answers = answers if isinstance(answers, list) else [answers]
        self.assertIn("busy", {answer["status"] for answer in answers})
        self.assertEqual(host.answer(), "held")
        self.assertEqual(host.get("f.cache_info()[3]"), "1000")
        self.assertEqual(host.end(), 0)

    @unittest.skipIf((3, 12) <= sys.version_info < (3, 13), "3.12 does not show that its GIL is free")
    def test_free_gil(self):
        host = self.host()
        host.tell("release 3000")
        wait_for(lambda: self.tool_clears(host.pid), "an order to be carried out")
        self.assertEqual(host.answer(), "released")
        self.assertEqual(host.get("f.cache_info()[3]"), "0")
        self.assertEqual(host.end(), 0)

    def tool_clears(self, pid):
        return support.tool("clear", pid).returncode == 0

    def test_a_child_does_not_hang(self):
        """The agent looks five times a second: it has wanted the GIL when the program forks."""
        for turn in range(5):
            host = self.host()
            host.tell("hold 700")
            self.assertEqual(host.answer(), "held")
            host.fork()
            self.assertEqual(host.get("sum(f(i)[0] for i in range(2000, 2010)) + len(f(0))"), "20145")
            self.assertEqual(host.end(), 0)

    def test_the_child_is_reached(self):
        host = self.host()
        self.counted(host, host.pid, 1000)
        host.run("any(f(i) is None for i in range(1000, 1100))")
        child = host.fork()
        host.run("f(-1)")
        self.counted(host, child, 1101)
        wait_for(lambda: self.clear(host, child) == 0, "an order to be carried out")
        self.assertLess(int(host.get("f.cache_info()[3]")), 1101)
        self.assertEqual(host.end(), 0)

    def test_children_of_children(self):
        host = self.host()
        host.fork()
        host.run("f(-1)")
        child = host.fork()
        host.run("f(-2)")
        self.counted(host, child, 1002)
        self.assertEqual(host.end(), 0)

    def test_fork_without_the_gil(self):
        """Not while the agent has it: the child could never have it again."""
        for turn in range(5):
            host = self.host()
            host.fork("releasefork")
            self.assertEqual(host.get("len(f(0))"), "100")
            self.assertEqual(host.end(), 0)


class Request(support.TestCase):
    def test_a_request_that_was_copied(self):
        """An ordinary program in which C code forks while the agent waits for the GIL: fork() itself is made to take so
        long, by a handler that sleeps until a signal comes."""
        program = self.program("import functools, os, ctypes, signal, time\nf = functools.lru_cache(None)(lambda x: [x])\n"
                               "any(f(i) is None for i in range(1000))\nlibc = ctypes.PyDLL(None)\n"
                               "signal.signal(signal.SIGALRM, lambda *args: None)\n")
        cache_when(program.pid, "__main__.<lambda>")
        program.do("libc.__register_atfork(ctypes.cast(libc.pause, ctypes.c_void_p), None, None, None)\n"
                   "for turn in range(3):\n"
                   "    f(turn + 5000)\n"
                   "    signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
                   "    pid = libc.fork()\n"
                   "    if pid == 0:\n"
                   "        total = sum(f(i)[0] for i in range(3000, 3010))\n"
                   "        libc._exit(total % 251)\n"
                   "    end = time.monotonic() + 30\n"
                   "    while True:\n"
                   "        done, status = os.waitpid(pid, os.WNOHANG)\n"
                   "        if done: break\n"
                   "        assert time.monotonic() < end, os.kill(pid, 9) or 'the child hangs'\n"
                   "        time.sleep(0.01)\n"
                   "    assert os.WEXITSTATUS(status) == 30045 % 251, status\n")
        self.assertEqual(program.end(), (0, ""))


if __name__ == "__main__":
    unittest.main()
