#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""plugins.py table LIST: prints the C table of plugins.
plugins.py sources LIST: prints the .c files of all plugins, one per line, for the build."""
import json
import os
import sys


def read(path):
    """Returns [(name, present, reason)] in order; exits with the line number of an invalid line. The reason of a plugin
    that is refused for good; "" for all others."""
    rows, seen = [], set()
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    for number, line in enumerate(lines, 1):
        word, _, reason = line.split("#")[0].strip().partition(" ")
        if not word:
            continue
        name, present = word.removeprefix("-"), not word.startswith("-")
        if not name.isidentifier() or name in seen or (present and reason):
            sys.exit(f"{path}:{number}: invalid plugin {line!r}: must be NAME, -NAME or -NAME REASON, once")
        seen.add(name)
        rows.append((name, present, reason.strip()))
    return rows


def print_sources(rows, folder):
    for name in [name for name, present, _ in rows if present]:
        files = sorted(f for f in os.listdir(os.path.join(folder, name)) if f.endswith(".c"))
        if name + ".c" not in files:
            sys.exit(f"src/plugin/{name}/{name}.c is missing")
        for f in files:
            print(f"{name}/{f}")


def print_table(rows):
    built = [name for name, present, _ in rows if present]
    print('/* Made from plugins.list. */\n#include "core/plugin.h"\n')
    for name in built:
        print(f"extern const struct nd_plugin nd_plugin_{name};")
    print("\nconst struct nd_plugin *const nd_plugins[] = {")
    for name in built:
        print(f"\t&nd_plugin_{name},")
    print("\tNULL,\n};\n\nconst char *const nd_plugins_unsupported[] = {")
    for name, present, reason in rows:
        if not present:
            print("\t" + json.dumps(f"{name} {reason}".strip()) + ",")
    print("\tNULL,\n};")


def main():
    rows = read(sys.argv[2])
    if sys.argv[1] == "sources":
        print_sources(rows, os.path.dirname(os.path.abspath(sys.argv[2])))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
