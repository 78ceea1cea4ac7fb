# SPDX-License-Identifier: MIT
# sitecustomize.py - start memshed in a Python program that was not written for it.
#
# `memshed run` puts this directory first on PYTHONPATH, and site imports this file at start-up. It
# starts memshed where it can, takes the directory off sys.path (children find it on PYTHONPATH), and
# imports the sitecustomize that would have been imported without it. Where there is none, the
# import fails as it would have failed. The text is valid for every Python since 2.7; below 3.8 and
# outside CPython it only imports the other one.


def _start():
    import sys

    if sys.version_info < (3, 8) or sys.implementation.name != "cpython":
        return
    try:
        import memshed

        memshed.start()
    except Exception as error:
        import os

        if os.environ.get("MEMSHED_DEBUG"):
            sys.stderr.write("memshed: cannot start in Python, pid %d: %s: %s\n" % (
                os.getpid(), type(error).__name__, error))


def _step_aside():
    import os
    import sys

    here = os.path.dirname(os.path.abspath(__file__))
    for entry in list(sys.path):
        if os.path.abspath(entry) == here:
            sys.path.remove(entry)
    for entry in list(sys.path_importer_cache):
        if (entry + os.sep).startswith(here + os.sep):
            del sys.path_importer_cache[entry]


_start()
_step_aside()
# Kept by this name: a module that nothing refers to loses its globals, in old Pythons at once.
_memshed_module = __import__("sys").modules.pop("sitecustomize", None)
import sitecustomize
