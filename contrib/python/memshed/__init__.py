# SPDX-License-Identifier: MIT
"""Show the caches of this program, and shrink them when memory runs short.

Under ``memshed run -- python3 job.py`` nothing has to be called: every functools.lru_cache is known.
register() makes any other cache known; start() does by hand what ``memshed run`` does.
"""

import sys as _sys

if "t" in getattr(_sys, "abiflags", "") or hasattr(_sys, "getobjects"):
    raise ImportError("this CPython has no GIL or traces references: memshed cannot run in it")

from memshed._memshed import Cache, start, stop, version
from memshed import _memshed

# Fatal errors list the extension modules that are named here.
_sys.modules.pop("memshed._memshed", None)

__all__ = ["Cache", "register", "start", "stop", "version"]
__version__ = version

_MAY_IO = 1
_ESTIMATED = 2
_MANUAL = 4


def register(name, *, clear=None, shrink=None, size=None, entries=None, kind="other", priority=0,
             cost_us=0, may_io=False, estimated=False, manual=False):
    """Make a cache known and return its handle, a Cache.

    clear() drops everything. shrink(target_bytes) drops about that much, 0 meaning everything, and
    returns the bytes freed, or None if it does not know. One of the two is needed.
    size() returns the bytes held, entries() their number; both are called about once a second.
    Without them use the handle's charge() and uncharge().

    kind: "memo", "buffer", "file", "index", "code" or "other". priority: -1000 to 1000, lower is
    dropped earlier. cost_us: the time to make one entry again, in microseconds. may_io: clear or
    shrink may do I/O. estimated: size() is an estimate. manual: only a person may have it shrunk.

    The callables run in another thread, one at a time, with the GIL. They should not wait for locks.
    The cache, and what the callables refer to, stay until the handle's unregister().
    """
    flags = (_MAY_IO if may_io else 0) | (_ESTIMATED if estimated else 0) | (_MANUAL if manual else 0)
    caller = _sys._getframe(1)
    return _memshed.register(name, clear, shrink, size, entries, kind, priority, cost_us, flags,
                             caller.f_code.co_filename, caller.f_lineno)
