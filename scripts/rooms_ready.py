#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rooms_ready.py SRC: the rooms under SRC whose meson.build names only files that exist.

While the house is being built a room may be half there; the others must build without it."""
import os
import re
import sys

src = sys.argv[1]
for room in sorted(os.listdir(src)):
    recipe = os.path.join(src, room, "meson.build")
    if not os.path.isfile(recipe):
        continue
    files = re.findall(r"'([\w/]+\.c)'", open(recipe).read())
    if room == "plugin" or all(os.path.isfile(os.path.join(src, room, f)) for f in files):
        print(room)
