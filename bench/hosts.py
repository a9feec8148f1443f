# SPDX-License-Identifier: Apache-2.0
"""A hosts file that blocks a million names: CPU time and memory to load it, and to load it again when it changes."""

import os
import random
import statistics

import servers
from proc import BenchError, Children, free_port, wait_for_answer

LINES = 1_000_000
LAST = "last.example"   # the last line of the file
TIMEOUT_S = 60


def write_list(path, lines):
    """The same names every time; replaced as `mv` does."""
    r = random.Random(1)
    with open(path + ".new", "w", encoding="ascii") as f:
        for i in range(lines):
            label = "".join(r.choices("abcdefghij", k=8))
            f.write(f"0.0.0.0 ad{i}.{label}.example-{i % 5000}.com\n")
        f.write(f"0.0.0.0 {LAST}\n")
    os.replace(path + ".new", path)


def add_name(path, name):
    """Replaces the file by a copy with one more line."""
    with open(path, encoding="ascii") as old, open(path + ".new", "w", encoding="ascii") as f:
        f.write(old.read() + f"0.0.0.0 {name}\n")
    os.replace(path + ".new", path)


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / 1024


def once(children, server, folder, table):
    """One start: the figures of the first load, then of one change."""
    place = servers.Place(folder, free_port(), 0)
    text = f".:{place.port} {{\n    bind 127.0.0.1\n    hosts {table} {{\n        reload 1s\n    }}\n}}\n"
    child = server.start(children, place, None, text)
    try:
        wait_for_answer(child, place.port, LAST, TIMEOUT_S)
        row = {"cpu_s": child.cpu().total, "rss_mib": child.memory()["rss"]}
        add_name(table, "added.example")
        wait_for_answer(child, place.port, "added.example", TIMEOUT_S)
        row["change_cpu_s"] = child.cpu().total - row["cpu_s"]
        row["peak_mib"] = peak_mib(child.pid)
        return row
    finally:
        child.end()


def measure(bench, folder):
    starts, lines = (1, LINES // 10) if bench.quick else (3, LINES)
    table = os.path.join(folder, "hosts")
    rows, missing = {}, []
    with Children(folder) as children:
        for server in (servers.Nodens(bench.build), servers.CoreDNS()):
            if server.missing():
                missing.append(server.missing())
                continue
            runs = []
            for _ in range(starts):
                write_list(table, lines)
                runs.append(once(children, server, folder, table))
            rows[server.name] = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
    if "nodens" not in rows:
        raise BenchError(f"{missing[0]}: run ./dev build first")
    return {"lines": lines, "starts": starts, "servers": rows, "missing": missing}
