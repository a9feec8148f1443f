# SPDX-License-Identifier: Apache-2.0
"""User-space instructions per answer, from the cache and from the cluster's index, counted by callgrind.

The real server runs twice under valgrind on one core, warmed in the same way, and gets N and 2N queries. The difference
of the two counts, divided by N, excludes start, warming and shutdown. The kernel is not counted: this figure changes
only when our code does.
"""

import os
import re
import shutil

import clusters
import kubernetes
import queries
import servers
from proc import BenchError, Children, free_port, two_cores, wait_for_answer

LINES = 4000        # in each query file
OUTSTANDING = 20    # as many as a loaded server gets in one batch
START_TIMEOUT_S = 60


class Counter:
    """nodens and its queries, `lines`; the first 2,000 of a mix are all different."""

    def __init__(self, bench, folder, children, what, lines, upstream=0, cluster=None):
        self.bench, self.folder, self.children = bench, folder, children
        self.server, self.what = servers.Nodens(bench.build), what
        self.server_cpu, self.client_cpu = two_cores()
        self.upstream, self.cluster = upstream, cluster
        self.first = kubernetes.FIRST if cluster else queries.names(1)[0]
        self.lines = (lines * (LINES // len(lines) + 1))[:LINES]
        self.queries = os.path.join(folder, "callgrind.txt")

    def start(self, out):
        wrap = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet"]
        place = servers.Place(self.folder, free_port(), self.upstream, self.bench.wildcard)
        text = self.cluster and kubernetes.corefile(place, self.cluster)
        child = self.server.start(self.children, place, self.server_cpu, text=text, wrap=wrap)
        wait_for_answer(child, place.port, self.first, START_TIMEOUT_S)
        return child, place.port

    def ask(self, port, edns, passes):
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in self.lines)
        argv = ["dnsperf", "-s", "127.0.0.1", "-p", port, "-d", self.queries, "-n", passes,
                "-c", OUTSTANDING, "-q", OUTSTANDING, "-T", 1, "-W"]
        if edns:
            argv.append("-e")
        text, _ = self.children.run(argv, "dnsperf", self.client_cpu, timeout=300)
        lost = re.search(r"Queries lost:\s+(\d+)", text)
        if not lost or lost.group(1) != "0":
            raise BenchError(f"{self.server.name} under valgrind lost queries:\n{text}")

    def count(self, edns, passes):
        """Instructions of a whole run of 1 + passes; the first pass warms the server."""
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
        return {"what": self.what, "mode": "edns" if edns else "plain", "queries": passes * LINES,
                "instructions": (two - one) / (passes * LINES)}


def cached(bench, folder, children):
    """Rows for cached answers."""
    _, upstream, _ = servers.standin(children, bench.build, folder, two_cores()[1])
    counter = Counter(bench, folder, children, "from the cache",
                      queries.lines(LINES - 2 * queries.NAMES), upstream)
    return [counter.row(edns) for edns in (True, False)]


def kind(line):
    """The kind of a query of kubernetes.lines."""
    name, qtype = line.split()
    first = name.partition(".")[0]
    if first.startswith("nx-"):
        return "NXDOMAIN"
    if qtype == "AAAA":
        return "AAAA, NODATA"
    headless = int(first.rpartition("-")[2]) % clusters.HEADLESS_EVERY == 0
    return f"A, {kubernetes.PER_HEADLESS} of them" if headless else "A"


def indexed(bench, folder, children):
    """Rows for answers from the cluster's index: the mix, and each kind by itself."""
    lines = kubernetes.lines(LINES - 2 * kubernetes.SERVICES)
    api = kubernetes.stub(children, two_cores()[1])

    def counter(what, lines):
        return Counter(bench, folder, children, what, lines, cluster=api.corefile_lines)

    mix = counter("from the index", lines)
    rows = [mix.row(edns) for edns in (True, False)]
    for each in sorted({kind(line) for line in lines}):
        same = [line for line in lines if kind(line) == each]
        rows.append(counter(f"from the index, {each}", same).row(False))
    return rows


def measure(bench, folder):
    if not servers.find("valgrind"):
        raise BenchError("valgrind is not installed (Debian package valgrind)")
    missing = servers.Nodens(bench.build).missing()
    if missing:
        raise BenchError(f"{missing}: run ./dev build first")
    with Children(folder) as children:
        rows = cached(bench, folder, children)
        return rows if bench.cached_only else [*rows, *indexed(bench, folder, children)]
