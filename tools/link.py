#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""link.py STAMP FOLDER PROGRAM...: makes FOLDER contain a link to each program, and no other links."""
import os
import sys

stamp, folder, programs = sys.argv[1], sys.argv[2], sys.argv[3:]
os.makedirs(folder, exist_ok=True)
for name in os.listdir(folder):
    if os.path.islink(os.path.join(folder, name)):
        os.unlink(os.path.join(folder, name))
for path in programs:
    os.symlink(os.path.relpath(path, folder), os.path.join(folder, os.path.basename(path)))
with open(stamp, "w", encoding="utf-8"):
    pass
