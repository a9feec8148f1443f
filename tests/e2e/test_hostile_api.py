# SPDX-License-Identifier: Apache-2.0
"""A broken or hostile API server, and tenants that create odd objects: the last good state stays, objects that can be
decoded are served, and the server's time and memory are bounded."""
import os
import sys

import dns.rcode
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kubestub import Stub  # noqa: E402
from serving import wait_for  # noqa: E402

COREFILE = """.:@PORT {
    bind 127.0.0.1
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        endpoint http://127.0.0.1:%d
        startup_timeout 5s
    }
}
"""


def namespace(name="default", **meta):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **meta}}


def service(name, ip, **meta):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default", **meta},
            "spec": {"clusterIP": ip, "clusterIPs": [ip], "ports": [{"port": 80}]}}


def addresses(server, name):
    r = server.ask(name + ".default.svc.cluster.local.")
    assert r.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    return [i.address for a in r.answer for i in a]


@pytest.fixture(name="unchecked")
def unchecked_fixture():
    """unchecked(object, ...): an API server that sends these objects."""
    made = []

    def make(*objects, **more):
        made.append(Stub(list(objects), **more))
        return made[-1]
    yield make
    for s in made:
        s.close()


@pytest.mark.parametrize("protobuf", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize("streams", [False, True], ids=["list", "stream"])
def test_an_odd_object_spoils_no_list(serve, unchecked, protobuf, streams):
    """A NUL in an annotation, in a name, and a malformed field."""
    bad = {**service("bad", "10.0.0.9"), "spec": {"ports": [7]}}
    if protobuf:
        bad = {**service("bad", "10.0.0.9"), "?": b"\x12\x7f"}      # spec: longer than the object
    api = unchecked(namespace(), namespace("empty", namespace=""), service("a", "10.0.0.1"),
               service("note", "10.0.0.2", annotations={"note": "x\0y"}), service("web\0x", "10.0.0.3"), bad,
               service("b", "10.0.0.4"), protobuf=protobuf, streams=streams)
    s = serve(COREFILE % api.port, True)
    assert [addresses(s, n) for n in ("a", "note", "b", "web", "bad")] == [
        ["10.0.0.1"], ["10.0.0.2"], ["10.0.0.4"], [], []]
    assert s.metrics()['nodens_kubernetes_skipped_total{kind="Service",why="field"}'] == 2
    assert s.log().count("object ignored") == 1
    assert s.ask("empty.svc.cluster.local.").rcode() == dns.rcode.NOERROR
    assert s.ask("x.empty.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    api.put({**bad, "metadata": {"name": "later\0", "namespace": "default"}})
    api.put(service("c", "10.0.0.5"))
    wait_for(lambda: addresses(s, "c") == ["10.0.0.5"])
