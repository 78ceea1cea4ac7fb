# SPDX-License-Identifier: MIT
"""Pythons that the adapter does not get into by PYTHONPATH: what is said of them, and the cure."""

import json
import os
import shutil
import subprocess
import sys
import time
import unittest

import support
from support import environment, run, tool, wait_for

WAIT = "import sys\nprint('ready', flush=True)\nsys.stdin.read()"


class Watch(support.TestCase):
    """A program below `memshed run`, which lives until its standard input ends."""

    def watch(self, *command, **env):
        folder = self.folder()
        self.journal = os.path.join(folder, "journal")
        process = subprocess.Popen([support.TOOL, "run", "--journal", self.journal, "--", *command],
                                   env=environment(with_memshed=False, **env), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def end(self, process):
        if process.poll() is None:
            process.communicate("", timeout=support.PATIENCE)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()

    def events(self, kind):
        with open(self.journal) as lines:
            return [event for event in map(json.loads, lines) if event["event"] == kind]

    def said(self, *command, **env):
        """The obstacle that is named, once, in the journal and on stderr; and by `show`."""
        process = self.watch(*command, **env)
        event = wait_for(lambda: self.events("unloaded"), "a word on the adapter")[0]
        shown = tool("show", event["pid"])
        self.assertNotEqual(shown.returncode, 0)
        self.assertIn("runs without the adapter for Python: ", shown.stderr)
        errors = process.communicate("", timeout=support.PATIENCE)[1]
        self.assertEqual(errors.count("runs without the adapter for Python"), 1, errors)
        return event["obstacle"]


class Watched(Watch):
    def test_the_reasons(self):
        folder = self.folder(sitecustomize="")
        python = sys.executable
        self.assertEqual(self.said("env", "PYTHONPATH=/nowhere", python, "-c", WAIT), "path")
        self.assertEqual(self.said("env", "-i", python, "-c", WAIT), "path")
        self.assertEqual(self.said("sh", "-c", 'PYTHONPATH=%s:$PYTHONPATH exec "$@"' % folder, "sh", python, "-c",
                                   WAIT), "behind")
        self.assertEqual(self.said(python, "-I", "-c", WAIT), "isolated")
        self.assertEqual(self.said(python, "-uE", "-c", WAIT), "no-environment")
        self.assertEqual(self.said(python, "-W", "ignore", "-S", "-c", WAIT), "no-site")

    def test_options_of_the_program_are_none(self):
        """Nor is anything said of a Python with the adapter, a program that is none, or one of another name."""
        self.watch(sys.executable, "-c", WAIT, "-I")
        wait_for(lambda: self.events("target"), "its table")
        process = self.watch("sh", "-c", "echo ready; read line")
        began = time.monotonic()
        # Long after a word was due: the program decides when it ends.
        wait_for(lambda: time.monotonic() - began > 3)
        process.communicate("", timeout=support.PATIENCE)
        self.assertEqual(self.events("unloaded"), [])

    def test_once_for_a_program(self):
        text = "import subprocess, sys\n" \
               "c = [subprocess.Popen([sys.executable, '-I', '-c', 'input()'], stdin=subprocess.PIPE) for i in range(5)]\n" \
               "print('ready', flush=True)\nsys.stdin.read()\n[p.communicate(b'x\\n') for p in c]"
        process = self.watch(sys.executable, "-I", "-c", text)
        wait_for(lambda: self.events("unloaded"), "a word on the adapter")
        began = time.monotonic()
        wait_for(lambda: time.monotonic() - began > 2)
        process.communicate("", timeout=support.PATIENCE)
        self.assertEqual(len(self.events("unloaded")), 1)

    def test_old_pythons(self):
        for python in os.environ.get("MEMSHED_OLD_PYTHONS", "").split():
            with self.subTest(python):
                self.assertEqual(self.said(python, "-c", "import sys\nprint('ready')\nsys.stdout.flush()\n"
                                           "sys.stdin.read()"), "version")

    def test_another_user(self):
        if os.getuid() != 0 or not shutil.which("setpriv"):
            self.skipTest("only root can become another user")
        done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", sys.executable, "-c", ""])
        if done.returncode:
            self.skipTest("another user cannot run this Python")
        self.assertEqual(self.said("setpriv", "--reuid", "65534", "--clear-groups", "env", "-i", sys.executable, "-c",
                                   WAIT), "path")


class Enabled(Watch):
    """memshed.pth in a virtual environment."""

    def setUp(self):
        self.home = os.path.join(self.folder(), "env")
        made = run("-m", "venv", "--without-pip", self.home, with_memshed=False)
        if made.returncode:
            self.skipTest("no venv here: " + made.stderr)
        self.python = os.path.join(self.home, "bin", "python")
        self.manage("enable")

    def manage(self, verb):
        done = run("-m", "memshed", verb, program=self.python)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def reached(self, *command):
        process = self.watch(*command)
        wait_for(lambda: self.events("target"), "its table")
        process.communicate("", timeout=support.PATIENCE)
        self.assertEqual(self.events("unloaded"), [])

    def test_it_is_loaded_whatever_the_environment_is(self):
        self.reached(self.python, "-I", "-c", WAIT)
        self.reached("env", "-i", self.python, "-c", WAIT)
        self.reached("env", "PYTHONPATH=/nowhere", self.python, "-c", WAIT)
        self.reached(self.python, "-c", WAIT)

    def test_nothing_without_memshed_run(self):
        text = "import sys; print([m for m in sys.modules if 'memshed' in m], sys.path)"
        enabled = run("-c", text, program=self.python, with_memshed=False)
        self.manage("disable")
        plain = run("-c", text, program=self.python, with_memshed=False)
        self.assertEqual((enabled.returncode, enabled.stdout, enabled.stderr), (0, plain.stdout, plain.stderr))
        self.assertTrue(plain.stdout.startswith("[] "))

    def test_the_program_is_as_it_was(self):
        text = "import sys; print('memshed' in sys.modules, sys.path, 'sitecustomize' in sys.modules)"
        done = subprocess.run([support.TOOL, "run", "-q", "--", self.python, "-I", "-c", text],
                              env=environment(with_memshed=False), stdout=subprocess.PIPE, universal_newlines=True,
                              timeout=support.PATIENCE)
        self.manage("disable")
        plain = run("-I", "-c", text, program=self.python, with_memshed=False)
        self.assertEqual(done.stdout, plain.stdout.replace("False", "True", 1))

    def test_disable(self):
        self.manage("disable")
        self.assertEqual(self.said(self.python, "-I", "-c", WAIT), "isolated")


if __name__ == "__main__":
    unittest.main()
