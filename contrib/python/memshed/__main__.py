# SPDX-License-Identifier: MIT
"""python -m memshed enable|disable: have every program of this Python load memshed below `memshed run`."""

import os
import sys
import sysconfig

NAME = "memshed.pth"


def enable(path):
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    script = os.path.join(here, "below.py")
    with open(path, "w") as out:
        out.write("import os; os.path.exists(%r) and exec(compile(open(%r).read(), %r, 'exec'), {'here': %r})\n" % (
            script, script, script, here))
    print("memshed: %s: programs of %s load memshed below `memshed run`" % (path, sys.executable))


def disable(path):
    if os.path.exists(path):
        os.remove(path)
    print("memshed: %s: removed" % path)


def main(args):
    verbs = {"enable": enable, "disable": disable}
    if len(args) != 1 or args[0] not in verbs:
        sys.exit("Usage: python -m memshed enable|disable")
    path = os.path.join(sysconfig.get_path("purelib"), NAME)
    try:
        verbs[args[0]](path)
    except OSError as error:
        sys.exit("memshed: cannot write %s: %s" % (path, error.strerror))


if __name__ == "__main__":
    main(sys.argv[1:])
