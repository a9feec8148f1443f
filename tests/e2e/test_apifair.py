# SPDX-License-Identifier: Apache-2.0
"""A list as large as a cluster's arrives at full speed: queries meanwhile do not wait for its end."""
import socket
import time

import pytest

import apistub
from apistub import Stub
from serving import texts, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        endpoint http://127.0.0.1:%d
        pods verified
        noendpoints
        startup_timeout 1ms
    }
}
"""
PODS, PIECE, ENOUGH = 150000, 65536, 1 << 20
REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def pods():
    def pod(i):
        ip = f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
        return (f'{{"metadata":{{"name":"p-{i:06}","namespace":"n","uid":"{i:036}"}},"status":{{"phase":"Running",'
                f'"podIP":"{ip}","podIPs":[{{"ip":"{ip}"}}]}}}}')
    return ('{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[' +
            ",".join(map(pod, range(PODS))) + "]}").encode()


class Large(Stub):
    """Counts the bytes that it could send."""

    def __init__(self, body):
        super().__init__()
        self.body, self.sent = body, 0
        self.how = lambda kind, query: self.pour if kind == "Pod" and "limit" in query else None

    def pour(self, h):
        h.send_response(200)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(self.body)))
        h.end_headers()
        view = memoryview(self.body)
        for at in range(0, len(view), PIECE):
            h.wfile.write(view[at:at + PIECE])
            self.sent = at + PIECE


@pytest.fixture(name="stub")
def stub_fixture(monkeypatch):
    monkeypatch.setitem(apistub.KINDS, "/api/v1/pods", "Pod")
    s = Large(pods())
    s.objects["Pod"] = {}
    s.put("Namespace", "n")
    yield s
    s.close()


def test_others_are_served_meanwhile(serve, stub):
    s = serve(COREFILE % stub.port)
    total, passed = len(stub.body), []
    wait_for(lambda: stub.sent, every=0.001)
    with socket.create_connection(("127.0.0.1", s.port_of("HEALTH")), timeout=20) as health:
        while stub.sent < total:
            before = stub.sent
            health.sendall(REQUEST)
            assert health.recv(4096).startswith(b"HTTP/1.1 200 ")
            if stub.sent < total:
                passed.append(stub.sent - before)
            time.sleep(0.002)
    # An answer takes one or two iterations of the loop, and an iteration reads one piece.
    assert len(passed) > 5, passed
    assert sorted(passed)[len(passed) // 2] <= ENOUGH, passed
    wait_for(lambda: s.get("READY", "/ready") == (200, "OK"))
    assert texts(s.ask("10-0-1-2.n.pod.cluster.local.")) == ["10.0.1.2"]
