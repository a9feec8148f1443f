# SPDX-License-Identifier: Apache-2.0
"""Changes of a live cluster under load: the delay until an answer changes, and the effect of relists on answers and
memory.

Each server gets the largest cluster from the stub (kubestub); changes are also measured with a tenth of it from the
real API server. `change.c` times the watch and the answers with one clock.
"""

import contextlib
import functools
import itertools
import json
import math
import os
import random
import re
import select
import signal
import socket
import statistics
import subprocess
import time
import urllib.request

import cached
import clusters
import kubernetes
import queries
import servers
from proc import BenchError, Children, free_port, two_cores

SERVICES, ENDPOINTS, SPACES = 10_000, 250_000, 100
TENTH = 10
NAMES = 1000           # names in the load
SHARE = 0.5            # the load, as a share of the server's maximum
CHECKED_QPS = 5000     # during a relist, in addition to the load; each answer is compared
PROBE_S = 2            # duration of the run that finds the maximum
GAP_S = 0.02           # longest pause between changes
CHANGES, CHANGES_QUICK = 500, 100   # per round
ROUNDS_MAX, NEIGHBOUR_MS = 3, 2
RELISTS, RELISTS_QUICK, RELISTS_PEER = 100, 10, 3
RELIST_TIMEOUT_S = 60
WATCH_TIMEOUT_S = 20
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
PROTOBUF = "application/vnd.kubernetes.protobuf;stream=watch"


def name_of(number):
    return f"service-{number}", f"team-{number % SPACES}"


def lines(services):
    """Like queries.lines: 1,000 names of the cluster by Zipf's law, one in ten of them nonexistent."""
    pick = random.Random(queries.SEED)
    ranked = []
    for rank, number in enumerate(pick.sample(range(services), min(NAMES, services))):
        name, space = name_of(number)
        lost = rank % queries.NXDOMAIN_EVERY == queries.NXDOMAIN_EVERY - 1
        ranked.append(f"{'nx-' if lost else ''}{name}.{space}.{clusters.ZONE}")
    weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(ranked))))
    return ([f"{name} {kind}" for name in ranked for kind in ("A", "AAAA")] +
            [f"{name} {'A' if pick.random() < queries.A_SHARE else 'AAAA'}"
             for name in pick.choices(ranked, cum_weights=weights, k=queries.LINES)])


def new_address(number):
    """One of 10,000 addresses in a network of no cluster, all of one length: none is a prefix of another."""
    return f"198.18.{100 + number // 100 % 100}.{100 + number % 100}"


# --- the watch: as the servers do it, HTTP/1.1 in plaintext and HTTP/2 over TLS ---

def watch_path(version):
    return f"{SLICES}?watch=1&resourceVersion={version}"


def http1_watch(version):
    return (f"GET {watch_path(version)} HTTP/1.1\r\nHost: bench\r\nAccept: {PROTOBUF}\r\n\r\n").encode()


def http2_frame(kind, flags, stream, payload=b""):
    """RFC 9113 s4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def http2_begin():
    """The preface, with windows too large to fill, since received data is not acknowledged."""
    window = 2**31 - 1
    settings = b"\0\4" + window.to_bytes(4, "big")
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + http2_frame(4, 0, 0, settings) +
            http2_frame(8, 0, 0, (window - 65535).to_bytes(4, "big")))


def http2_watch(version):
    """Acknowledges the server's settings and starts the watch. Strings without Huffman (RFC 7541 s5.2, s6.2.2)."""

    def string(text):
        assert len(text) < 127
        return bytes([len(text)]) + text.encode()

    head = (b"\x82\x87" + b"\x04" + string(watch_path(version)) + b"\x01" + string("bench") +
            b"\x0f\x04" + string(PROTOBUF))
    return http2_frame(4, 1, 0) + http2_frame(1, 5, 1, head)


# --- source of the cluster ---

class Stub(clusters.Stub):
    """The largest cluster, from recorded bytes."""

    services, endpoints = SERVICES, ENDPOINTS

    def __init__(self, children, cpu):
        super().__init__(children, cpu, self.services, self.endpoints, spaces=SPACES)
        self.moves = itertools.count()

    def move(self, number, address):
        """Changes the address of the first endpoint of a Service; returns the time at which the event was sent."""
        name, space = name_of(number)
        return self.ask("move", service=name, namespace=space, address=address)["monotonic_ns"]

    def watch(self, _children):
        """Opens a connection that watches the slices; nothing has been read from it yet."""
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.sendall(http1_watch(self.ask("state")["resourceVersion"]))
        return sock


class Real(clusters.Real):
    """A tenth of it in the real API server. A separate process decrypts its bytes, so `change` gets them one hop
    later."""

    services, endpoints = SERVICES // TENTH, ENDPOINTS // TENTH

    def __init__(self, children, cpu):
        super().__init__(children, cpu, self.services, self.endpoints, spaces=SPACES)
        listed = self.cluster.request("GET", f"{SLICES}?labelSelector=service.kubernetes.io/headless")
        self.slices = {i["metadata"]["labels"]["kubernetes.io/service-name"]: i["metadata"]["name"]
                       for i in listed["items"]}
        self.moves = itertools.count()

    def move(self, number, address):
        name, space = name_of(number)
        now = time.monotonic_ns()
        self.cluster.request("PATCH", self.cluster.url("EndpointSlice", space, self.slices[name]), [
            {"op": "replace", "path": "/endpoints/0/addresses/0", "value": address}],
            "application/json-patch+json")
        return now

    def watch(self, children):
        path, version = self.cluster.path, self.cluster.request(
            "GET", f"{SLICES}?limit=1")["metadata"]["resourceVersion"]
        if not servers.find("openssl"):
            raise BenchError("openssl is not installed (Debian package openssl)")
        ours, theirs = socket.socketpair()
        argv = ["openssl", "s_client", "-quiet", "-verify_return_error", "-alpn", "h2", "-connect",
                f"127.0.0.1:{self.cluster.port}", "-CAfile", path("ca.crt"), "-cert", path("admin.crt"),
                "-key", path("admin.key")]
        children.spawn(argv, "openssl", self.cpu, urgent=True, stdin=theirs, stdout=theirs)
        theirs.close()
        ours.sendall(http2_begin())
        # Settings must not be acknowledged before they arrive.
        if not select.select([ours], [], [], WATCH_TIMEOUT_S)[0]:
            raise BenchError("the API server sends nothing to a bare watcher")
        ours.sendall(http2_watch(version))
        return ours


# --- the server under load ---

class Loaded:
    """A server that has read the whole cluster, and its query file."""

    def __init__(self, bench, folder, children, source, server):
        self.bench, self.folder, self.children = bench, folder, children
        self.source, self.server = source, server
        self.server_cpu, self.client_cpu = two_cores()
        place, ready = servers.Place(folder, free_port(), 0, bench.wildcard), free_port()
        text = kubernetes.corefile(place, source.corefile_lines, ready=ready)
        self.port, self.metrics = place.port, re.search(r"prometheus (\S+)", text).group(1)
        self.child = server.start(children, place, self.server_cpu, text=text)
        kubernetes.wait_until_ready(self.child, ready)
        self.queries = os.path.join(folder, "changes.txt")
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in lines(source.services))
        self.max_qps = self.probe()

    def dnsperf(self, seconds, *more):
        return ["dnsperf", "-s", "127.0.0.1", "-p", self.port, "-d", self.queries, "-c", cached.SOURCES,
                "-T", 1, "-l", seconds, "-W", *more]

    def probe(self):
        out, _ = self.children.run(self.dnsperf(PROBE_S), "dnsperf", self.client_cpu)
        completed, _, elapsed, _ = cached.parse_dnsperf(out)
        return completed / elapsed

    @contextlib.contextmanager
    def load(self):
        """Runs dnsperf at SHARE of the maximum during the body; afterwards the dictionary has its figures."""
        figures = {}
        child = self.children.spawn(self.dnsperf(3600, "-Q", int(self.max_qps * SHARE)), "dnsperf",
                                    self.client_cpu)
        time.sleep(0.5)
        before, began = self.child.cpu().total, time.monotonic()
        yield figures
        figures["busy"] = (self.child.cpu().total - before) / (time.monotonic() - began)
        child.check()
        child.end(grace=20, first=signal.SIGINT)
        with open(child.log, encoding="utf-8", errors="replace") as f:
            completed, lost, elapsed, failed = cached.parse_dnsperf(f.read())
        figures.update(qps=completed / elapsed, lost=lost, failed=failed)

    def row(self, **more):
        return {"source": self.source.name, "services": self.source.services,
                "endpoints": self.source.endpoints, "pods": 0, "server": self.server.name,
                "version": self.server.version(), "max_qps": self.max_qps, "share": SHARE, **more}


# --- (a) a changed endpoint ---

def quantile(values, q):
    """The smallest value that a share of q of the values does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(q * len(ranked)) - 1)] if ranked else math.nan


class Observer:
    """`change`: a client, a bare watcher, and a second one on the server's core."""

    def __init__(self, loaded):
        socks = [loaded.source.watch(loaded.children) for _ in range(2)]
        argv = [os.path.join(loaded.bench.build, "bench", "change"), "-p", loaded.port, "-w",
                socks[0].fileno(), "-n", socks[1].fileno(), "-c", loaded.server_cpu]
        self.child = loaded.children.spawn(
            argv, "change", loaded.client_cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            pass_fds=[sock.fileno() for sock in socks])
        for sock in socks:
            sock.close()

    def line(self):
        text = self.child.popen.stdout.readline()
        if not text:
            self.child.popen.wait()
            raise BenchError(f"change ended:\n{self.child.last_output()}")
        return text

    def change(self, name, address, move):
        self.child.popen.stdin.write(f"{name} {address}\n")
        self.child.popen.stdin.flush()
        self.line()
        moved = move()
        return {**json.loads(self.line()), "moved_ns": moved}


def observe(loaded, count):
    """Makes `count` changes, one after the other."""
    source, pick = loaded.source, random.Random(queries.SEED)
    headless = list(range(0, source.services, clusters.HEADLESS_EVERY))
    observer, seen = Observer(loaded), []
    for i in range(count):
        number, address = headless[i % len(headless)], new_address(next(source.moves))
        name = ".".join((*name_of(number), clusters.ZONE))
        seen.append(observer.change(name, address, functools.partial(source.move, number, address)))
        time.sleep(pick.random() * GAP_S)
    observer.child.popen.stdin.close()
    observer.child.popen.wait(10)
    return seen


def summary(seen):
    """In milliseconds. A change not seen by all within ten seconds counts as lost."""
    whole = [s for s in seen if s["seen_ns"] and s["answered_ns"] and s["neighbour_ns"]]
    row = {"changes": len(seen), "lost_changes": len(seen) - len(whole),
           "wrong": sum(s["wrong"] for s in seen), "back": sum(s["back"] for s in seen),
           "realtime": all(s["realtime"] for s in seen), "samples": seen}
    for name, values in (("answer", [s["answered_ns"] - s["seen_ns"] for s in whole]),
                         ("neighbour", [s["neighbour_ns"] - s["seen_ns"] for s in whole]),
                         ("whole", [s["answered_ns"] - s["moved_ns"] for s in whole]),
                         ("late", [s["worst_late_us"] * 1000 for s in whole])):
        row.update({f"{name}_p{q}_ms": quantile(values, q / 100) / 1e6 for q in (50, 99, 100)})
    return row


def changes(loaded):
    """The watcher on the server's core shows the noise of other processes there. The round is repeated until the noise
    is low; the round with the lowest noise counts."""
    count, rounds = CHANGES_QUICK if loaded.bench.quick else CHANGES, []
    while len(rounds) < ROUNDS_MAX:
        with loaded.load() as figures:
            seen = observe(loaded, count)
        rounds.append({**summary(seen), **figures})
        if rounds[-1]["neighbour_p99_ms"] <= NEIGHBOUR_MS:
            break
    best = min(rounds, key=lambda row: row["neighbour_p99_ms"])
    return loaded.row(**best, rounds=len(rounds))


# --- (b) relists ---

class Lists:
    """How often each kind was fully listed, by the server's own metric, otherwise by the stub's count."""

    def __init__(self, loaded):
        self.loaded, self.own = loaded, loaded.server.name == "nodens"

    def now(self):
        if not self.own:
            return self.loaded.source.lists()
        with urllib.request.urlopen(f"http://{self.loaded.metrics}/metrics", timeout=30) as reply:
            text = reply.read().decode()
        return [int(float(n)) for n in re.findall(r"^nodens_kubernetes_lists_total\{.*\} (\S+)", text, re.M)]

    def wait(self, before=()):
        """Waits until no list is in progress and each count is above `before`; returns the counts."""
        deadline = time.monotonic() + RELIST_TIMEOUT_S
        while time.monotonic() < deadline:
            self.loaded.child.check()
            now = self.now()
            if now and all(n > b for n, b in zip(now, before)):
                return now
            time.sleep(0.02)
        raise BenchError(f"{self.loaded.server.name} has not relisted everything within {RELIST_TIMEOUT_S} s")


def rss_kib(child):
    return int(child.memory()["rss"] * 1024)


def relists(loaded, count):
    """Causes `count` relists; all answers are compared with those before."""
    argv = [os.path.join(loaded.bench.build, "bench", "openloop"), "-p", loaded.port, "-d",
            loaded.queries, "-c", cached.SOURCES, "-r", CHECKED_QPS, "-l", 3600, "-k", 1, "-z"]
    lists = Lists(loaded)
    before_kib = rss_kib(loaded.child)
    checker = loaded.children.spawn(argv, "openloop", loaded.client_cpu)
    time.sleep(2)
    took, rss = [], []
    with loaded.load() as figures:
        for _ in range(count):
            listed, began = lists.wait(), time.monotonic()
            loaded.source.ask("expire")
            lists.wait(listed)
            took.append(time.monotonic() - began)
            rss.append(rss_kib(loaded.child))
            checker.check()
    checker.end(grace=20)
    with open(checker.log, encoding="utf-8", errors="replace") as f:
        out = f.read()
    if '{"questions"' not in out:
        raise BenchError(f"openloop on {loaded.server.name}:\n{out}")
    answers = json.loads(out[out.index("{"):])
    return loaded.row(relists=count, seconds_median=statistics.median(took), seconds_max=max(took),
                      before_kib=before_kib, after_kib=rss[-1], rss_kib=rss,
                      answers=answers, difference=out[:out.index("{")].strip(), **figures)


# --- all of it ---

def wanted(bench, server):
    return not server.missing() and (not bench.only or server.name in bench.only)


def measure(bench, folder):
    result = {"changes": [], "relists": []}
    for kind in (Stub, Real):
        with Children(folder) as children:
            _, client_cpu = two_cores()
            source = kind(children, client_cpu)
            try:
                for server in (servers.Nodens(bench.build), servers.CoreDNS()):
                    if wanted(bench, server):
                        measure_one(bench, folder, children, source, server, result)
            finally:
                source.close()
    return result


def measure_one(bench, folder, children, source, server, result):
    loaded = Loaded(bench, folder, children, source, server)
    print(f"changes, {source.name}, {server.name}: {loaded.max_qps:.0f} answers a second at most",
          flush=True)
    result["changes"].append(changes(loaded))
    if source.name == Stub.name:
        count = RELISTS_QUICK if bench.quick else RELISTS
        if server.name != "nodens":
            count = RELISTS_PEER
        result["relists"].append(relists(loaded, count))
    loaded.child.end()
