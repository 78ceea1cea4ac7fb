# SPDX-License-Identifier: MIT
"""Kinds of cached values, each a program with a cache f of N entries, and what each really holds.

Used by test_size.py, and by tests/bench/bench_sizes.py for the table of all. A kind is text that defines f;
"tail" kinds have few entries that hold most of the bytes, "c" kinds memory that Python does not know of.
"""

import subprocess
import sys
import textwrap

KINDS = {}
TAILS = ("one_large", "one_percent", "lognormal", "pareto", "bounded_tail", "tail_inside")


def kind(name, text, entries=2000, decorator="@functools.lru_cache(None)", fill="for i in range({n}): f(i)"):
    text = textwrap.dedent(text).replace("@cache", decorator)
    KINDS[name] = "import functools\n%s\n%s\n" % (text, fill.format(n=entries))


kind("bytes", "@cache\ndef f(i): return b'x' * (200 + i % 100)")
kind("str", "@cache\ndef f(i): return 'x%d' % i * 30")
kind("int_float", "@cache\ndef f(i): return i * 1.5")
kind("tuple", "@cache\ndef f(i): return (i * 1.5, str(i) * 3, i + 10**6)")
kind("dict", "@cache\ndef f(i): return {'a': str(i), 'b': [i + 10**6, i * .5], 'c': {'d': (i + .5,)}}")
kind("json", """
    import json
    @cache
    def f(i): return json.loads('{"name": "n%d", "tags": ["a%d", "b%d"], "sub": {"x": %d.5, "y": [%d, 2, 3]}}'
                                % (i, i, i, i, i + 1000))
    """)
kind("list_of_floats", "@cache\ndef f(i): return [i + j * .5 for j in range(200)]", 300)
kind("set", "@cache\ndef f(i): return {i + j + .5 for j in range(50)}", 500)
kind("instance_1", "class V:\n  def __init__(s, i): s.x = str(i)\n@cache\ndef f(i): return V(i)")
kind("instance_3", """
    class V:
        def __init__(s, i): s.a, s.b, s.c = i + .5, str(i), [i]
    @cache
    def f(i): return V(i)
    """)
kind("instance_20", """
    class V:
        def __init__(s, i):
            s.a0 = s.a1 = s.a2 = s.a3 = s.a4 = s.a5 = s.a6 = s.a7 = s.a8 = s.a9 = None
            s.b0 = s.b1 = s.b2 = s.b3 = s.b4 = s.b5 = s.b6 = s.b7 = s.b8 = s.b9 = i
    @cache
    def f(i): return V(i)
    """)
kind("instances_nested", """
    class V:
        def __init__(s, i, d):
            s.a0 = s.a1 = s.a2 = s.a3 = s.a4 = s.a5 = s.a6 = s.a7 = s.a8 = s.a9 = None
            s.b0 = s.b1 = s.b2 = s.b3 = s.b4 = s.b5 = s.b6 = s.b7 = None
            s.left = V(i, d - 1) if d else None
            s.right = V(i, d - 1) if d else None
    @cache
    def f(i): return V(i, 4)
    """, 200)
kind("instance_own_dict", """
    class V:
        def __init__(s, i):
            s.__dict__.update({'k%d' % j: i + .5 for j in range(5)}); s.__dict__['z%d' % i] = i
    @cache
    def f(i): return V(i)
    """)
kind("slots", "class V:\n  __slots__ = ('a', 'b')\n  def __init__(s, i): s.a, s.b = i + .5, str(i)\n@cache\ndef f(i): return V(i)")
kind("dataclass", """
    import dataclasses
    @dataclasses.dataclass
    class P:
        x: float
        y: float
        name: str
    @cache
    def f(i): return P(i + .5, i * 2.5, 'p%d' % i)
    """)
kind("namedtuple", "import collections\nP = collections.namedtuple('P', 'x y')\n@cache\ndef f(i): return P(i + .5, str(i))")
kind("method_key", """
    class Service:
        def __init__(s): s.blob = [bytes(2000)]
        @functools.lru_cache(None)
        def get(s, i): return str(i) * 40
    service = Service()
    f = Service.get
    """, fill="for i in range(2000): service.get(i)")
kind("parent_pointers", """
    class N:
        def __init__(s, parent, depth):
            s.parent = parent; s.text = bytes(300)
            s.children = [N(s, depth - 1) for i in range(4)] if depth else []
    @cache
    def f(i): return N(None, 3)
    """, 100)
kind("common_parent", """
    class Tree: pass
    class Node:
        def __init__(s, tree, i): s.tree, s.i, s.text = tree, i, str(i) * 20; tree.nodes.append(s)
    tree = Tree(); tree.nodes = []
    @cache
    def f(i): return Node(tree, i)
    """, 20000)
kind("parent_without_list", """
    class Tree: pass
    tree = Tree(); tree.text = bytes(100000)
    class Token:
        def __init__(s, i): s.tree, s.text = tree, str(i) * 20
    @cache
    def f(i): return Token(i)
    """, 5000)
kind("documents", """
    class Document: pass
    class Token:
        def __init__(s, d, i): s.d, s.text = d, 'token %d ' % i * 10; d.tokens.append(s)
    current = None
    @cache
    def f(i):
        global current
        if i % 20 == 0: current = Document(); current.tokens = []; current.text = bytes(4000)
        return Token(current, i)
    """, 4000, fill="for i in range({n}): f(i)\ncurrent = None")
kind("owned_parent", """
    class Tree: pass
    class Token:
        def __init__(s, t, i): s.tree, s.text = t, str(i) * 20
    tree = Tree(); tree.text = [bytes(1000) for i in range(2000)]
    @cache
    def f(i): return Token(tree, i)
    """, 5000, fill="for i in range({n}): f(i)\ntree = None")
kind("shared_by_20", "lists = {}\n@cache\ndef f(i):\n"
     "  if i % 20 == 0: lists[0] = [bytes(100) for j in range(50)]\n  return [lists[0], i]", 2000,
     fill="for i in range({n}): f(i)\nlists.clear()")
kind("shared_by_all", "big = [bytes(1000) for j in range(1000)]\n@cache\ndef f(i): return [big, i]", 2000,
     fill="for i in range({n}): f(i)\nbig = None")
kind("shared_with_program", "big = [bytes(1000) for j in range(1000)]\n@cache\ndef f(i): return [big, str(i) * 20]", 2000)
kind("ast", "import ast, argparse, inspect\ntext = 'def g(a, b=1):\\n  return [a + b * c for c in range(a) if c != b]\\n'\n"
     "@cache\ndef f(i): return ast.parse(text)", 200)
kind("ast_large", "import ast, argparse, inspect\ntext = inspect.getsource(argparse)\n@cache\ndef f(i): return ast.parse(text)", 3)
kind("closures", "@cache\ndef f(i):\n  data = [bytes(300), i]\n  return lambda: data", 1000)
kind("c_bound_methods", "@cache\ndef f(i): return ['x%d' % i * 30].append", 1000)
kind("exceptions", """
    def deep(i):
        data = bytes(2000) + str(i).encode()
        raise ValueError(str(i))
    @cache
    def f(i):
        try: deep(i)
        except ValueError as e: return e
    """, 500)
kind("code", "@cache\ndef f(i): return compile('def g(a):\\n  return a + %d + len(\"constant %d\")' % (i + 1000, i), 'file', 'exec')", 300)
kind("classes", "@cache\ndef f(i): return type('C%d' % i, (), {'x': i, 'm': lambda self: 1})", 300)
kind("stringio", "import io\n@cache\ndef f(i):\n  s = io.StringIO()\n  for j in range(50): s.write('some text %d ' % j)\n  return s", 300)
kind("bytesio", "import io\n@cache\ndef f(i): return io.BytesIO(bytes(1000) + b'%d' % i)", 500)
kind("generators", "def g(i):\n  data = [i] * 100\n  yield data\n@cache\ndef f(i):\n  x = g(i); next(x); return x", 500)
kind("mutable_later", "@cache\ndef f(i): return []", 500, fill="for i in range({n}): f(i)\n#later\nfor i in range({n}): "
     "f(i).extend(str(j) * 30 for j in range(40))")
kind("later_larger", "@cache\ndef f(i): return b'x' * (100 if i >= 40 else 100000)", 20000)
kind("bounded", "@cache\ndef f(i): return [bytes(300)]", 5000, "@functools.lru_cache(3000)")
kind("bounded_later", "@cache\ndef f(i): return b'x' * (100 if i < 100000 else 400)", 150000, "@functools.lru_cache(200000)")
kind("typed", "@functools.lru_cache(None, typed=True)\ndef f(i): return str(i) * 20")
kind("keywords", "@cache\ndef f(i, name='x'): return i + .5", fill="for i in range({n}): f(i, name=str(i) * 10)")

kind("one_large", "@cache\ndef f(i): return b'x' * (100 if i != 7000 else 50000000)", 10000)
kind("one_percent", "@cache\ndef f(i): return b'x' * (100 if i % 100 != 37 else 100000)", 20000)
kind("lognormal", "import random\nr = random.Random(1)\n@cache\ndef f(i): return b'x' * int(r.lognormvariate(5, 2.2))", 10000)
kind("pareto", "import random\nr = random.Random(2)\n@cache\ndef f(i): return b'x' * min(20000000, int(100 * r.paretovariate(1.05)))", 10000)
kind("bounded_tail", "@cache\ndef f(i): return b'x' * (100 if i % 100 else 100000)", 5000, "@functools.lru_cache(4000)")
kind("tail_inside", "@cache\ndef f(i): return {'k': [b'x' * (100 if i % 50 != 37 else 50000), i]}", 10000)

NUMPY = {}


def numpy_kind(name, text, entries=300):
    kind(name, "import numpy as np\n" + textwrap.dedent(text), entries)
    NUMPY[name] = KINDS.pop(name)


numpy_kind("np_own", "@cache\ndef f(i): return np.arange(1000) * 1.5")
numpy_kind("np_view", "@cache\ndef f(i): return (np.arange(1000) * 1.5).reshape(10, -1)")
numpy_kind("np_transposed", "@cache\ndef f(i): return (np.ones((40, 25)) + i).T")
numpy_kind("np_slice", "@cache\ndef f(i): return (np.arange(2000) * 1.5)[500:1500]")
numpy_kind("np_frombuffer", "@cache\ndef f(i): return np.frombuffer(bytes(8000), dtype=np.uint8)")
numpy_kind("np_masked", "@cache\ndef f(i): return np.ma.masked_less(np.arange(1000) * 1.5, 30)")
numpy_kind("np_objects", "@cache\ndef f(i): return np.array(['string %d' % j * 5 for j in range(200)], dtype=object)")
numpy_kind("np_scalar", "@cache\ndef f(i): return np.float64(i)", 2000)
numpy_kind("np_tuple", "@cache\ndef f(i): return (np.ones(500), np.ones((20, 20)).T, 'x')")
numpy_kind("np_shared_base", "base = np.ones(1000000)\n@cache\ndef f(i): return base[i:i + 100]")

def available_numpy():
    try:
        import numpy  # noqa: F401
    except ImportError:
        return {}
    return NUMPY


# Says where it is, and goes on when it gets a line.
MEASURE = r"""
import gc, sys, tracemalloc
tracemalloc.start()
%s
gc.collect()
print("filled", flush=True)
sys.stdin.readline()
%s
gc.collect()
print("grown", flush=True)
sys.stdin.readline()
before = tracemalloc.get_traced_memory()[0]
f.cache_clear()
gc.collect()
print(before - tracemalloc.get_traced_memory()[0], flush=True)
sys.stdin.readline()
"""


def program(text):
    """What measures the kind @text: it says "filled", "grown", and its true size."""
    first, _, later = text.partition("#later\n")
    return MEASURE % (first, later)


def truth(text, **options):
    """What clearing gives back, as tracemalloc counts it, in a process without memshed."""
    done = subprocess.run([sys.executable, "-c", program(text)], input="\n\n\n", stdout=subprocess.PIPE,
                          universal_newlines=True, check=True, **options)
    return int(done.stdout.split()[2])


def is_tail(name):
    return name in TAILS


def asizeof_program(text):
    """The same by pympler, where that is there."""
    return text.replace("#later\n", "") + textwrap.dedent("""
        import gc
        from pympler import asizeof
        print(asizeof.asizeof(*[x for x in gc.get_referents(f) if type(x) is dict and x is not f.__dict__]))
        """)
