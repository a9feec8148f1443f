# SPDX-License-Identifier: Apache-2.0
"""The queries of the benchmark: the same for every server and every run.

1,000 names like those of a cluster, one in ten of them nonexistent, drawn by Zipf's law with a fixed seed; 60 % of the
queries are for A, the others for AAAA. The stand-in upstream answers every name; it answers NXDOMAIN if the first label
begins with "nx".
"""

import itertools
import random

NAMES = 1000
NXDOMAIN_EVERY = 10  # every tenth name by rank, among popular and rare names
A_SHARE = 0.6
LINES = 50_000
SEED = 20261124
EXPONENT = 1.0
ZONE = "bench.example"

_SERVICES = ("api", "auth", "billing", "cart", "frontend-web", "gateway", "kafka", "mail", "orders",
             "postgres-primary", "redis", "search", "stock-level", "users")
_NAMESPACES = ("default", "shop", "payments", "monitoring", "data-platform", "team-a")


def names(count=NAMES):
    """The names by rank, the most popular first; the lengths of the first answers differ."""
    pick = random.Random(SEED)
    out = []
    for rank in range(count):
        prefix = "nx-" if rank % NXDOMAIN_EVERY == NXDOMAIN_EVERY - 1 else ""
        service, namespace = pick.choice(_SERVICES), pick.choice(_NAMESPACES)
        out.append(f"{prefix}{service}-{rank}.{namespace}.{ZONE}")
    return out


def lines(count=LINES):
    """`count` lines of a dnsperf query file."""
    pick = random.Random(SEED + 1)
    ranked = names()
    weights = list(itertools.accumulate(1 / (rank + 1) ** EXPONENT for rank in range(len(ranked))))
    drawn = pick.choices(ranked, cum_weights=weights, k=count)
    # Every name once at the start: warming and checking cover all of them.
    both = [f"{name} {kind}" for name in ranked for kind in ("A", "AAAA")]
    return both + [f"{name} {'A' if pick.random() < A_SHARE else 'AAAA'}" for name in drawn]


def write(path, count=LINES):
    with open(path, "w", encoding="ascii") as f:
        f.writelines(line + "\n" for line in lines(count))
