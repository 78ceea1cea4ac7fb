# SPDX-License-Identifier: MIT
"""What the adapter's tests share: programs with and without memshed, and the tool's view of them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = os.environ.get("MEMSHED_TOOL", "memshed")
ADAPTER = os.environ["MEMSHED_ADAPTER"]
PATIENCE = 60.0
ADDRESS = re.compile("0x[0-9a-f]+|started [0-9]+")

# Runs statements and expressions that come as lines of JSON, in the main thread of an idle program.
DRIVER = r"""
import json, sys
scope = {"__name__": "__main__"}
print("ready", flush=True)
for line in iter(sys.stdin.readline, ""):
    kind, text = json.loads(line)
    answer = eval(text, scope) if kind == "eval" else exec(compile(text, "program.py", "exec"), scope)
    print(json.dumps(answer), flush=True)
"""


def environment(with_memshed=True, **more):
    """The environment of a program. PYTHONPATH in `more` comes after the adapter's directory."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MEMSHED"))}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env.update(more)
    if with_memshed:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [ADAPTER, more.get("PYTHONPATH")]))
    return env


def run(*args, with_memshed=True, program=sys.executable, cwd=None, stdin="", env=None):
    return subprocess.run([program, *args], env=environment(with_memshed, **(env or {})), cwd=cwd,
                          input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=PATIENCE * 2)


def wait_for(condition, what="a condition"):
    """The first true value of condition(); waits for it as long as the machine may need."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %g s for %s in vain" % (PATIENCE, what))
        time.sleep(0.05)


def tool(*args):
    return subprocess.run([TOOL, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=PATIENCE)


def caches(pid):
    """The caches of a process by name; of several with one name, the last."""
    shown = tool("show", pid, "--json")
    if shown.returncode != 0:
        return {}
    return {cache["name"]: cache for cache in json.loads(shown.stdout)["caches"]}


def cache_when(pid, name, condition=lambda cache: True):
    """The cache, once it is registered and as it should be."""
    def look():
        cache = caches(pid).get(name)
        try:
            return cache if cache and condition(cache) else None
        except TypeError:  # not counted yet: its numbers are null
            return None
    return wait_for(look, "cache %s of %d" % (name, pid))


def order(verb, pid, *args):
    """Clear or shrink by the tool. Its answer for the one cache, or a list of several."""
    done = tool(verb, pid, *args, "--json")
    assert done.stdout, done.stderr
    caches = json.loads(done.stdout)["caches"]
    return caches[0] if len(caches) == 1 else caches


class Program:
    """A child of this interpreter's, with memshed, that does what it is told."""

    def __init__(self, text="", **env):
        self.process = subprocess.Popen([sys.executable, "-c", DRIVER], env=environment(**env),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, universal_newlines=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n", self.process.stderr.read()
        if text:
            self.do(text)

    def _ask(self, kind, text):
        self.process.stdin.write(json.dumps([kind, text]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the program ended: " + self.process.stderr.read())
        return json.loads(line)

    def do(self, text):
        return self._ask("exec", text)

    def get(self, text):
        return self._ask("eval", text)

    def end(self):
        """Let it end by itself. (exit status, what it wrote to stderr)"""
        try:
            errors = self.process.communicate(timeout=PATIENCE)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, errors


class TestCase(unittest.TestCase):
    maxDiff = None

    def program(self, text="", **env):
        program = Program(text, **env)
        self.addCleanup(self._end, program)
        return program

    def _end(self, program):
        if program.process.poll() is None:
            program.process.kill()
        program.process.wait()
        for stream in (program.process.stdin, program.process.stdout, program.process.stderr):
            stream.close()

    def folder(self, **files):
        """A temporary directory with files: name without .py = text."""
        path = tempfile.mkdtemp(prefix="memshed-test-")
        self.addCleanup(shutil.rmtree, path)
        for name, text in files.items():
            with open(os.path.join(path, name + ".py"), "w") as out:
                out.write(text)
        return path

    def assertSame(self, *args, **kwargs):
        """A program does and says the same with and without memshed. Returns what it did."""
        plain = run(*args, with_memshed=False, **kwargs)
        ours = run(*args, with_memshed=True, **kwargs)
        self.assertEqual(*([(done.returncode, ADDRESS.sub("0x", done.stdout), ADDRESS.sub("0x", done.stderr))
                            for done in (plain, ours)]))
        return ours
