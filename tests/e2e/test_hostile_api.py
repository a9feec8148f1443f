# SPDX-License-Identifier: Apache-2.0
"""A broken or hostile API server, and tenants that create odd objects: the last good state stays, objects that can be
decoded are served, and the server's time and memory are bounded."""
import json
import os
import sys
import time

import dns.rcode
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import memory  # noqa: E402
from apiflood import Flood, read_bytes  # noqa: E402
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


class Endless(Stub):
    """Once hostile, its watches have expired and its lists have no end: every page has a continue token."""
    hostile, pages = False, 0

    def answer(self, h):
        if not self.hostile or "/services" not in h.path:
            super().answer(h)
        elif "watch=1" in h.path:
            self.reply(h, 422 if "sendInitialEvents" in h.path else 410, b"", "text/plain")
        else:
            with self.lock:
                self.pages += 1
            body = json.dumps({"kind": "ServiceList", "apiVersion": "v1", "items": self.items(),
                               "metadata": {"resourceVersion": "9", "continue": self.token()}}).encode()
            # In one segment: no delayed acknowledgement limits the rate.
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                          % (len(body), body))


class Repeats(Endless):
    def token(self):
        return "same"

    def items(self):
        return [service("evil", "10.0.0.66")]


class Empty(Endless):
    def token(self):
        return f"t{self.pages}"

    def items(self):
        return []


class Short(Empty):
    def items(self):
        return [service(f"evil{self.pages % 100}", "10.0.0.66")]


@pytest.mark.parametrize("kind", [Repeats, Empty, Short])
def test_a_list_without_an_end_is_limited(serve, kind):
    """What was served stays, and the list is correct again once the server is."""
    api = kind([namespace(), service("a", "10.0.0.1"), service("old", "10.0.0.2")])
    s = serve(COREFILE % api.port, True)
    try:
        assert addresses(s, "a") == ["10.0.0.1"]
        api.hostile = True
        api.cut()
        wait_for(lambda: api.pages >= 3)
        time.sleep(1)
        before = api.pages
        time.sleep(1)
        # As fast as it could, it would request thousands.
        assert api.pages - before < 60
        assert addresses(s, "a") == ["10.0.0.1"] and addresses(s, "old") == ["10.0.0.2"]
        if kind is Repeats:
            s.wait_log("the server repeats its continue token")
        api.objects = [o for o in api.objects if o["metadata"]["name"] != "old"]
        api.hostile = False
        if kind is Repeats:
            wait_for(lambda: addresses(s, "old") == [])
            assert addresses(s, "evil") == [] and addresses(s, "a") == ["10.0.0.1"]
    finally:
        api.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LIST = b'{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":['
# What a server sends: once, then again and again.
FLOODS = {
    "103": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "extension": (HEAD + b"1;x=", b"x" * 1000),
    "extensions": (HEAD, b"1;" + b"x" * 1000 + b"\r\n \r\n"),
    "trailers": (HEAD + b"0\r\n", b"X: y\r\n"),
    "refusal": (HEAD.replace(b"200", b"403"), chunk(b"x" * 1000)),
    "another type": (HEAD.replace(b"application/json", b"text/html"), chunk(b"x" * 1000)),
    "object": (HEAD.replace(b"json", b"json;x") + chunk(LIST + b'{"x":"'), chunk(b"x" * 60000)),
    "nesting": (HEAD.replace(b"json", b"json;x") + chunk(LIST + b'{"x":'), chunk(b'{"x":' * 10000)),
    "shell": (HEAD.replace(b"json", b"json;x") + chunk(b'{"x":"'), chunk(b"x" * 1000)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_response_without_an_end_is_closed(serve, name):
    """Lists are read up to ND_INTAKE_SKIP_BYTES_MAX, what is around a body up to ND_HTTPC_AROUND_BYTES_MAX; and a read
    is of at most 64 KiB. The rest of the limit is for files that the server reads at its start."""
    api = Flood(*FLOODS[name])
    s = serve(COREFILE.replace("5s", "1s") % api.port, False, env=memory.ENV)
    try:
        wait_for(lambda: api.closed >= 4, 20)
        read, connections = read_bytes(s), api.opened
        limit = 16 << 20 if name in ("object", "nesting", "shell") else 256 << 10
        assert read < connections * (limit + (256 << 10))
        assert read > limit or limit < 16 << 20     # one connection at least was read up to the limit
        assert memory.peak(s) < 40 << 20
    finally:
        api.close()
