# SPDX-License-Identifier: Apache-2.0
"""The cost of a forwarded query, over UDP and over TCP, and of a cached answer over TCP; cached answers in a flood."""

import os
import re
import statistics
import urllib.request
from dataclasses import asdict

import queries
import servers
from cached import DRIFT_MAX, Cached, Running, parse_dnsperf
from proc import BenchError, Children, free_port, two_cores, wait_for_answer

UNIQUE = 400_000        # names of a query file; no round asks for one twice
STREAMS = 20            # TCP connections of the client, pipelined
FLOOD_STEPS = (0.4, 0.6, 0.8, 1.0, 1.2)     # shares of the estimated capacity, to find the peak

ROWS = {                # name: options of forward
    "udp": "",
    "tcp": "force_tcp",
}


def corefile(place, option, cache, metrics=None):
    bind = "" if place.wildcard else "bind 127.0.0.1"
    return f"""\
.:{place.port} {{
    {bind}
    errors
    prometheus 127.0.0.1:{metrics or free_port()}
    forward . 127.0.0.1:{place.upstream} {{
        {option}
    }}
    {f"cache {servers.DAY}" if cache else ""}
    loadbalance
}}
"""


class Forwarded(Cached):
    """Rounds in which every server forwards each query. The floor of a round is two echoes: a server receives and sends
    two messages a query."""

    def start_all(self):
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(f"u{i}.{queries.ZONE} A\n" for i in range(UNIQUE))
        self.standin, self.upstream, self.forwarded = servers.standin(
            self.children, self.bench.build, self.folder, self.client_cpu)
        echo = servers.Echo(self.bench.build)
        self.start(echo)
        self.echo = self.running[0]
        for kind in (servers.Nodens, servers.CoreDNS):
            server = kind(self.bench.build)
            reason = server.missing()
            if reason and kind is servers.Nodens:
                raise BenchError(f"{reason}: run ./dev build first")
            if reason:
                self.absent[server.name] = reason
                continue
            for name, option in ROWS.items():
                if self.wanted(server):
                    self.start_as(server, name, option)

    def start_as(self, server, name, option):
        folder = os.path.join(self.folder, f"{server.name}-{name}")
        os.mkdir(folder)
        place = servers.Place(folder, free_port(), self.upstream, self.bench.wildcard)
        child = server.start(self.children, place, self.server_cpu, text=corefile(place, option, False))
        wait_for_answer(child, place.port, queries.names(1)[0])
        self.running.append(Named(server, child, place.port, f"{server.name}, {name}"))

    def measure(self):
        for running in self.running[1:]:
            self.sample(running, False, 1)
        rounds, repeated = self.rounds(False)
        rows = []
        for running in self.running[1:]:
            samples = [r["samples"][running.name] for r in rounds]
            ratios = [s.cpu_us / (2 * r["floor_us"]) for s, r in zip(samples, rounds)]
            rows.append({"name": running.name, "server": running.server.name,
                         "cpu_us": statistics.median(s.cpu_us for s in samples),
                         "qps": statistics.median(s.qps for s in samples),
                         "ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
                         "lost": sum(s.lost for s in samples), "failed": sum(s.failed for s in samples),
                         "samples": [asdict(s) for s in samples]})
        return {"rounds": len(rounds), "repeated": repeated, "rows": rows}


class Named(Running):
    """A server that runs more than once, by another name."""

    def __init__(self, server, child, port, label):
        super().__init__(server, child, port)
        self.label = label

    @property
    def name(self):
        return self.label


class OneServer:
    """nodens with a warm cache: cached answers over TCP beside UDP, and under a flood."""

    def __init__(self, bench, folder, children):
        self.bench, self.folder, self.children = bench, folder, children
        self.server_cpu, self.client_cpu = two_cores()
        self.queries = os.path.join(folder, "cached.txt")
        queries.write(self.queries)
        _, upstream, _ = servers.standin(children, bench.build, folder, self.client_cpu)
        place = servers.Place(folder, free_port(), upstream, bench.wildcard)
        self.metrics = free_port()
        self.child = servers.Nodens(bench.build).start(children, place, self.server_cpu,
                                                       text=corefile(place, "", True, self.metrics))
        self.port = place.port
        wait_for_answer(self.child, self.port, queries.names(1)[0])
        self.dnsperf(1)

    def dnsperf(self, seconds, *more):
        """(answered, lost, CPU us a query, answered a second)"""
        before = self.child.cpu()
        argv = ["dnsperf", "-s", "127.0.0.1", "-p", self.port, "-d", self.queries, "-T", 1, "-l", seconds, "-W", *more]
        out, _ = self.children.run(argv, "dnsperf", self.client_cpu, timeout=seconds + 60)
        used = self.child.cpu() - before
        completed, lost, elapsed, _ = parse_dnsperf(out)
        if not completed:
            raise BenchError(f"nodens answered nothing:\n{out}")
        return completed, lost, used.total * 1e6 / completed, completed / elapsed

    def streams(self):
        rounds = []
        while len(rounds) < self.bench.rounds:
            *_, before, _ = self.dnsperf(self.bench.seconds, "-c", STREAMS)
            _, lost, tcp, qps = self.dnsperf(self.bench.seconds, "-c", STREAMS, "-m", "tcp", "-q", 100 * STREAMS)
            *_, after, _ = self.dnsperf(self.bench.seconds, "-c", STREAMS)
            drift = max(before, after) / min(before, after) - 1
            rounds.append({"tcp_us": tcp, "udp_us": (before + after) / 2, "drift": drift, "lost": lost, "qps": qps,
                           "ratio": 2 * tcp / (before + after)})
            print(f"  TCP {tcp:.2f} us, UDP {before:.2f} and {after:.2f} us"
                  f"{' (noisy)' if drift > DRIFT_MAX else ''}", flush=True)
        return {"rounds": rounds, "ratio": statistics.median(r["ratio"] for r in rounds),
                "tcp_us": statistics.median(r["tcp_us"] for r in rounds),
                "udp_us": statistics.median(r["udp_us"] for r in rounds), "lost": sum(r["lost"] for r in rounds)}


    def flooded(self, rate):
        """(sent a second, answered a second); rate 0: as fast as the machine can send."""
        before, argv = self.answered(), [os.path.join(self.bench.build, "bench", "flood"), "-p", self.port, "-d",
                                         self.queries, "-r", int(rate), "-l", self.bench.seconds]
        out, _ = self.children.run(argv, "flood", self.client_cpu, timeout=self.bench.seconds + 60)
        sent, elapsed = out.split()
        return int(sent) / float(elapsed), (self.answered() - before) / float(elapsed)

    def answered(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as page:
            text = page.read().decode()
        return sum(float(x) for x in re.findall(r"^coredns_dns_responses_total{.*} (\S+)$", text, re.MULTILINE))

    def overload(self):
        """The peak is the most that it answers at any rate that is not far above it."""
        *_, cpu_us, _ = self.dnsperf(self.bench.seconds)
        steps = [self.flooded(share * 1e6 / cpu_us) for share in FLOOD_STEPS]
        sent, answered = self.flooded(0)
        peak = max(a for _, a in steps)
        return {"steps": steps, "peak_qps": peak, "sent_qps": sent, "answered_qps": answered, "ratio": answered / peak}


def measure(bench, folder):
    with Children(folder) as children:
        forwarded = Forwarded(bench, folder, children)
        forwarded.start_all()
        print("forwarded", flush=True)
        result = forwarded.measure()
        result["absent"] = forwarded.absent
    with Children(folder) as children:
        print("cached over TCP", flush=True)
        server = OneServer(bench, folder, children)
        result["streams"] = server.streams()
        print("flooded", flush=True)
        result["overload"] = server.overload()
    return result
