# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin: questions answered from the index (no cache plugin), and its memory.

Every server has the same cluster: nodens from a file, CoreDNS from a toy API server. The memory of large
clusters is that of the index alone (`kubeindex`), filled object by object as a list from an API server is.
"""

import itertools
import json
import os
import random
import sys

import queries
import servers
from cached import SOURCES, Cached
from proc import BenchError, Children, free_port, wait_for_answer

sys.path.insert(0, os.path.join(os.path.dirname(servers.HERE), "tests", "conformance"))
import standins  # noqa: E402

SERVICES, PER_HEADLESS, SPACES = 1000, 10, 20
HEADLESS_EVERY = 10   # the others have one address
ZONE = "svc.cluster.local"
# As in the issue: Services, endpoints, pods.
CLUSTERS = (("endpoints", 10_000, 250_000, 0), ("endpoints and pods", 10_000, 250_000, 150_000))


def name_of(number):
    return f"service-{number}", f"team-{number % SPACES}"


def meta(name, space=None, **labels):
    return {"name": name, "resourceVersion": "1", "uid": name,
            **({"namespace": space} if space else {}), **({"labels": labels} if labels else {})}


def service(number):
    name, space = name_of(number)
    address = ("None" if number % HEADLESS_EVERY == 0
               else f"172.20.{number // 250}.{number % 250 + 1}")
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name, space),
            "spec": {"clusterIP": address, "clusterIPs": [address], "type": "ClusterIP",
                     "ports": [{"name": "http", "protocol": "TCP", "port": 80}]}}


def endpoints(number):
    name, space = name_of(number)
    count = PER_HEADLESS if number % HEADLESS_EVERY == 0 else 3
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {**meta(f"{name}-x7k2p", space),
                         "labels": {"kubernetes.io/service-name": name}},
            "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
            "endpoints": [{"addresses": [f"10.{i}.{number // 250}.{number % 250 + 1}"],
                           "conditions": {"ready": True}} for i in range(count)]}


def cluster(services=SERVICES):
    items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(f"team-{i}")}
             for i in range(SPACES)]
    for number in range(services):
        items += [service(number), endpoints(number)]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def lines(count=queries.LINES):
    """As queries.lines, over the names of this cluster; one Service in ten is headless."""
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


def corefile(place, cluster_lines):
    """kubeadm's, less cache and what would forward."""
    bind = "" if place.wildcard else "bind 127.0.0.1"
    return f"""\
.:{place.port} {{
    {bind}
    errors
    health 127.0.0.1:{free_port()}
    ready 127.0.0.1:{free_port()}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        {cluster_lines}
        pods insecure
        ttl 30
    }}
    prometheus 127.0.0.1:{free_port()}
    reload
    loadbalance
}}
"""


class FromIndex(Cached):
    """As Cached, but nothing is cached and there is nobody to forward to."""

    def start_all(self):
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in lines())
        whole = cluster()
        manifest = os.path.join(self.folder, "cluster.json")
        with open(manifest, "w", encoding="utf-8") as f:
            json.dump(whole, f)
        port = free_port()
        self.api = standins.API(port, whole["items"])
        self.start_one(servers.Echo(self.bench.build), None, True)
        self.echo = self.running[0]
        self.standin, self.forwarded = self.echo.child, lambda: 0
        self.start_one(servers.Nodens(self.bench.build), f"source {manifest}", True)
        self.start_one(servers.CoreDNS(), f"endpoint http://127.0.0.1:{port}", False)

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
        wait_for_answer(child, place.port, f"service-1.team-1.{ZONE}")
        self.add(server, child, place.port)

    def end(self):
        self.api.close()


def index_memory(bench, children):
    """[{"name", ...}]: what kubeindex says of each cluster."""
    binary = os.path.join(bench.build, "bench", "kubeindex")
    if not os.access(binary, os.X_OK):
        raise BenchError(f"{binary} is not built: run ./dev build first")
    relists = 10 if bench.quick else 100
    rows = []
    for name, services, ends, pods in CLUSTERS:
        out, _ = children.run([binary, "-s", services, "-e", ends, "-p", pods, "-r", relists],
                              "kubeindex", timeout=600)
        rows.append({"name": name, "services": services, "endpoints": ends, "pods": pods,
                     **json.loads(out)})
    return rows


def measure(bench, folder):
    with Children(folder) as children:
        memory = index_memory(bench, children)
        asked = FromIndex(bench, folder, children)
        asked.start_all()
        try:
            base = asked.running[1].child.memory()
            modes = [asked.mode(edns) for edns in (False, True)]
        finally:
            asked.end()
        return {"memory": memory, "server_mib": base, "modes": modes, "absent": asked.absent,
                "seconds": bench.seconds, "sources": SOURCES, "wildcard": bench.wildcard,
                "cores": {"server": asked.server_cpu, "client": asked.client_cpu}}
