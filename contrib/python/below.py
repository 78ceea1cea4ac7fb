# SPDX-License-Identifier: MIT
# below.py - start memshed in a program that runs below `memshed run`, whatever its environment is.
#
# `python -m memshed enable` writes a line that runs this file into the site-packages folder of a Python. It is
# run at the start of every program, also with -I and -E, and where PYTHONPATH was replaced or sudo has removed it.
# Where the program does not run below `memshed run` nothing happens. `here` is this file's folder.


def _is_below():
    import os

    if os.environ.get("MEMSHED_SOCKET"):
        return True
    pid = os.getppid()
    for turn in range(64):
        try:
            with open("/proc/%d/stat" % pid, "rb") as stat:
                text = stat.read()
        except OSError:
            return False
        if text[text.index(b"(") + 1:text.rindex(b")")] == b"memshed-run":
            return True
        pid = int(text[text.rindex(b")") + 1:].split()[1])
        if pid == 0:
            return False
    return False


def _start(here):
    import sys

    if sys.version_info < (3, 8) or sys.implementation.name != "cpython" or not _is_below():
        return
    sys.path.insert(0, here)
    try:
        import memshed

        memshed.start()
    except Exception as error:
        import os

        if os.environ.get("MEMSHED_DEBUG"):
            sys.stderr.write("memshed: cannot start in Python, pid %d: %s: %s\n" % (
                os.getpid(), type(error).__name__, error))
    sys.path.remove(here)
    for entry in list(sys.path_importer_cache):
        if (entry + "/").startswith(here + "/"):
            del sys.path_importer_cache[entry]


_start(here)
