#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Analyse the source of the Python standard library.

Several passes over every module: an inventory of the syntax, the call graph across modules, the
identifiers, near-duplicate code, and the documentation. The functions that parse and look up are
memoised with functools.lru_cache(maxsize=None), as such programs are, so all that was ever parsed
stays in memory: more than 1 GB by the end. Nothing in here knows of memshed.

The report is the same whatever was dropped from the caches in between: every cached value is a
function of the source files alone, and the totals are kept outside the caches.
"""

import argparse
import ast
import builtins
import collections
import dis
import functools
import hashlib
import io
import os
import sys
import sysconfig
import time
import tokenize
import zlib

SKIPPED_FOLDERS = {"__pycache__", "dist-packages", "idle_test", "site-packages", "test", "tests"}
WINDOW = 12  # tokens that must agree in a row to count as duplicated code
KEEP_ONE_IN = 8  # share of the windows' fingerprints that is kept


# ---- what the passes look up; each remembers all it ever answered ----


@functools.lru_cache(maxsize=None)
def source(path):
    with open(path, "rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
        file.seek(0)
        return file.read().decode(encoding, "replace")


@functools.lru_cache(maxsize=None)
def parse(path):
    try:
        return ast.parse(source(path), path)
    except (SyntaxError, ValueError):  # templates, and files for other versions
        return ast.Module(body=[], type_ignores=[])


@functools.lru_cache(maxsize=None)
def tokens(path):
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source(path)).readline):
            found.append(token)
    except (tokenize.TokenError, SyntaxError):
        pass  # what was read up to there counts
    return tuple(found)


@functools.lru_cache(maxsize=None)
def instructions(path):
    """The bytecode of a module and of all that is nested in it."""
    found = []
    try:
        waiting = [compile(source(path), path, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        waiting = []
    while waiting:
        code = waiting.pop()
        found.extend(dis.get_instructions(code))
        waiting.extend(const for const in code.co_consts if hasattr(const, "co_code"))
    return tuple(found)


@functools.lru_cache(maxsize=None)
def definitions(path):
    """Dotted names of what a module defines, with the line each stands on."""
    found = {}

    def walk(body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.setdefault(prefix + node.name, node.lineno)
            if isinstance(node, ast.ClassDef):
                walk(node.body, prefix + node.name + ".")

    walk(parse(path).body, "")
    return found


@functools.lru_cache(maxsize=None)
def imports(path):
    """Local name -> dotted name, for everything a module imports by an absolute name."""
    found = {}
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = node.module + "." + alias.name
    return found


@functools.lru_cache(maxsize=None)
def resolve(modules, path, dotted):
    """Where a called name is defined: (module, name), ("builtins", name), or None."""
    head, _, rest = dotted.partition(".")
    if dotted in definitions(path):
        return (path, dotted)
    target = imports(path).get(head)
    if target is None:
        return ("builtins", head) if not rest and hasattr(builtins, head) else None
    full = target + "." + rest if rest else target
    parts = full.split(".")
    for cut in range(len(parts), 0, -1):
        other = modules.paths.get(".".join(parts[:cut]))
        if other is not None:
            name = ".".join(parts[cut:])
            return (other, name) if name in definitions(other) else None
    return None


@functools.lru_cache(maxsize=None)
def fingerprints(path):
    """Hashes of every WINDOW tokens in a row, layout and comments left out, thinned evenly."""
    words = [t.string for t in tokens(path) if t.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER)]
    found = set()
    for start in range(len(words) - WINDOW + 1):
        value = zlib.crc32(" ".join(words[start : start + WINDOW]).encode())
        if value % KEEP_ONE_IN == 0:
            found.add(value)
    return frozenset(found)


@functools.lru_cache(maxsize=None)
def concordance(path):
    """Every word with the one before it, the one after it, and where it stands."""
    words = [t for t in tokens(path) if t.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER)]
    return tuple(
        (before.string, word.string, after.string, word.start)
        for before, word, after in zip(words, words[1:], words[2:])
    )


@functools.lru_cache(maxsize=None)
def subwords(identifier):
    """'readFile_bytes' -> ('read', 'file', 'bytes')."""
    found, word = [], ""
    for character in identifier:
        if character == "_" or (character.isupper() and word and not word[-1].isupper()):
            if word:
                found.append(word.lower())
            word = ""
        if character != "_":
            word += character
    if word:
        found.append(word.lower())
    return tuple(found)


# ---- the passes ----


class Modules:
    """The files to analyse and their dotted names. Hashed by identity, so it can be an argument."""

    def __init__(self, root, limit):
        self.files = sorted(source_files(root))
        if limit and limit < len(self.files):
            step = len(self.files) / limit
            self.files = [self.files[int(i * step)] for i in range(limit)]
        self.root = root
        self.paths = {self.dotted(path): path for path in self.files}

    def dotted(self, path):
        name = os.path.relpath(path, self.root)[: -len(".py")].replace(os.sep, ".")
        return name[: -len(".__init__")] if name.endswith(".__init__") else name


def source_files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        folders[:] = [f for f in folders if not f.startswith("config-")]
        for name in names:
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def take_inventory(modules):
    kinds = collections.Counter()
    deepest = (0, "")
    for path in modules.files:
        stack = [(parse(path), 1)]
        while stack:
            node, depth = stack.pop()
            kinds[type(node).__name__] += 1
            if depth > deepest[0]:
                deepest = (depth, modules.dotted(path))
            stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    yield "syntax nodes", sum(kinds.values())
    yield "functions", kinds["FunctionDef"] + kinds["AsyncFunctionDef"]
    yield "classes", kinds["ClassDef"]
    yield "deepest nesting", "%d in %s" % deepest


def called_name(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id] + parts[::-1]) if isinstance(node, ast.Name) else None


def draw_call_graph(modules):
    calls = resolved = across = 0
    callers = collections.Counter()
    for path in modules.files:
        for node in ast.walk(parse(path)):
            name = called_name(node.func) if isinstance(node, ast.Call) else None
            if name is None:
                continue
            calls += 1
            target = resolve(modules, path, name)
            if target is None:
                continue
            resolved += 1
            if target[0] not in (path, "builtins"):
                across += 1
                callers[modules.dotted(target[0]) + "." + target[1]] += 1
    yield "calls by name", calls
    yield "resolved", resolved
    yield "into another module", across
    yield "most called there", top(callers)


def count_identifiers(modules):
    names, words = collections.Counter(), collections.Counter()
    phrases = collections.Counter()
    comments = 0
    for path in modules.files:
        for token in tokens(path):
            if token.type == tokenize.NAME:
                names[token.string] += 1
            elif token.type == tokenize.COMMENT:
                comments += len(token.string)
        for before, name, after, _ in concordance(path):
            if name.isidentifier():
                phrases[before + " " + name + " " + after] += 1
    for name, count in names.items():
        for word in subwords(name):
            words[word] += count
    yield "identifiers", "%d, %d different" % (sum(names.values()), len(names))
    yield "phrases of three", "%d different, most used %s" % (len(phrases), top(phrases))
    yield "words in them", "%d different, most used %s" % (len(words), top(words))
    yield "characters of comment", comments


def count_instructions(modules):
    kinds, pairs = collections.Counter(), collections.Counter()
    for path in modules.files:
        previous = ""
        for instruction in instructions(path):
            kinds[instruction.opname] += 1
            pairs[previous + " " + instruction.opname] += 1
            previous = instruction.opname
    yield "instructions", sum(kinds.values())
    yield "most used pairs", top(pairs)


def find_duplicates(modules):
    owners = collections.defaultdict(list)
    for index, path in enumerate(modules.files):
        for value in fingerprints(path):
            owners[value].append(index)
    pairs = collections.Counter()
    for indexes in owners.values():
        if 2 <= len(indexes) <= 8:
            for i, first in enumerate(indexes):
                for second in indexes[i + 1 :]:
                    pairs[modules.dotted(modules.files[first]), modules.dotted(modules.files[second])] += 1
    yield "fingerprints", len(owners)
    yield "pairs of modules that share code", len(pairs)
    yield "most alike", top({" and ".join(pair): count for pair, count in pairs.items()})


def review_documentation(modules):
    public = documented = 0
    vocabulary = collections.Counter()
    longest = (0, "")
    for path in modules.files:
        for node in ast.walk(parse(path)):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if node.name.startswith("_"):
                continue
            public += 1
            text = ast.get_docstring(node)
            if text:
                documented += 1
                vocabulary.update(word for word in text.lower().split() if word.isalpha())
                longest = max(longest, (len(text), modules.dotted(path) + "." + node.name))
    yield "public functions and classes", public
    yield "with documentation", documented
    yield "words used there", "%d different, most used %s" % (len(vocabulary), top(vocabulary))
    yield "longest", "%d characters: %s" % longest


PASSES = {
    "inventory": take_inventory,
    "calls": draw_call_graph,
    "identifiers": count_identifiers,
    "bytecode": count_instructions,
    "duplicates": find_duplicates,
    "documentation": review_documentation,
}


def top(counter, count=3):
    best = sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:count]
    return ", ".join("%s %d" % item for item in best)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=sysconfig.get_path("stdlib"), help="folder to analyse")
    parser.add_argument("--limit-files", type=int, default=0, metavar="N", help="only N files, spread evenly")
    parser.add_argument("--passes", default=",".join(PASSES), help="which, and in which order: %(default)s")
    parser.add_argument("--progress", action="store_true", help="say on stderr when a pass begins")
    options = parser.parse_args()
    unknown = set(options.passes.split(",")) - set(PASSES)
    if unknown:
        parser.error("no such pass: " + ", ".join(sorted(unknown)))

    modules = Modules(options.root, options.limit_files)
    digest = hashlib.sha256()
    lines = ["files: %d" % len(modules.files)]
    started = time.monotonic()
    for name in options.passes.split(","):
        if options.progress:
            print("%6.1f s  %s" % (time.monotonic() - started, name), file=sys.stderr, flush=True)
        lines += ["%s: %s" % line for line in PASSES[name](modules)]
    for line in lines:
        digest.update(line.encode() + b"\n")
        print(line)
    print("digest: " + digest.hexdigest()[:16])


if __name__ == "__main__":
    main()
