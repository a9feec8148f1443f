# SPDX-License-Identifier: Apache-2.0
"""Upstreams and networks with faults: lookups that fail or come late, and packets. All of it in a network namespace of
its own (root), with packet filters that lose packets.

A lookup is one question over UDP at a planned time, without a retry (`nodens bench`)."""

import ctypes
import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
import time

import servers
from proc import BenchError, Children, free_port, wait_for_answer

CLONE_NEWNET = 0x40000000
LATE_MS = 300
RATES = (2, 100, 1000)          # queries a second beside a dead connection
ENDS = ("closes", "resets", "first", "half")
ENDS_LOOKUPS = 120
SLOW_CLIENTS = 3


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def drop(*matches):
    """Packets that match vanish from now on."""
    rules = "\n".join(m + " drop" for m in matches)
    nft(f"table inet dead {{\nchain in {{\ntype filter hook input priority 0;\n{rules}\n}}\n}}\n")


def flush():
    subprocess.run(["nft", "flush", "ruleset"], check=True)


def ports_to(port, proto):
    """Local ports of the sockets connected to the port."""
    found = set()
    for family in (proto, proto + "6"):
        with open("/proc/net/" + family, encoding="ascii") as f:
            for row in f.read().splitlines()[1:]:
                fields = row.split()
                if int(fields[2].rsplit(":", 1)[1], 16) == port and (proto == "udp" or fields[3] == "01"):
                    found.add(int(fields[1].rsplit(":", 1)[1], 16))
    return sorted(found)


def silence(port, proto):
    """Packets of the sockets that are connected to the port vanish from now on; new sockets work. Returns how many."""
    mine = ports_to(port, proto)
    if mine:
        ports = ", ".join(map(str, mine))
        drop(f"{proto} sport {{ {ports} }} {proto} dport {port}", f"{proto} dport {{ {ports} }} {proto} sport {port}")
    return len(mine)


def count_packets(ports, lose=False):
    """Counts the packets to UDP ports as they are sent; with `lose`, one in a hundred is lost, each way."""
    to = ", ".join(map(str, ports))
    nft(f"table inet count {{\ncounter sent {{ }}\n"
        f"chain out {{\ntype filter hook output priority 0;\nudp dport {{ {to} }} counter name sent\n}}\n}}\n")
    if lose:
        drop(f"udp dport {{ {to} }} numgen random mod 100 < 1", f"udp sport {{ {to} }} numgen random mod 100 < 1")


def sent():
    out = subprocess.run(["nft", "list", "counter", "inet", "count", "sent"], capture_output=True, text=True,
                         check=True).stdout
    return int(re.search(r"packets (\d+)", out).group(1))


class Setup:
    """A server that forwards to upstreams, and lookups at it."""

    def __init__(self, bench, server, modes, options="", folder=None):
        self.folder = os.path.join(folder, f"{server.name}-{time.monotonic_ns()}")
        os.mkdir(self.folder)
        self.bench, self.children = bench, Children(self.folder)
        self.upstreams = [free_port() for _ in modes]
        for port, mode in zip(self.upstreams, modes):
            self.children.spawn([sys.executable, os.path.join(servers.HERE, "moody.py"), port, mode], "moody")
        place = servers.Place(self.folder, free_port(), self.upstreams[0])
        self.port, self.files = place.port, 0
        to = " ".join(f"127.0.0.1:{p}" for p in self.upstreams)
        text = f".:{place.port} {{\n    bind 127.0.0.1\n    errors\n    forward . {to} {{\n        {options}\n" \
               "    }\n}\n"
        time.sleep(0.3)
        self.child = server.start(self.children, place, None, text)
        if "silent" not in modes:
            wait_for_answer(self.child, place.port, "first.bench")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        flush()
        self.children.__exit__()

    def lookups(self, rate, seconds, label="q", n=0, late_ms=LATE_MS):
        """Starts them; result() waits. n: at most so many; 0: as many as the time has. Those that take longer than
        twice late_ms after the end are cancelled, and count as failed."""
        self.files += 1
        path = os.path.join(self.folder, f"names{self.files}")
        with open(path, "w", encoding="ascii") as f:
            f.writelines(f"{label}{self.files}-{i}.bench. A\n" for i in range(n or int(rate * seconds)))
        argv = [os.path.join(self.bench.build, "nodens"), "bench", "-queries", path, "-server", "127.0.0.1", "-port",
                self.port, "-rate", rate, "-c", 8000, "-d", math.ceil(seconds), "-n", n or int(rate * seconds),
                "-l", late_ms, "-options", "attempts:1 timeout:8", "-json", "-q"]
        return self.children.spawn(argv, "lookups", stdout=subprocess.PIPE)

    @staticmethod
    def result(child):
        out, _ = child.popen.communicate(timeout=120)
        if child.popen.returncode:
            raise BenchError(f"nodens bench failed:\n{child.last_output()}")
        r = json.loads(out)
        return {"lookups": r["requests"], "failed": r["errors"], "late": r["timeouts"], "p99_ms": r["ms"]["p99"],
                "p999_ms": r["ms"]["p99.9"], "max_ms": r["ms"]["max"]}

    def measure(self, rate, seconds, **more):
        return self.result(self.lookups(rate, seconds, **more))


def dead(bench, server, folder, proto, rate):
    """All sockets in use fall silent after a third of the time."""
    seconds = 4 if bench.quick else 9
    with Setup(bench, server, ["good"], "force_tcp" if proto == "tcp" else "", folder) as s:
        s.measure(max(rate, 100), 1)
        child = s.lookups(rate, seconds)
        time.sleep(seconds / 3)
        silenced = silence(s.upstreams[0], proto)
        return {"silenced": silenced, **s.result(child)}


def ordered(bench, server, folder):
    """Quick names beside slow ones, at an upstream that answers a connection in order."""
    seconds = 4 if bench.quick else 15
    with Setup(bench, server, ["ordered"], "force_tcp", folder) as s:
        slow = s.lookups(SLOW_CLIENTS, seconds + 2, label="slow", late_ms=3000)
        time.sleep(2)   # the server is to be known by then
        quick = s.measure(200, seconds)
        return {**quick, "slow_failed": s.result(slow)["failed"]}


def ends(bench, server, folder, mode):
    with Setup(bench, server, [mode], "force_tcp", folder) as s:
        r = s.measure(60, ENDS_LOOKUPS / 60, n=ENDS_LOOKUPS)
        return {"answered": r["lookups"] - r["failed"], "late": r["late"]}


def silent(bench, server, folder, n, rate):
    """Packets per question to a server that answers nothing."""
    with Setup(bench, server, ["silent"], "max_fails 0", folder) as s:
        time.sleep(1)
        count_packets(s.upstreams)
        r = s.measure(rate, max(n / rate, 1), n=n)
        return {"packets": sent() / r["lookups"]}


def lossy(bench, server, folder):
    seconds = 5 if bench.quick else 40
    with Setup(bench, server, ["late"], "", folder) as s:
        s.measure(200, 2)
        count_packets(s.upstreams, lose=True)
        r = s.measure(1000, seconds)
        return {**r, "extra": sent() / r["lookups"] - 1}


def one_of_two(bench, server, folder):
    """One of two upstreams stops answering: its process ends, and packets to it vanish."""
    with Setup(bench, server, ["good", "good"], "", folder) as s:
        s.measure(200, 2)
        child = s.lookups(1000, 4 if bench.quick else 8)
        time.sleep(1)
        drop(f"udp dport {s.upstreams[0]}", f"tcp dport {s.upstreams[0]}")
        return s.result(child)


def back(bench, server, folder):
    """All upstreams are away for 4 s: from their return to the first answer, ms."""
    with Setup(bench, server, ["good"], "", folder) as s:
        s.measure(100, 1)
        child = s.lookups(100, 7)
        time.sleep(1)
        drop(f"udp dport {s.upstreams[0]}", f"tcp dport {s.upstreams[0]}")
        time.sleep(4)
        flush()
        returned = time.monotonic()
        wait_for_answer(s.child, s.port, "again.bench")
        ms = (time.monotonic() - returned) * 1e3
        s.result(child)
        return {"first_ms": ms}


def rows(bench, server, folder):
    out = {}
    for proto in ("tcp", "udp"):
        for rate in RATES:
            out[f"dead {proto}, {rate}/s"] = dead(bench, server, folder, proto, rate)
    out["ordered"] = ordered(bench, server, folder)
    for mode in ENDS:
        out[mode] = ends(bench, server, folder, mode)
    out["silent, one"] = silent(bench, server, folder, 1, 1)
    out["silent, 2000"] = silent(bench, server, folder, 2000, 1000)
    out["lossy"] = lossy(bench, server, folder)
    out["one of two"] = one_of_two(bench, server, folder)
    out["back"] = back(bench, server, folder)
    return out


def in_namespace(bench, folder, pipe):
    """A process of its own, since a network namespace is a process's."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(CLONE_NEWNET):
            raise BenchError("a network namespace is needed: " + os.strerror(ctypes.get_errno()))
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        result = {"servers": {}, "missing": []}
        for kind in (servers.Nodens, servers.CoreDNS):
            server = kind(bench.build)
            reason = server.missing()
            if reason and kind is servers.Nodens:
                raise BenchError(reason)
            if reason or (bench.only and server.name not in bench.only):
                result["missing"].append(reason or f"{server.name}: not asked for")
                continue
            print(f"faults: {server.name}", flush=True)
            result["servers"][server.name] = rows(bench, server, folder)
        pipe.send(result)
    except BenchError as e:
        pipe.send(e)


def measure(bench, folder):
    if os.geteuid():
        raise BenchError("faults: needs root, for a network namespace and packet filters")
    here, there = multiprocessing.Pipe()
    worker = multiprocessing.get_context("fork").Process(target=in_namespace, args=(bench, folder, there))
    worker.start()
    there.close()
    try:
        result = here.recv()
    except EOFError:
        raise BenchError("faults: the measuring process failed") from None
    finally:
        worker.join()
    if isinstance(result, BenchError):
        raise result
    return result
