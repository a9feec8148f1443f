# SPDX-License-Identifier: Apache-2.0
"""Metadata labels of kubernetes and forward, compared with CoreDNS 1.15.0 in the log lines of the same queries."""
import pytest

from faulty import Upstream, free_port
from kubestub import Stub
from apiserver import gomodules
from oddities import ends, headless, meta, pod, svc
from serving import Server, wait_for

LABELS = ["kubernetes/" + x for x in (
    "endpoint", "kind", "namespace", "port-name", "protocol", "service", "zone", "cluster", "client-namespace",
    "client-pod-name", "client-label/app", "client-label/none", "parse-error")] + ["forward/upstream"]
COREFILE = """.:@PORT {
  bind 127.0.0.1
  ready 127.0.0.1:@READY
  metadata %s
  log . "L {name} {type} %s ."
  kubernetes cluster.local in-addr.arpa {
    endpoint http://127.0.0.1:%d
    pods verified
    %s
  }
  forward . %s {
    max_fails 0
  }
}
"""
NAMES = ["s.n.svc.cluster.local.", "10-1-0-1.s.n.svc.cluster.local.", "_http._tcp.s.n.svc.cluster.local.",
         "_HTTP._TCP.S.N.svc.cluster.local.", "http.tcp.s.n.svc.cluster.local.", "a.b.c.s.n.svc.cluster.local.",
         "_http.s.n.svc.cluster.local.", "none.n.svc.cluster.local.", "n.svc.cluster.local.", "svc.cluster.local.",
         "cluster.local.", "pod.cluster.local.", "n.pod.cluster.local.", "10-2-0-1.n.pod.cluster.local.",
         "x.y.cluster.local.", "dns-version.cluster.local.", "ns.dns.cluster.local.", "1.0.1.10.in-addr.arpa.",
         "s.n.svc.cluster.local.example.", "www.example.org.", "west._zone.s.n.svc.cluster.local.",
         "_zone.s.n.svc.cluster.local.", "a-b.n.svc.cluster.local."]


@pytest.fixture(name="upstream")
def upstream_fixture():
    u = Upstream()
    yield u
    u.close()


@pytest.fixture(name="stub")
def stub_fixture():
    mine = pod("asks", "127.0.0.1")
    mine["metadata"]["labels"] = {"app": "tests"}
    objects = [svc("vip"), headless(), ends("10.1.0.1"), mine]
    for obj in objects:
        obj["metadata"]["namespace"] = "n"
    s = Stub([{"apiVersion": "v1", "kind": "Namespace", "metadata": meta("n")}, *objects], protobuf=True)
    yield s
    s.close()


def lines(s, count):
    """Sorted: CoreDNS logs after the answer, when the next query may have arrived."""
    return sorted(m.group(1) for m in s.wait_log(r"L (\S+ .*) \.\n", count))


@pytest.mark.parametrize("zones,more", [("", ""), ("", "zonal"), ("example.org", ""),
                                        ("cluster.local", "multicluster cluster.local")],
                         ids=["all", "zonal", "elsewhere", "multicluster"])
def test_labels(tmp_path, stub, upstream, zones, more):
    try:
        coredns = gomodules.build("coredns")
    except gomodules.Missing as e:
        pytest.skip(str(e))
    said = []
    for program in (coredns, ""):
        s = Server(tmp_path / ("coredns" if program else "nodens"), COREFILE % (
            zones, " ".join(f"{x}={{/{x}}}" for x in LABELS), stub.port, more, f"127.0.0.1:{upstream.port}"))
        if program:
            s.argv = [program, "-conf", "Corefile"]
        try:
            s.start()
            wait_for(lambda s=s: s.get("READY", "/ready")[0] == 200)
            for name in NAMES:
                for rdtype in ("A", "SRV"):
                    s.ask(name, rdtype)
            said.append(lines(s, 2 * len(NAMES)))
        finally:
            s.stop()
    assert said[0] == said[1]
    assert any(f"forward/upstream=127.0.0.1:{upstream.port}" in x for x in said[1])
    assert any("client-pod-name=asks" in x for x in said[1])


def test_the_one_that_failed(tmp_path):
    """With no upstream: the one that was tried last."""
    port, said = free_port(), []
    try:
        programs = [gomodules.build("coredns"), ""]
    except gomodules.Missing as e:
        pytest.skip(str(e))
    for program in programs:
        s = Server(tmp_path / ("coredns" if program else "nodens"), f""".:@PORT {{
  bind 127.0.0.1
  metadata
  log . "L {{rcode}} {{/forward/upstream}} ."
  forward . 127.0.0.1:{port} {{
    max_fails 0
  }}
}}
""")
        if program:
            s.argv = [program, "-conf", "Corefile"]
        try:
            s.start()
            s.ask("www.example.org.", timeout=15)
            said.append(lines(s, 1))
        finally:
            s.stop()
    assert said[0] == said[1] == [f"SERVFAIL 127.0.0.1:{port}"]
