#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""memshed run at a terminal: ^C once, ^\\, ^Z and fg, a change of size, and a shell inside.

A pseudo-terminal with an interactive bash as the person's shell. Exit status 77: no terminal to be had.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE_S = float(os.environ.get("MEMSHED_TEST_PATIENCE", "60"))
MEMSHED = os.path.abspath("memshed")
LISTENER = os.path.abspath("tests/cli/listener")


def heed_signals():
    """The caller of the tests may have left some ignored (nohup, a background job)."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP,
                   signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """What a person sees and types."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            heed_signals()
            os.environ["PS1"] = "prompt> "
            os.environ.pop("PROMPT_COMMAND", None)
            os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.seen = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        """Wait for the pattern; forget what was seen up to its end."""
        end = time.monotonic() + PATIENCE_S
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            if time.monotonic() > end or not self.read(0.1):
                raise SystemExit(f"FAIL: waited for {pattern!r}, have {self.seen!r}")

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def command(self, line):
        self.type(line + "\n")
        self.expect(re.escape(line) + r"\s*\n")


def children_of(pid):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if entry.isdigit() and int(fields[1]) == pid:
            found.append((int(entry), fields[0]))
    return found


def end_all(pid):
    for child, _ in children_of(pid):
        end_all(child)
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


def wait_state(pid, states):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with open(f"/proc/{pid}/stat") as stat:
            if stat.read().rsplit(")", 1)[1].split()[0] in states:
                return
        time.sleep(0.02)
    raise SystemExit(f"FAIL: process {pid} never was in {states}")


def interrupts(term):
    term.command(f"{MEMSHED} run --quiet -- {LISTENER}")
    term.expect(r"ready (\d+)")
    for key, name in (("\x03", "INT"), ("\x1c", "QUIT")):
        term.type(key)
        term.expect(rf"{name} 0\r")
    fcntl.ioctl(term.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    term.expect(r"WINCH 0\r")
    # Whatever came twice would be here by now, since the command says one after the other.
    term.type("\x03")
    term.expect(r"INT 0\r")
    if re.search(r"(INT|QUIT|WINCH) 0", term.seen):
        raise SystemExit(f"FAIL: a signal came twice: {term.seen!r}")
    shell = children_of(term.pid)
    os.kill(shell[0][0], 15)
    term.expect(r"TERM 0\r")
    term.expect("prompt> ")


def status_of_interrupt(term):
    term.command(f"{MEMSHED} run --quiet -- sleep 1000")
    while not (found := children_of(term.pid)) or not children_of(found[0][0]):
        time.sleep(0.02)
    time.sleep(0.05)
    term.type("\x03")
    term.expect("prompt> ")
    term.command("echo status $?")
    term.expect(r"status 130\r")


def interrupt_ends_a_loop(term):
    """A shell that runs one job after the other: ^C ends the lot, as it does without memshed."""
    term.command(f"bash -c 'for i in 1 2 3; do {MEMSHED} run --quiet -- sh -c \"echo job $i.; exec sleep 1000\"; done;"
                 " echo went on'")
    term.expect(r"job 1\.\r")
    loop = children_of(term.pid)[0][0]
    supervisor = children_of(loop)[0][0]
    wait_state(children_of(supervisor)[0][0], "S")
    term.type("\x03")
    match = term.expect(r"(job 2|went on|prompt> )")
    if match.group(1) != "prompt> ":
        raise SystemExit("FAIL: ^C ended one job of a loop only")


def parents_see_the_signal():
    for number, name in ((15, "TERM"), (9, "KILL"), (11, "SEGV"), (3, "QUIT")):
        pid = os.fork()
        if pid == 0:
            heed_signals()
            os.execv(MEMSHED, ["memshed", "run", "--quiet", "--", "sh", "-c", f"ulimit -c 0; kill -{name} $$"])
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != number or os.WCOREDUMP(status):
            raise SystemExit(f"FAIL: a command that died of SIG{name} is status {status:#x}")


def stop_and_continue(term):
    term.command(f"{MEMSHED} run --quiet -- sh -c 'echo begun; read line; echo got $line'")
    term.expect(r"begun\r")
    supervisor = children_of(term.pid)[0][0]
    command = children_of(supervisor)[0][0]
    term.type("\x1a")
    term.expect(r"Stopped")
    wait_state(supervisor, "T")
    wait_state(command, "T")
    term.expect("prompt> ")
    term.command("fg")
    wait_state(supervisor, "S")
    wait_state(command, "S")
    term.type("hello\n")
    term.expect(r"got hello\r")
    term.expect("prompt> ")


def background_read(term):
    """A command in the background that reads the terminal is stopped, and the shell is told."""
    term.command(f"{MEMSHED} run --quiet -- sh -c 'read line; echo got $line' &")
    term.expect("prompt> ")
    supervisor = children_of(term.pid)[0][0]
    wait_state(supervisor, "T")
    term.command("fg")
    term.type("again\n")
    term.expect(r"got again\r")
    term.expect("prompt> ")


def daemon_left_behind(term):
    """The command has gone to the background: ^Z stops memshed, ^C reaches the daemon outside its group."""
    term.command(f"{MEMSHED} run --quiet -- {sys.executable} -c 'import os, signal; "
                 "os.fork() or (os.setsid(), signal.signal(2, signal.SIG_DFL), print(\"up\", os.getpid()), "
                 "signal.pause())'")
    daemon = int(term.expect(r"up (\d+)\r").group(1))
    supervisor = children_of(term.pid)[0][0]
    while children_of(supervisor) != [(daemon, "S")]:
        time.sleep(0.02)
    term.type("\x1a")
    term.expect(r"Stopped")
    term.expect("prompt> ")
    wait_state(daemon, "S")
    term.command("fg")
    wait_state(supervisor, "S")
    term.type("\x03")
    term.expect("prompt> ")
    term.command("echo status $?")
    term.expect(r"status 0\r")
    if os.path.exists(f"/proc/{daemon}"):
        raise SystemExit("FAIL: the daemon is still there")


def shell_inside(term):
    """An interactive shell takes the terminal for its own jobs; its ^Z does not reach memshed."""
    term.command(f"PS1='inner> ' {MEMSHED} run --quiet -- bash --norc --noprofile --noediting -i")
    term.expect("inner> ")
    term.command("sleep 1000")
    inner = children_of(children_of(term.pid)[0][0])[0][0]
    while not children_of(inner):
        time.sleep(0.02)
    time.sleep(0.05)
    term.type("\x1a")
    term.expect("Stopped")
    term.expect("inner> ")
    wait_state(children_of(term.pid)[0][0], "S")
    stopped = children_of(inner)[0][0]
    os.kill(stopped, 9)
    while os.path.exists(f"/proc/{stopped}"):
        time.sleep(0.02)
    term.command("exit 5")
    term.expect("prompt> ")
    term.command("echo status $?")
    term.expect(r"status 5\r")


def main():
    parents_see_the_signal()
    try:
        term = Terminal()
    except OSError as error:
        print(f"skipped: no pseudo-terminal: {error}", file=sys.stderr)
        sys.exit(77)
    try:
        term.expect("prompt> ")
        for test in (interrupts, status_of_interrupt, interrupt_ends_a_loop, stop_and_continue, background_read,
                     daemon_left_behind, shell_inside):
            test(term)
        # The person hangs up: everything that is still there is told.
        term.command(f"{MEMSHED} run --quiet -- sleep 1000")
        while not (found := children_of(term.pid)) or not children_of(found[0][0]):
            time.sleep(0.02)
        supervisor = found[0][0]
        os.close(term.fd)
        end = time.monotonic() + PATIENCE_S
        while os.path.exists(f"/proc/{supervisor}") and time.monotonic() < end:
            time.sleep(0.02)
        if os.path.exists(f"/proc/{supervisor}"):
            raise SystemExit("FAIL: memshed outlived the terminal")
    finally:
        end_all(term.pid)
        os.waitpid(term.pid, 0)


main()
