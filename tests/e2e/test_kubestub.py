# SPDX-License-Identifier: Apache-2.0
"""The stub of the benchmarks (bench/kubestub): its data is consistent, and a server that reads it serves its names."""
import json
import subprocess
import urllib.error
import urllib.request

import dns.rcode
import pytest

from apiserver import gomodules, until
from serving import texts

SERVICES, ENDPOINTS, PODS = 200, 4000, 700
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
PATHS = ("/api/v1/namespaces", "/api/v1/services", SLICES, "/api/v1/pods")
COREFILE = """.:@PORT {
    bind 127.0.0.1
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local in-addr.arpa {
        endpoint http://127.0.0.1:%d
        pods verified
    }
}
"""


class Stub:
    def __init__(self, binary):
        argv = [binary, "-services", str(SERVICES), "-endpoints", str(ENDPOINTS), "-pods", str(PODS),
                "-namespaces", "7"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def get(self, path, post=False):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method="POST" if post else "GET")
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def state(self, name, what):
        return self.get("/stub/state")["resources"][name][what]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(name="stub")
def stub_fixture():
    try:
        s = Stub(gomodules.build("kubestub"))
    except gomodules.Missing as e:
        pytest.skip(str(e))
    yield s
    s.close()


def addresses(stub, service):
    return sorted(a for i in stub.get(SLICES)["items"] for e in i["endpoints"] for a in e["addresses"]
                  if i["metadata"]["labels"]["kubernetes.io/service-name"] == service)


def paged(stub, path):
    """The list, which must be the same when paged."""
    whole, pages, more = stub.get(path)["items"], [], ""
    while more is not None:
        page = stub.get(f"{path}?limit=5&continue={more}")
        pages += page["items"]
        assert page["metadata"].get("remainingItemCount", 0) == len(whole) - len(pages)
        more = page["metadata"].get("continue")
        assert more is None or len(page["items"]) == 5
    assert pages == whole
    return whole


def test_pages_are_the_list(stub):
    for path in PATHS:
        items = paged(stub, path)
        assert len({json.dumps(i["metadata"]) for i in items}) == len(items) == stub.state(
            path.rsplit("/", 1)[1], "objects")
    slices = stub.get(SLICES)["items"]
    assert sum(len(i["endpoints"]) for i in slices) == ENDPOINTS
    assert max(len(i["endpoints"]) for i in slices) == 100


def test_what_expired_is_refused(stub):
    page = stub.get("/api/v1/services?limit=10")["metadata"]
    stub.get("/stub/expire", post=True)
    with pytest.raises(urllib.error.HTTPError) as e:
        stub.get("/api/v1/services?limit=10&continue=" + page["continue"])
    assert e.value.code == 410 and json.load(e.value)["reason"] == "Expired"
    event = stub.get("/api/v1/services?watch=1&resourceVersion=" + page["resourceVersion"])
    assert event["type"] == "ERROR" and event["object"]["code"] == 410


def test_served(serve, stub):
    s = serve(COREFILE % stub.port)
    until(lambda: s.get("READY", "/ready") == (200, "OK"))

    def answer(name):
        return sorted(texts(s.ask(name + ".cluster.local.")))

    assert answer("service-1.team-1.svc") == ["10.96.1.1"]
    assert len(answer("service-20.team-6.svc")) == len(addresses(stub, "service-20")) > 1
    assert texts(s.ask("1.0.128.10.in-addr.arpa.", "PTR")) == ["service-0-0.service-0.team-0.svc.cluster.local."]
    pod = stub.get("/api/v1/pods?limit=1")["items"][0]
    name = f"{pod['status']['podIP'].replace('.', '-')}.{pod['metadata']['namespace']}.pod"
    assert answer(name) == [pod["status"]["podIP"]]
    assert s.ask("10-1-1-1.team-0.pod.cluster.local.").rcode() == dns.rcode.NXDOMAIN

    before = answer("service-20.team-6.svc")
    stub.get("/stub/move?service=service-20&namespace=team-6&address=198.51.100.200", post=True)
    until(lambda: "198.51.100.200" in answer("service-20.team-6.svc"))
    moved = answer("service-20.team-6.svc")
    assert any("198.51.100.200" in e["addresses"] for i in paged(stub, SLICES) for e in i["endpoints"])
    assert moved == addresses(stub, "service-20") and len(moved) == len(before) and moved != before

    lists = [stub.state(path.rsplit("/", 1)[1], "lists") for path in PATHS]
    assert stub.get("/stub/expire", post=True)["ended"] == len(PATHS)
    until(lambda: all(stub.state(path.rsplit("/", 1)[1], "watching") and
                      stub.state(path.rsplit("/", 1)[1], "lists") > n for path, n in zip(PATHS, lists)))
    assert answer("service-20.team-6.svc") == moved and answer(name) == [pod["status"]["podIP"]]
