# SPDX-License-Identifier: Apache-2.0
"""The memory that a server holds, comparable between builds. Start the server with env=memory.ENV.

Pages of files (the program's code) do not count. AddressSanitizer keeps freed blocks and stack frames for later
reports: ENV makes it keep little. What remains is a redzone of at least 16 bytes per block, sizes rounded up by as much
as a quarter, and an eighth for the shadow: less than SHARE times the program's own bytes for blocks of 64 bytes or
more. So with AddressSanitizer, figures are divided by SHARE.
"""
import os
import re

from serving import built_with

ASAN = built_with(b"__asan_init")
SHARE = 2 if ASAN else 1
ENV = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
       ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64:detect_stack_use_after_return=0"} if ASAN else {}


def read(server):
    """(bytes now, largest number of bytes since the start or the last Growth), without pages of files."""
    with open(f"/proc/{server.process.pid}/status") as f:
        field = {k: 1024 * int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB$", f.read(), re.M)}
    return field["VmRSS"] - field["RssFile"], field["VmHWM"] - field["RssFile"]


def peak(server):
    """The most that it has held."""
    return read(server)[1] / SHARE


class Growth:
    """How much more a server holds than at this moment."""

    def __init__(self, server):
        with open(f"/proc/{server.process.pid}/clear_refs", "w") as f:
            f.write("5")  # resets VmHWM
        self.server, self.before = server, read(server)[0]

    def now(self):
        return (read(self.server)[0] - self.before) / SHARE

    def peak(self):
        return (read(self.server)[1] - self.before) / SHARE
