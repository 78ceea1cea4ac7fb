#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""names.py - one word, one thing: a tag of a struct, union or enum is defined in one file, and a prefix
ms_WORD_ of functions in one folder of src/."""
import collections
import os
import re
import sys

os.chdir(os.environ.get("srcdir", "."))

TAG = re.compile(r"^(?:static )?(?:struct|union|enum) (ms_\w+) \{", re.M)
FUNCTION = re.compile(r"^(?!static [^i])[a-z][\w \*]*?\bms_([a-z0-9]+)_\w+\([^;{}]*\)\s*\{", re.M)

tags, prefixes = collections.defaultdict(set), collections.defaultdict(set)
for folder, _, names in os.walk("src"):
    for name in names:
        if not name.endswith((".c", ".h")):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for tag in TAG.findall(text):
            tags[tag].add(path)
        for prefix in FUNCTION.findall(text):
            prefixes[prefix].add(folder)

findings = [f"{sorted(paths)[0]}: {tag} is also defined in {', '.join(sorted(paths)[1:])}; give one of them another name"
            for tag, paths in tags.items() if len(paths) > 1]
findings += [f"{sorted(folders)[0]}: functions ms_{prefix}_ are also defined in {', '.join(sorted(folders)[1:])}; "
             "give one of them another prefix" for prefix, folders in prefixes.items() if len(folders) > 1]
print("\n".join(sorted(findings)), end="\n" if findings else "")
sys.exit(1 if findings else 0)
