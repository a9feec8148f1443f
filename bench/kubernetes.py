# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin: answers from the index (without the cache plugin); the CPU and memory of a large cluster.

One server after the other reads large clusters from a stub that replays an API server's bytes, and a tenth of them from
a real API server. Measured are the CPU until everything is read, the memory then, and both during a relist.
"""

import contextlib
import itertools
import random
import statistics
import time
import urllib.request

import clusters
import queries
import report
import servers
from cached import SOURCES, Cached
from clusters import ZONE
from proc import BenchError, Children, free_port, two_cores, wait_for_answer

SERVICES, PER_HEADLESS, SPACES = 1000, 10, 20
ENDPOINTS = 11_800    # enough for ten in each headless Service, after the few large Services took theirs
FIRST = f"service-1.team-1.{ZONE}"   # it has an address
LARGE_TIMEOUT_S = 120
# Source, Services, endpoints, pods.
CLUSTERS = ((clusters.Stub, 10_000, 250_000, 0), (clusters.Stub, 10_000, 250_000, 150_000),
            (clusters.Real, 1_000, 25_000, 15_000))
QUICK_PODS = 1_000    # in the API server, which takes 10 ms for each
STARTS = 3            # of each server with each cluster; the last one keeps running for a relist
QUIET_S = 1           # without work: it is done
QUIET_SHARE = 0.03    # of a core


def name_of(number):
    return f"service-{number}", f"team-{number % SPACES}"


def stub(children, cpu):
    """The cluster for the queries."""
    return clusters.Stub(children, cpu, SERVICES, ENDPOINTS, spaces=SPACES)


def lines(count=queries.LINES):
    """Like queries.lines, with the names of this cluster; one Service in ten is headless."""
    pick = random.Random(queries.SEED)
    ranked = []
    for number in range(SERVICES):
        name, space = name_of(number)
        lost = number % queries.NXDOMAIN_EVERY == queries.NXDOMAIN_EVERY - 1
        ranked.append(f"{'nx-' if lost else ''}{name}.{space}.{ZONE}")
    pick.shuffle(ranked)
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(ranked))))
    both = [f"{name} {kind}" for name in ranked for kind in ("A", "AAAA")]
    return both + [f"{name} {'A' if pick.random() < queries.A_SHARE else 'AAAA'}"
                   for name in pick.choices(ranked, cum_weights=weights, k=count)]


def corefile(place, cluster_lines, pods="insecure", ready=None):
    """kubeadm's, without cache and forward."""
    bind = "" if place.wildcard else "bind 127.0.0.1"
    return f"""\
.:{place.port} {{
    {bind}
    errors
    health 127.0.0.1:{free_port()}
    ready 127.0.0.1:{ready or free_port()}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        {cluster_lines}
        pods {pods}
        ttl 30
    }}
    prometheus 127.0.0.1:{free_port()}
    reload
    loadbalance
}}
"""


class FromIndex(Cached):
    """Like Cached, without a cache and without an upstream."""

    def start_all(self):
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in lines())
        self.api = stub(self.children, self.client_cpu)
        self.start_one(servers.Echo(self.bench.build), None, True)
        self.echo = self.running[0]
        self.standin, self.forwarded = self.echo.child, lambda: 0
        self.start_one(servers.Nodens(self.bench.build), self.api.corefile_lines, True)
        self.start_one(servers.CoreDNS(), self.api.corefile_lines, False)

    def start_one(self, server, cluster_lines, needed):
        if not needed and not self.wanted(server):
            return
        reason = server.missing()
        if reason and needed:
            raise BenchError(f"{reason}: run ./dev build first")
        if reason:
            self.absent[server.name] = reason
            return
        self.upstream, self.cluster_lines = 0, cluster_lines
        self.start(server)

    def start(self, server):
        place = servers.Place(self.folder, free_port(), 0, self.bench.wildcard)
        more = {} if self.cluster_lines is None else {"text": corefile(place, self.cluster_lines)}
        child = server.start(self.children, place, self.server_cpu, **more)
        wait_for_answer(child, place.port, FIRST)
        self.add(server, child, place.port)


def wait_until_ready(child, port):
    """Waits until the whole cluster is read, according to /ready."""
    deadline = time.monotonic() + LARGE_TIMEOUT_S
    while time.monotonic() < deadline:
        child.check()
        with contextlib.suppress(OSError), \
             urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return
        time.sleep(0.02)
    raise BenchError(f"{child.name} is not ready after {LARGE_TIMEOUT_S} s; its last output:\n"
                     f"{child.last_output()}")


def wait_until_quiet(child):
    """Waits until the server is idle: its socket may still hold the last bytes."""
    deadline = time.monotonic() + LARGE_TIMEOUT_S
    while time.monotonic() < deadline:
        before = child.cpu().total
        time.sleep(QUIET_S)
        child.check()
        if child.cpu().total - before < QUIET_S * QUIET_SHARE:
            return
    raise BenchError(f"{child.name} is still busy {LARGE_TIMEOUT_S} s after it was ready")


def reset_peak(child):
    with open(f"/proc/{child.pid}/clear_refs", "w", encoding="ascii") as f:
        f.write("5")


def peak_mib(child):
    """The peak of resident memory since the reset."""
    with open(f"/proc/{child.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / 1024


class Large:
    """One server with one cluster."""

    def __init__(self, bench, folder, children, source, server):
        self.bench, self.folder, self.children = bench, folder, children
        self.source, self.server = source, server
        self.cpu, _ = two_cores()

    def start(self, pods):
        """Returns the server, and the CPU it used from exec until everything was read."""
        place, ready = servers.Place(self.folder, free_port(), 0, self.bench.wildcard), free_port()
        text = corefile(place, self.source.corefile_lines, "verified" if pods else "insecure", ready)
        child = self.server.start(self.children, place, self.cpu, text=text)
        wait_until_ready(child, ready)
        return child, child.cpu().total

    def row(self, pods):
        starts = 1 if self.bench.quick else STARTS
        took = []
        for left in reversed(range(starts)):
            child, cpu = self.start(pods)
            took.append(cpu)
            if left:
                child.end()
        wait_until_quiet(child)
        steady, before = child.memory()["rss"], child.cpu().total
        reset_peak(child)
        self.source.relist(child, LARGE_TIMEOUT_S)
        wait_until_quiet(child)
        row = {"server": self.server.name, "version": self.server.version(), "starts": starts,
               "cpu_s": statistics.median(took), "cpu_s_min": min(took), "cpu_s_max": max(took),
               "rss_mib": steady, "peak_mib": peak_mib(child), "relist_cpu_s": child.cpu().total - before,
               "after_mib": child.memory()["rss"]}
        child.end()
        return row


def large_clusters(bench, folder):
    """One row each, printed at once, since a row takes minutes."""
    rows = []
    for kind, services, endpoints, pods in CLUSTERS:
        if bench.quick and kind is clusters.Real:
            pods = QUICK_PODS
        which = {"source": kind.name, "services": services, "endpoints": endpoints, "pods": pods}
        print(report.cluster_name(which), flush=True)
        with Children(folder) as children:
            source = kind(children, two_cores()[1], services, endpoints, pods)
            try:
                for server in (servers.Nodens(bench.build), servers.CoreDNS()):
                    if not server.missing() and (not bench.only or server.name in bench.only):
                        rows.append({**which, **Large(bench, folder, children, source, server).row(pods)})
                        print(report.cluster_line(rows[-1]), flush=True)
            finally:
                source.close()
    return rows


def measure(bench, folder):
    large = large_clusters(bench, folder)
    with Children(folder) as children:
        asked = FromIndex(bench, folder, children)
        asked.start_all()
        modes = [asked.mode(edns) for edns in (False, True)]
        return {"clusters": large, "modes": modes, "absent": asked.absent,
                "seconds": bench.seconds, "sources": SOURCES, "wildcard": bench.wildcard,
                "cores": {"server": asked.server_cpu, "client": asked.client_cpu}}
