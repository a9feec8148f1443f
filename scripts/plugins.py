#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plugins.py table LIST: prints the C table of plugins.
plugins.py sources LIST: prints the .c files of all plugins, one per line, for the build."""
import os
import sys


def read(path):
    """Returns [(name, present)] in order; exits with the line number of an invalid line."""
    rows, seen = [], set()
    for number, line in enumerate(open(path), 1):
        word = line.split("#")[0].strip()
        if not word:
            continue
        name = word.lstrip("-")
        if not name.isidentifier() or word.count("-") > 1 or name in seen:
            sys.exit(f"{path}:{number}: invalid plugin {word!r}: must be NAME or -NAME, once")
        seen.add(name)
        rows.append((name, not word.startswith("-")))
    return rows


def main():
    rows = read(sys.argv[2])
    folder = os.path.dirname(os.path.abspath(sys.argv[2]))
    if sys.argv[1] == "sources":
        for name, present in rows:
            if present:
                files = sorted(f for f in os.listdir(os.path.join(folder, name)) if f.endswith(".c"))
                if name + ".c" not in files:
                    sys.exit(f"src/plugin/{name}/{name}.c is missing")
                for f in files:
                    print(f"{name}/{f}")
        return
    print('/* Made from plugins.list. */\n#include "core/plugin.h"\n')
    for name, present in rows:
        if present:
            print(f"extern const struct nd_plugin nd_plugin_{name};")
    print("\nconst struct nd_plugin *const nd_plugins[] = {")
    for name, present in rows:
        if present:
            print(f"\t&nd_plugin_{name},")
    print("\tNULL,\n};\n\nconst char *const nd_plugins_unsupported[] = {")
    for name, present in rows:
        if not present:
            print(f'\t"{name}",')
    print("\tNULL,\n};")


main()
