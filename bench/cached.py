# SPDX-License-Identifier: Apache-2.0
"""The cost of a cached answer: every server compared with the bare echo of the same round."""

import json
import os
import re
import statistics
from dataclasses import asdict, dataclass

import queries
import servers
from proc import BenchError, Children, free_port, two_cores, wait_for_answer

SOURCES = 128
DRIFT_MAX = 0.05       # between the echoes at the start and the end of a round
ATTEMPTS_A_ROUND = 3   # then the machine is too noisy; the rounds so far are reported
SETTLE_S = 1           # discarded load before the first round


@dataclass
class Sample:
    """One dnsperf run against one server."""

    qps: float
    completed: int
    lost: int
    cpu_us: float     # per query
    user_us: float
    system_us: float
    busy: float       # share of the run in which the server's core was busy
    forwarded: int    # queries that reached the stand-in upstream: not answered from the cache
    failed: int       # answers that are neither NOERROR nor NXDOMAIN


@dataclass
class Running:
    """A started server."""

    server: object
    child: object
    port: int

    @property
    def name(self):
        return self.server.name


def parse_dnsperf(text):
    """Returns (completed, lost, seconds, failed answers) from dnsperf's report."""

    def number(label):
        found = re.search(rf"{label}:\s+([\d.]+)", text)
        if not found:
            raise BenchError(f"dnsperf's report has no '{label}':\n{text}")
        return float(found.group(1))

    codes = re.search(r"Response codes:\s+(.*)", text)
    failed = sum(int(count) for code, count in re.findall(r"([A-Z]+) (\d+)",
                                                          codes.group(1) if codes else "")
                 if code not in ("NOERROR", "NXDOMAIN"))
    return (int(number("Queries completed")), int(number("Queries lost")),
            number(r"Run time \(s\)"), failed)


class Cached:
    """The whole measurement; `bench` has the options (see run.py)."""

    def __init__(self, bench, folder, children):
        self.bench, self.folder, self.children = bench, folder, children
        self.server_cpu, self.client_cpu = two_cores()
        self.queries = os.path.join(folder, "queries.txt")
        self.running, self.absent = [], {}

    def start_all(self):
        queries.write(self.queries)
        self.standin, self.upstream, self.forwarded = servers.standin(
            self.children, self.bench.build, self.folder, self.client_cpu)
        for kind in (servers.Echo, servers.Nodens, *servers.PEERS):
            server = kind(self.bench.build)
            if not self.wanted(server):
                continue
            reason = server.missing()
            if reason and kind in (servers.Echo, servers.Nodens):
                raise BenchError(f"{reason}: run ./dev build first")
            if reason:
                self.absent[server.name] = reason
            else:
                self.start(server)
        self.echo = self.running[0]

    def wanted(self, server):
        return not self.bench.only or server.name in (*self.bench.only, "echo")

    def start(self, server):
        place = servers.Place(self.folder, free_port(), self.upstream, self.bench.wildcard)
        child = server.start(self.children, place, self.server_cpu)
        wait_for_answer(child, place.port, queries.names(1)[0])
        self.add(server, child, place.port)

    def add(self, server, child, port):
        self.running.append(Running(server, child, port))

    def openloop(self, running, edns, rate=None):
        """Warms the cache or, with a rate, measures latency and compares answers; returns the tool's JSON."""
        argv = [os.path.join(self.bench.build, "bench", "openloop"), "-p", running.port,
                "-d", self.queries, "-c", SOURCES]
        if edns:
            argv.append("-e")
        if rate:
            argv += ["-r", int(rate), "-l", self.bench.seconds]
        # Status 1 means that answers differ, which is a result and not a failure of the tool.
        out, _ = self.children.run(argv, "openloop", self.client_cpu, ok=(0, 1),
                                   timeout=self.bench.seconds + 120)
        report = out[out.index("{"):]
        if not report.startswith('{"questions"'):
            raise BenchError(f"openloop on {running.name}:\n{out}")
        result = json.loads(report)
        result["difference"] = out[:out.index("{")].strip()
        return result

    def sample(self, running, edns, seconds):
        argv = ["dnsperf", "-s", "127.0.0.1", "-p", running.port, "-d", self.queries,
                "-c", SOURCES, "-T", 1, "-l", seconds, "-W"]
        if edns:
            argv.append("-e")
        running.child.check()
        self.standin.check()
        before, forwarded = running.child.cpu(), self.forwarded()
        out, _ = self.children.run(argv, "dnsperf", self.client_cpu, timeout=seconds + 60)
        used = running.child.cpu() - before
        completed, lost, elapsed, failed = parse_dnsperf(out)
        if not completed:
            raise BenchError(f"{running.name} answered nothing:\n{out}")
        each = used.total * 1e6 / completed
        user = used.user / ((used.user + used.system) or 1)
        return Sample(qps=completed / elapsed, completed=completed, lost=lost, cpu_us=each,
                      user_us=each * user, system_us=each * (1 - user),
                      busy=used.total / elapsed, forwarded=self.forwarded() - forwarded,
                      failed=failed)

    def round(self, number, edns):
        """Returns {name: Sample}, with the drift between the two echoes and their mean as the floor."""
        seconds = self.bench.seconds
        others = self.running[1:]
        turn = number % len(others) if others else 0
        first = self.sample(self.echo, edns, seconds)
        samples = {r.name: self.sample(r, edns, seconds) for r in others[turn:] + others[:turn]}
        last = self.sample(self.echo, edns, seconds)
        low, high = sorted((first.cpu_us, last.cpu_us))
        return {"drift": high / low - 1, "floor_us": (low + high) / 2,
                "echoes": (first, last), "samples": samples}

    def rounds(self, edns):
        good, repeated = [], 0
        for attempt in range(self.bench.rounds * ATTEMPTS_A_ROUND):
            result = self.round(attempt, edns)
            figures = f"echo {result['floor_us']:.2f} us; " + ", ".join(
                f"{name} x{s.cpu_us / result['floor_us']:.2f}"
                for name, s in result["samples"].items())
            if result["drift"] > DRIFT_MAX:
                repeated += 1
                print(f"  round discarded: its echoes differ by {result['drift']:.1%} "
                      f"({figures})", flush=True)
                continue
            good.append(result)
            print(f"  round {len(good)}: {figures}", flush=True)
            if len(good) == self.bench.rounds:
                return good, repeated
        if not good:
            raise BenchError(f"the machine is too noisy: in none of {repeated} rounds did the two "
                             f"echoes agree within {DRIFT_MAX:.0%}")
        print(f"  the machine is noisy: {len(good)} of {self.bench.rounds} rounds were kept")
        return good, repeated

    def mode(self, edns):
        label = "edns" if edns else "plain"
        print(f"{label}: warming", flush=True)
        for running in self.running:
            self.openloop(running, edns)
            self.sample(running, edns, SETTLE_S)
        rounds, repeated = self.rounds(edns)
        rows = [self.row(running, rounds, edns) for running in self.running]
        return {"mode": label, "rounds": len(rounds), "repeated": repeated, "servers": rows}

    def row(self, running, rounds, edns):
        if running is self.echo:
            # Both of its runs: their distance from the mean is the error of the measurement.
            pairs = [(s, r["floor_us"]) for r in rounds for s in r["echoes"]]
        else:
            pairs = [(r["samples"][running.name], r["floor_us"]) for r in rounds]
        samples = [s for s, _ in pairs]
        ratios = [s.cpu_us / floor for s, floor in pairs]
        qps = statistics.median(s.qps for s in samples)
        latency = self.openloop(running, edns, rate=qps / 2)

        def median(field):
            return statistics.median(getattr(s, field) for s in samples)

        return {"name": running.name, "version": running.server.version(), "qps": qps,
                "cpu_us": median("cpu_us"), "user_us": median("user_us"),
                "system_us": median("system_us"), "busy": median("busy"),
                "ratio": statistics.median(ratios), "ratio_min": min(ratios),
                "ratio_max": max(ratios), "lost": sum(s.lost for s in samples),
                "failed": sum(s.failed for s in samples),
                "forwarded": sum(s.forwarded for s in samples),
                "completed": sum(s.completed for s in samples),
                "memory_mib": running.child.memory(), "latency": latency,
                "samples": [asdict(s) for s in samples]}


def measure(bench, folder):
    """Returns the figures that `./dev bench cached` prints, as one dictionary."""
    with Children(folder) as children:
        cached = Cached(bench, folder, children)
        cached.start_all()
        for name, reason in cached.absent.items():
            print(f"{name}: skipped: {reason}")
        modes = [cached.mode(edns) for edns in (False, True)]
        return {"modes": modes, "absent": cached.absent, "seconds": bench.seconds,
                "sources": SOURCES, "wildcard": bench.wildcard,
                "cores": {"server": cached.server_cpu, "client": cached.client_cpu}}
