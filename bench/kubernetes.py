# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin: questions answered from the index (no cache plugin), and its memory.

Every server has the same cluster, from a toy API server. The memory of large clusters is also that of the index
alone (`kubeindex`), filled object by object as a list from an API server is.
"""

import contextlib
import itertools
import json
import os
import random
import sys
import time
import urllib.request

import queries
import servers
from cached import SOURCES, Cached
from proc import BenchError, Children, free_port, wait_for_answer

sys.path.insert(0, os.path.join(os.path.dirname(servers.HERE), "tests", "conformance"))
import standins  # noqa: E402

SERVICES, PER_HEADLESS, SPACES = 1000, 10, 20
HEADLESS_EVERY = 10   # the others have one address
ZONE = "svc.cluster.local"
FIRST = f"service-1.team-1.{ZONE}"   # it has an address
LARGE_TIMEOUT_S = 120
# Services, endpoints, pods.
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


def namespaces():
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(f"team-{i}")}
            for i in range(SPACES)]


def cluster():
    items = namespaces()
    for number in range(SERVICES):
        items += [service(number), endpoints(number)]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def address(net, number):
    return f"{net}.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def large(services, ends, pods):
    """As kubeindex has it: all addresses differ, and pods have those of the first endpoints."""
    items, each = namespaces(), ends // services
    for number in range(services):
        one, slice_ = service(number), endpoints(number)
        if one["spec"]["clusterIP"] != "None":
            one["spec"].update(clusterIP=address(172, number), clusterIPs=[address(172, number)])
        slice_["endpoints"] = [{"addresses": [address(10, number * each + i)],
                                "conditions": {"ready": True}} for i in range(each)]
        items += [one, slice_]
    for number in range(pods):
        name, space = name_of(number % services)
        ip = address(10, number)
        items.append({"apiVersion": "v1", "kind": "Pod",
                      "metadata": meta(f"{name}-7d9c5b8f6-{number:05}", space),
                      "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}})
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


def corefile(place, cluster_lines, pods="insecure", ready=None):
    """kubeadm's, less cache and what would forward."""
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
    """As Cached, but nothing is cached and there is nobody to forward to."""

    def start_all(self):
        with open(self.queries, "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in lines())
        whole = cluster()
        port = free_port()
        self.api = standins.API(port, whole["items"])
        self.start_one(servers.Echo(self.bench.build), None, True)
        self.echo = self.running[0]
        self.standin, self.forwarded = self.echo.child, lambda: 0
        self.start_one(servers.Nodens(self.bench.build), f"endpoint http://127.0.0.1:{port}", True)
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
        wait_for_answer(child, place.port, FIRST)
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


def wait_until_ready(child, port):
    """Until the whole cluster was read, as /ready says."""
    deadline = time.monotonic() + LARGE_TIMEOUT_S
    while time.monotonic() < deadline:
        child.check()
        with contextlib.suppress(OSError), \
             urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return
        time.sleep(0.05)
    raise BenchError(f"{child.name} is not ready after {LARGE_TIMEOUT_S} s; its last words:\n"
                     f"{child.last_words()}")


def large_clusters(bench, folder, children):
    """Whole servers that read the large clusters from a toy API server: CPU until they are ready, and RSS then."""
    rows = []
    for name, services, ends, pods in CLUSTERS:
        port = free_port()
        api = standins.API(port, large(services, ends, pods)["items"])
        for server in (servers.Nodens(bench.build), servers.CoreDNS()):
            if server.missing() or (bench.only and server.name not in bench.only):
                continue
            place, ready = servers.Place(folder, free_port(), 0, bench.wildcard), free_port()
            text = corefile(place, f"endpoint http://127.0.0.1:{port}",
                            "verified" if pods else "insecure", ready)
            child = server.start(children, place, None, text=text)
            wait_until_ready(child, ready)
            cpu = child.cpu().total
            time.sleep(2)
            rows.append({"cluster": name, "pods": pods, "server": server.name, "cpu_s": cpu,
                         "rss_mib": child.memory()["rss"]})
            child.end()
        api.close()
    return rows


def measure(bench, folder):
    with Children(folder) as children:
        memory = index_memory(bench, children)
        whole = large_clusters(bench, folder, children)
        asked = FromIndex(bench, folder, children)
        asked.start_all()
        try:
            modes = [asked.mode(edns) for edns in (False, True)]
        finally:
            asked.end()
        return {"memory": memory, "servers": whole, "modes": modes, "absent": asked.absent,
                "seconds": bench.seconds, "sources": SOURCES, "wildcard": bench.wildcard,
                "cores": {"server": asked.server_cpu, "client": asked.client_cpu}}
