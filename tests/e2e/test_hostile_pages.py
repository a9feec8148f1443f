# SPDX-License-Identifier: Apache-2.0
"""Clients of the HTTP pages that hold connections, pipeline and never read do not keep a probe from its answer."""
import socket
import threading
import urllib.request

import pytest

import memory
from serving import wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    whoami
}
"""
PAGES = [("HEALTH", "/health"), ("READY", "/ready"), ("PROM", "/metrics")]
CROWD = 200      # more connections than a server keeps
PROBES = 8


@pytest.fixture(name="server")
def server_fixture(serve):
    return serve(COREFILE)


def probe(server, port, path):
    """A kubelet's probe: a new connection."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port_of(port)}{path}", headers={"Connection": "close"})
    with urllib.request.urlopen(request, timeout=5) as r:
        return r.status


class Crowd:
    """Connections to a page; each sends `text` at the start, and `again` while the crowd lasts. A connection that the
    server closes is opened again."""

    def __init__(self, server, port, text, again=b"", size=CROWD):
        self.address = ("127.0.0.1", server.port_of(port))
        self.text, self.again, self.end = text, again, threading.Event()
        self.connections = [self.open() for _ in range(size)]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def open(self):
        s = socket.create_connection(self.address, timeout=5)
        s.setblocking(False)
        self.send(s, self.text)
        return s

    @staticmethod
    def send(s, data):
        try:
            s.send(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def run(self):
        while not self.end.wait(0.05):
            for i, s in enumerate(self.connections):
                if self.end.is_set():
                    break
                if self.again and not self.send(s, self.again):
                    s.close()
                    try:
                        self.connections[i] = self.open()
                    except OSError:
                        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        for s in self.connections:
            s.close()


REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("text,again", [
    (b"", b""),                                         # connects and says nothing
    (b"G", b""),                                        # begins a request
    (b"GET / HTTP/1.1\r\nX: ", b"x"),                   # drips
    (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"),
], ids=["silent", "begun", "drip", "keeps asking"])
def test_probes_beside_a_crowd(server, text, again):
    """The newest connections are kept longest."""
    for port, path in PAGES:
        with Crowd(server, port, text, again):
            assert [probe(server, port, path) for _ in range(PROBES)] == [200] * PROBES, path


def test_pipelined_metrics_that_are_never_read(serve):
    server = serve(COREFILE, env=memory.ENV)
    probe(server, "PROM", "/metrics")
    growth = memory.Growth(server)
    with Crowd(server, "PROM", REQUEST * 1800, REQUEST * 100, size=40):
        for _ in range(PROBES):
            assert probe(server, "HEALTH", "/health") == 200
            assert probe(server, "PROM", "/metrics") == 200
        assert growth.peak() < 40 << 20


def test_budget_is_given_back(server):
    with Crowd(server, "PROM", REQUEST * 100, size=40):
        probe(server, "PROM", "/metrics")
    # The page is rendered before its own response is charged.
    wait_for(lambda: server.metrics()['nodens_memory_budget_used_bytes{part="http"}'] == 0)
