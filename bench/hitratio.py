# SPDX-License-Identifier: Apache-2.0
"""The cache's hit ratio with few entries, by its own table and generated requests (hitratio.c), and its memory: the
growth of the RSS by 10,000 names."""

import os
import socket

import servers
import start
from proc import Children, ask, free_port, two_cores, wait_for_answer

ENTRIES = 1024
REQUESTS = 2_000_000
NAMES = (20_000, 100_000, 1_000_000)
STORED = 10_000
WARM = 200


def ratios(bench, folder):
    for names in NAMES:
        with Children(folder) as children:
            text, _ = children.run([os.path.join(bench.build, "bench", "hitratio"), names, ENTRIES, REQUESTS, 1],
                                   "hitratio")
        ours, random, random4 = (float(word) for word in text.split())
        yield {"names": names, "ours": ours, "random": random, "random4": random4}


def growth(bench, folder):
    """MiB."""
    with Children(folder) as children:
        _, upstream, _ = servers.standin(children, bench.build, folder, two_cores()[1])
        place = servers.Place(folder, free_port(), upstream, bench.wildcard)
        child = servers.Nodens(bench.build).start(children, place, two_cores()[0])
        wait_for_answer(child, place.port, "warm.test", start.TIMEOUT_S)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", place.port))
            s.settimeout(start.TIMEOUT_S)
            for i in range(WARM):
                ask(s, f"warm{i}.test")
            before = child.memory()["rss"]
            for i in range(STORED):
                ask(s, f"name{i}.test")
            return child.memory()["rss"] - before


def measure(bench, folder):
    return {"ratios": list(ratios(bench, folder)), "growth_mib": growth(bench, folder)}
