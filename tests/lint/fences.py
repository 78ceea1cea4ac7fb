#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fences.py - every fence, and every atomic access stronger than relaxed, names its pair.

A label is [module.X1], where module is the name of a file below src/ or include/ without its ending
([folder/module.X1] where two folders have one of that name). It stands in a comment on the line of the
access, on the last line of the same statement, or right above. The file that it names has a comment that
defines it and says what is ordered, and with which label it pairs:

    [reader.T1] row body before sequence; pairs with [writer.T2]

and the definition of [writer.T2] names [reader.T1] in turn. A label may pair with itself where both sides
do the same. What is defined is used by code, in the file that it names or elsewhere.
"""
import collections
import os
import re
import sys

os.chdir(os.environ.get("srcdir", "."))

STRONG = re.compile(
    r"memory_order_(acquire|release|acq_rel|seq_cst|consume)|__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)"
    r"|__sync_|\batomic_(load|store|exchange|fetch_[a-z]+|compare_exchange_[a-z]+)\(")
LABEL = re.compile(r"\[((?:[a-z_]+/)?[a-z][a-z0-9_-]*\.[A-Z][0-9]+[a-z]?)\]")
OLD = re.compile(r"\[[A-Z][0-9]+[a-z]?\]")
PAIRS = re.compile(r"pairs with((?:\s*(?:,|and|or)?\s*\[[^\]]+\])+)")
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.S)

findings = []


def find(path, line, text):
    findings.append(f"{path}:{line}: {text}")


def sources():
    for top in ("src", "include"):
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(folder, name)


def split(text):
    """The code with comments blanked out, and the comments as (offset, text, stands alone)."""
    code, comments, at = [], [], 0
    for match in TOKEN.finditer(text):
        code.append(text[at:match.start()])
        token = match.group()
        if token.startswith("/"):
            begin = text.rfind("\n", 0, match.start()) + 1
            comments.append((match.start(), token, not text[begin:match.start()].strip()))
        blank = re.sub(r"[^\n]", " ", token)
        code.append(blank)
        at = match.end()
    code.append(text[at:])
    return "".join(code), comments


def statement_end(code, offset):
    depth, at = 0, offset
    while at < len(code):
        if code[at] in "({":
            if code[at] == "{" and depth <= 0:
                return at
            depth += 1
        elif code[at] in ")}":
            depth -= 1
            if depth < -8:
                return at
        elif code[at] == ";":
            return at
        at += 1
    return len(code)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def labels_near(text, code, comments, offset):
    """Labels on the lines of the statement, or in the comment and the lines of it right above."""
    end = statement_end(code, offset)
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    begin = max(code.rfind(c, 0, offset) for c in ";{}") + 1
    # What trails the statement before belongs to that one.
    newline = text.find("\n", begin)
    first = newline if begin and 0 <= newline < offset else begin
    near = "".join(c for at, c, _ in comments if first <= at < last)
    return LABEL.findall(near), OLD.findall(near)


modules = collections.defaultdict(set)
for path in sources():
    stem = os.path.splitext(os.path.basename(path))[0]
    modules[stem].add(os.path.basename(os.path.dirname(path)))


def module_of(path):
    stem = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.basename(os.path.dirname(path))
    return stem, f"{folder}/{stem}"


defined, used = {}, collections.defaultdict(list)
for path in sources():
    with open(path, encoding="utf-8") as file:
        text = file.read()
    code, comments = split(text)
    names = module_of(path)
    for offset, comment, alone in comments:
        for match in LABEL.finditer(comment):
            label = match.group(1)
            before = comment[:match.start()]
            is_pair = re.search(r"pairs with(?:\s*(?:,|and|or)?\s*\[[^\]]+\])*\s*(?:,|and|or)?\s*$", before)
            rest = comment[match.end():]
            # A definition says something after its label, up to the next label that begins a line.
            body = re.split(r"\n\s*\*?\s*\[(?:[a-z_]+/)?[a-z][a-z0-9_-]*\.[A-Z][0-9]+[a-z]?\]", rest)[0]
            says = re.sub(r"[\s*/]", "", re.sub(LABEL, "", body.split("pairs with")[0]))
            module = label.rsplit(".", 1)[0]
            if is_pair or not alone or not says or module not in names or "pairs with" not in body:
                continue
            pairs = [p for group in PAIRS.findall(body) for p in LABEL.findall(group)]
            where = (path, line_of(text, offset + match.start()))
            if label in defined:
                find(*where, f"[{label}] is defined a second time; the first is in {defined[label][0][0]}:{defined[label][0][1]}")
                continue
            defined[label] = (where, pairs)
    for match in STRONG.finditer(code):
        line = line_of(text, match.start())
        if text.splitlines()[line - 1].lstrip().startswith("#error"):
            continue
        labels, old = labels_near(text, code, comments, match.start())
        if not labels:
            if old:
                find(path, line, f"{old[0]} does not say whose it is; write [{names[0]}.{old[0][1:-1]}], or the file that defines it")
            else:
                find(path, line, "an order stronger than relaxed without a label; name its pair: "
                     f"[{names[0]}.X1] what before what; pairs with [other.X2]")
        for label in labels:
            used[label].append((path, line))

for label, ((path, line), pairs) in defined.items():
    if not pairs:
        find(path, line, f"[{label}] pairs with nothing; say which label is the other side")
    for pair in pairs:
        if pair not in defined:
            find(path, line, f"[{label}] pairs with [{pair}], which no comment of that file defines")
        elif label not in defined[pair][1]:
            find(path, line, f"[{label}] pairs with [{pair}], which does not name it back")
    if not used[label]:
        find(path, line, f"[{label}] stands at no access; label the access, or delete it")
    if pairs == [label] and len(used[label]) < 2:
        find(path, line, f"[{label}] pairs with itself, and stands at one access alone")
for label, places in used.items():
    if label in defined:
        continue
    module = label.rsplit(".", 1)[0]
    stem = module.split("/")[-1]
    if stem not in modules:
        find(*places[0], f"[{label}]: there is no file {module}.c or .h")
    elif "/" not in module and len(modules[stem]) > 1:
        find(*places[0], f"[{label}]: {' and '.join(sorted(modules[stem]))} have a file of this name; write [folder/{label}]")
    else:
        find(*places[0], f"[{label}] is not defined in {module}; write there what it orders and \"pairs with [...]\"")

print("\n".join(sorted(set(findings))), end="\n" if findings else "")
sys.exit(1 if findings else 0)
