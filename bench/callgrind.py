# SPDX-License-Identifier: Apache-2.0
"""User-space instructions a cached answer takes, counted by callgrind.

The real server is run twice under valgrind on one core, warmed alike, and asked N and 2N cached
questions; the difference of the two counts over N leaves start-up, warming and shut-down out. What
the kernel does is not seen: this figure moves only when our code does.
"""

import os
import re
import shutil

import queries
import servers
from proc import BenchError, Children, free_port, two_cores, wait_for_answer

LINES = 4000        # of the query file; the first 2,000 are each question once
OUTSTANDING = 20    # as many as a loaded server finds in a batch
START_TIMEOUT_S = 60


class Counter:
    """One server, what it forwards to, and how it is asked."""

    def __init__(self, bench, folder, children, server):
        self.bench, self.folder, self.children, self.server = bench, folder, children, server
        self.server_cpu, self.client_cpu = two_cores()
        self.queries = os.path.join(folder, "callgrind.txt")
        queries.write(self.queries, LINES - 2 * queries.NAMES)
        _, self.upstream, _ = servers.standin(children, bench.build, folder, self.client_cpu)

    def start(self, out):
        wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
        place = servers.Place(self.folder, free_port(), self.upstream, self.bench.wildcard)
        child = self.server.start(self.children, place, self.server_cpu, wrap=wrap)
        wait_for_answer(child, place.port, queries.names(1)[0], START_TIMEOUT_S)
        return child, place.port

    def ask(self, port, edns, passes):
        argv = ["dnsperf", "-s", "127.0.0.1", "-p", port, "-d", self.queries, "-n", passes,
                "-c", OUTSTANDING, "-q", OUTSTANDING, "-T", 1, "-W"]
        if edns:
            argv.append("-e")
        text, _ = self.children.run(argv, "dnsperf", self.client_cpu, timeout=300)
        lost = re.search(r"Queries lost:\s+(\d+)", text)
        if not lost or lost.group(1) != "0":
            raise BenchError(f"{self.server.name} under valgrind lost questions:\n{text}")

    def count(self, edns, passes):
        """Instructions of a whole run; the first of its 1 + passes fills the cache."""
        out = os.path.join(self.folder, "callgrind.out")
        child, port = self.start(out)
        self.ask(port, edns, 1 + passes)
        if not child.end(grace=30):
            raise BenchError(f"{self.server.name} under valgrind did not end on SIGTERM")
        with open(out, encoding="utf-8", errors="replace") as f:
            total = re.search(r"^(?:totals|summary):\s+(\d+)", f.read(), re.MULTILINE)
        if not total:
            raise BenchError("callgrind left no total")
        if self.bench.profile:
            shutil.copy(out, self.bench.profile)
        return int(total.group(1))

    def row(self, edns):
        passes = 1 if self.bench.quick else 5
        one, two = (self.count(edns, n) for n in (passes, 2 * passes))
        return {"mode": "edns" if edns else "plain", "queries": passes * LINES,
                "instructions": (two - one) / (passes * LINES)}


def measure(bench, folder):
    if not servers.find("valgrind"):
        raise BenchError("valgrind is not installed (Debian package valgrind)")
    server = servers.Nodens(bench.build)
    if server.missing():
        raise BenchError(f"{server.missing()}: run ./dev build first")
    with Children(folder) as children:
        counter = Counter(bench, folder, children, server)
        return [counter.row(edns) for edns in (True, False)]
