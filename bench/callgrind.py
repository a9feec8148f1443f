# SPDX-License-Identifier: Apache-2.0
"""User-space instructions a cached answer takes, counted by callgrind.

The real server is run twice under valgrind on one core, warmed alike, and asked N and 2N cached
questions; the difference of the two counts over N leaves start-up, warming and shut-down out. What
the kernel does is not seen: this figure moves only when our code does.
"""

import os
import re

import queries
import servers
from proc import BenchError, free_port, wait_for_answer

LINES = 4000        # of the query file; the first 2,000 are each question once
OUTSTANDING = 20    # as many as a loaded server finds in a batch
START_TIMEOUT_S = 60


def count(cached, server, edns, times):
    """Instructions of a whole run that answers the file `times` times."""
    children, folder = cached.children, cached.folder
    out = os.path.join(folder, f"callgrind.{times}")
    wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
    place = servers.Place(folder, free_port(), cached.upstream, cached.bench.wildcard)
    child = server.start(children, place, cached.server_cpu, wrap=wrap)
    wait_for_answer(child, place.port, queries.names(1)[0], START_TIMEOUT_S)

    path = os.path.join(folder, "callgrind.txt")
    queries.write(path, LINES - 2 * queries.NAMES)
    argv = ["dnsperf", "-s", "127.0.0.1", "-p", place.port, "-d", path, "-c", OUTSTANDING,
            "-q", OUTSTANDING, "-T", 1]
    if edns:
        argv.append("-e")
    # The first pass fills the cache.
    text, _ = children.run([*argv, "-n", 1 + times], "dnsperf", cached.client_cpu, timeout=300)
    lost = re.search(r"Queries lost:\s+(\d+)", text)
    if not lost or lost.group(1) != "0":
        raise BenchError(f"{server.name} under valgrind lost questions:\n{text}")
    if not child.end(grace=30):
        raise BenchError(f"{server.name} under valgrind did not end on SIGTERM")
    with open(out, encoding="utf-8", errors="replace") as f:
        total = re.search(r"^(?:totals|summary):\s+(\d+)", f.read(), re.MULTILINE)
    if not total:
        raise BenchError(f"callgrind left no total in {out}")
    return int(total.group(1))


def measure(cached, server, edns):
    if not servers.find("valgrind"):
        raise BenchError("valgrind is not installed (Debian package valgrind)")
    passes = 1 if cached.bench.quick else 5
    one, two = (count(cached, server, edns, times) for times in (passes, 2 * passes))
    return {"mode": "edns" if edns else "plain", "queries": passes * LINES,
            "instructions": (two - one) / (passes * LINES)}
