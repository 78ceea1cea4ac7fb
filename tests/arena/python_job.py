#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python_job.py KIND [OPTION...] - plain Python jobs for the arena, with caches that grow as fast as they can.

None of them knows memshed. Each looks at what its caches give back, says at last what it did, and on stderr how
long it made no progress at worst. A wrong value ends it with status 3.

  bytes      one cache; --size bytes a value, --total MiB in all
  arrays     the same with numpy arrays, with bytearrays where there is no numpy
  bounded    the same as bytes, with --maxsize
  small      values of many small objects; some of the program's own between them
  cycles     values that refer to themselves: only a collection frees them
  many       --count caches with names of their own, filled in turn
  instances  --count objects, each with a cache of its own; all have one name
  pinned     every other value is also held by the program, up to --held MiB
  leak       beside the cache the program leaks --held MiB
  saw        the program's own memory rises to half of --limit MiB and falls, --count times
  burst      cache of --fill MiB, --quiet seconds of rest, then --held MiB of the program's own, --count times;
             with --one in one piece
  child      the same, but a child that registers nothing takes the memory
  async      one cache behind a server of asyncio with eight clients
  pool       --count worker processes
  beside     a process with a cache of --fill MiB is stopped, or with --gil in a long call; another one's grows
  held       cache of --fill MiB, then one call that takes --held MiB while it holds the GIL
"""
import argparse
import asyncio
import concurrent.futures
import functools
import mmap
import multiprocessing
import os
import signal
import subprocess
import sys
import time

MIB = 1 << 20


class Progress:
    """The longest time between two beats."""
    last = worst = 0.0

    def beat(self):
        now = time.monotonic()
        if self.last:
            self.worst = max(self.worst, now - self.last)
        self.last = now

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.02)
        self.last = time.monotonic()


progress = Progress()


def check(condition):
    if not condition:
        print("python_job: a cached value is not what it was made as", file=sys.stderr)
        sys.exit(3)


def make_bytes(key, size):
    return bytes([key & 255]) * size


def check_bytes(value, key, size):
    check(len(value) == size and value[0] == value[-1] == key & 255)


def cache_of(make, size, maxsize=None):
    @functools.lru_cache(maxsize=maxsize)
    def value(key):
        return make(key, size)
    return value


def fill(cached, mib, size, check_value=check_bytes, begin=0):
    """Take so many values, and every seventh time an older one, which may have been dropped."""
    count = mib * MIB // size
    for key in range(begin, begin + count):
        check_value(cached(key), key, size)
        if key % 7 == 0:
            older = begin + (key - begin) // 2
            check_value(cached(older), older, size)
        if key * size // 65536 != (key + 1) * size // 65536:
            progress.beat()
    return count


# ---- one cache ----

def run_bytes(a):
    return fill(cache_of(make_bytes, a.size), a.total, a.size)


def run_bounded(a):
    return fill(cache_of(make_bytes, a.size, a.maxsize), a.total, a.size)


def run_arrays(a):
    try:
        import numpy
    except ImportError:
        return fill(cache_of(lambda key, size: bytearray(make_bytes(key, size)), a.size), a.total, a.size)

    def make(key, size):
        return numpy.full(size // 8, float(key))

    def check_array(value, key, size):
        check(len(value) == size // 8 and value[0] == value[-1] == key)
    return fill(cache_of(make, a.size), a.total, a.size, check_array)


def run_small(a):
    own = []

    def make(key, size):
        return tuple({"key": key + i, "text": str(key * i)} for i in range(size // 512))

    def check_small(value, key, size):
        check(len(value) == size // 512 and value[-1]["key"] == key + size // 512 - 1)
        if key % 50 == 0:
            own.append(str(key) * 10)
    return fill(cache_of(make, a.size), a.total, a.size, check_small)


class Loop:
    """It keeps a bound method of its own."""
    def __init__(self, key, size):
        self.key = key
        self.payload = make_bytes(key, size)
        self.handler = self.handle

    def handle(self):
        return self.key


def run_cycles(a):
    def check_loop(value, key, size):
        check(value.handler() == key and len(value.payload) == size)
    return fill(cache_of(Loop, a.size), a.total, a.size, check_loop)


# ---- many caches ----

def fill_in_turn(caches, mib, size):
    turns = mib * MIB // size // len(caches)
    for key in range(turns):
        for cached in caches:
            check_bytes(cached(key), key, size)
        progress.beat()
    return turns * len(caches)


def run_many(a):
    def named(number):
        def value(key):
            return make_bytes(key, a.size)
        value.__qualname__ = "value%d" % number
        return functools.lru_cache(maxsize=None)(value)
    return fill_in_turn([named(number) for number in range(a.count)], a.total, a.size)


class Owner:
    def __init__(self, size):
        self.size = size
        self.value = functools.lru_cache(maxsize=None)(self.make)

    def make(self, key):
        return make_bytes(key, self.size)


def run_instances(a):
    owners = [Owner(a.size) for _ in range(a.count)]
    return fill_in_turn([owner.value for owner in owners], a.total, a.size)


# ---- memory that is not cached ----

def run_pinned(a):
    cached, held = cache_of(make_bytes, a.size), []
    for key in range(a.total * MIB // a.size):
        value = cached(key)
        check_bytes(value, key, a.size)
        if key % 2 and len(held) * a.size < a.held * MIB:
            held.append(value)
        progress.beat()
    return len(held)


def run_leak(a):
    cached, leaked, piece = cache_of(make_bytes, a.size), [], 1 << 18
    for key in range(a.total * MIB // a.size):
        check_bytes(cached(key), key, a.size)
        if len(leaked) * piece < a.held * MIB and key * 2 > len(leaked):
            leaked.append(make_bytes(key, piece))
        progress.beat()
    return len(leaked)


def run_saw(a):
    cached, key = cache_of(make_bytes, a.size), 0
    for _ in range(a.count):
        own = []
        for number in range(a.limit * MIB // 2 // 65536):
            own.append(b"y" * 65536)
            if number % 4 == 0:
                check_bytes(cached(key), key, a.size)
                key += 1
                progress.beat()
    return key


def take(mib, one):
    """Memory of the program's own: touched, and given back when the caller drops it."""
    own = []
    if one:
        # Filled by the kernel, without the GIL.
        own.append(mmap.mmap(-1, mib * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        with open("/dev/zero", "rb", buffering=0) as zeros, memoryview(own[0]) as left:
            filled = 0
            while filled < len(left):
                filled += zeros.readinto(left[filled:])
        return own
    for _ in range(mib * 4):
        own.append(b"x" * 262144)
        progress.beat()
    return own


def run_burst(a):
    cached, pieces = cache_of(make_bytes, a.size), 0
    for _ in range(a.count):
        fill(cached, a.fill, a.size)
        progress.rest(a.quiet)
        pieces += len(take(a.held, a.one))
    return pieces


def run_child(a):
    cached = cache_of(make_bytes, a.size)
    for _ in range(a.count):
        fill(cached, a.fill, a.size)
        progress.beat()
        subprocess.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=%dM" % a.held, "count=1", "status=none"],
                       check=True)
        progress.last = 0.0
    return a.count


def run_held(a):
    cached = cache_of(make_bytes, a.size)
    fill(cached, a.fill, a.size)
    progress.rest(a.quiet)
    held = list(range(a.held * MIB // 40))
    progress.beat()
    return len(held)


# ---- several at once ----

CLIENTS = 8


async def serve_and_ask(a):
    cached, count = cache_of(make_bytes, a.size), a.total * MIB // a.size

    async def handle(reader, writer):
        while True:
            line = await reader.readline()
            if not line:
                break
            writer.write(b"%d\n" % cached(int(line))[0])
            await writer.drain()
            progress.beat()
        writer.close()

    async def ask(port, begin):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for key in range(begin, count, CLIENTS):
            writer.write(b"%d\n" % key)
            check(int(await reader.readline()) == key & 255)
        writer.close()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*[ask(port, begin) for begin in range(CLIENTS)])
    return count


def run_async(a):
    return asyncio.run(serve_and_ask(a))


@functools.lru_cache(maxsize=None)
def pool_value(key, size):
    return make_bytes(key, size)


def pool_work(task):
    begin, count, size = task
    for key in range(begin, begin + count):
        check_bytes(pool_value(key, size), key, size)
    return count


def run_pool(a):
    total = a.total * MIB // a.size
    tasks = [(begin, min(64, total - begin), a.size) for begin in range(0, total, 64)]
    done, fork = 0, multiprocessing.get_context("fork")
    # Not multiprocessing.Pool: it waits for ever for a worker that was killed.
    with concurrent.futures.ProcessPoolExecutor(a.count, mp_context=fork) as pool:
        for count in pool.map(pool_work, tasks):
            done += count
            progress.beat()
    return done


def hang(a, filled):
    """The process that does not answer: it never returns from here."""
    fill(cache_of(make_bytes, a.size), a.fill, a.size)
    os.write(filled, b"x")
    if not a.gil:
        os.kill(os.getpid(), signal.SIGSTOP)
    while True:
        sum(range(1 << 40))


def run_beside(a):
    filled, write_end = os.pipe()
    other = os.fork()
    if other == 0:
        hang(a, write_end)
    try:
        check(os.read(filled, 1) == b"x")
        if not a.gil:
            os.waitpid(other, os.WUNTRACED)
        return fill(cache_of(make_bytes, a.size), a.total, a.size)
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


def main():
    kinds = {name[4:]: function for name, function in globals().items() if name.startswith("run_")}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(kinds))
    for name, value in (("size", 16384), ("total", 0), ("maxsize", 0), ("count", 1), ("held", 0), ("fill", 0),
                        ("limit", 0), ("quiet", 0)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--one", action="store_true")
    parser.add_argument("--gil", action="store_true")
    a = parser.parse_args()
    print(a.kind, kinds[a.kind](a))
    print("%s: worst stall %d ms" % (a.kind, progress.worst * 1000), file=sys.stderr)


if __name__ == "__main__":
    main()
