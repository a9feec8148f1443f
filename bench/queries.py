# SPDX-License-Identifier: Apache-2.0
"""The questions of the benchmark: the same ones for everybody, every time.

1,000 names as a cluster asks them, one in ten of which does not exist, drawn by Zipf's law with a
fixed seed; six in ten questions ask for A, the others for AAAA. The stand-in answers every name;
a first label that begins with "nx" is its mark for NXDOMAIN.
"""

import itertools
import random

NAMES = 1000
NXDOMAIN_EVERY = 10  # every tenth name by rank: hot and cold ones alike
A_SHARE = 0.6
LINES = 50_000
SEED = 20261124
EXPONENT = 1.0
ZONE = "bench.example"

_SERVICES = ("api", "auth", "billing", "cart", "frontend-web", "gateway", "kafka", "mail", "orders",
             "postgres-primary", "redis", "search", "stock-level", "users")
_NAMESPACES = ("default", "shop", "payments", "monitoring", "data-platform", "team-a")


def names(count=NAMES):
    """The names by rank, the hottest first; the first answers are of different lengths."""
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
    # Every name once in front: warming up and checking meet all of them.
    both = [f"{name} {kind}" for name in ranked for kind in ("A", "AAAA")]
    return both + [f"{name} {'A' if pick.random() < A_SHARE else 'AAAA'}" for name in drawn]


def write(path, count=LINES):
    with open(path, "w", encoding="ascii") as f:
        f.writelines(line + "\n" for line in lines(count))
