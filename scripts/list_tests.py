#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""list_tests.py unit|fuzz|support TESTS: prints the test sources for the build, one per line.

unit:    ROOM NAME, from TESTS/unit/ROOM/NAME_test.c, and tests of a plugin as PLUGIN.X NAME from
         TESTS/unit/plugin/X/NAME_test.c
fuzz:    NAME, from TESTS/fuzz/NAME.c
support: FILE, from TESTS/support/*.c
"""
import glob
import os
import sys


def unit(tests):
    top = os.path.join(tests, "unit")
    for folder, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(files):
            if name.endswith("_test.c"):
                yield os.path.relpath(folder, top).replace(os.sep, ".") + " " + name[:-len("_test.c")]


def fuzz(tests):
    for path in sorted(glob.glob(os.path.join(tests, "fuzz", "*.c"))):
        yield os.path.basename(path)[:-2]


def support(tests):
    for path in sorted(glob.glob(os.path.join(tests, "support", "*.c"))):
        yield "support/" + os.path.basename(path)


for line in {"unit": unit, "fuzz": fuzz, "support": support}[sys.argv[1]](sys.argv[2]):
    print(line)
