# SPDX-License-Identifier: Apache-2.0
"""A hostile API server that speaks HTTP/2: whatever it sends without an end, its connection ends."""
import subprocess

import pytest

import memory
from apiflood import (ACK, CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PADDED, PING, PRIORITY, PUSH_PROMISE,
                      RST_STREAM, SETTINGS, WINDOW_UPDATE, FloodH2, frame, read_bytes, status)
from serving import texts, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    hosts {
        192.0.2.1 www.test
        fallthrough
    }
    kubernetes cluster.local {
        kubeconfig @DIR/config
        startup_timeout 1s
    }
}
"""
KUBECONFIG = """clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%d', insecure-skip-tls-verify: true}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
users: [{name: u, user: {token: t}}]
"""
JSON = {"content_type": "application/json"}
ALTSVC, UNKNOWN = 10, 0x77


def head(stream):
    return frame(HEADERS, END_HEADERS, stream, status(200, **JSON))


def nothing(_):
    return b""


def always(bytes_):
    return lambda stream: bytes_


# What is sent once, and again and again; for a request's stream.
FLOODS = {
    "103": (nothing, lambda s: frame(HEADERS, END_HEADERS, s, status(103, link="</x>"))),
    "empty data": (head, lambda s: frame(DATA, 0, s)),
    "padding": (head, lambda s: frame(DATA, PADDED, s, b"\x0a" + bytes(10))),
    "ping": (nothing, always(frame(PING, 0, 0, bytes(8)))),
    "ping acknowledged": (nothing, always(frame(PING, ACK, 0, bytes(8)))),
    "settings": (nothing, always(frame(SETTINGS, 0, 0))),
    "settings with content": (nothing, always(frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x64" * 20))),
    "settings acknowledged": (nothing, always(frame(SETTINGS, ACK, 0))),
    "priority": (head, lambda s: frame(PRIORITY, 0, s, bytes(5))),
    "window of the connection": (nothing, always(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"))),
    "window of the stream": (head, lambda s: frame(WINDOW_UPDATE, 0, s, b"\0\0\0\1")),
    "reset": (nothing, lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\x08")),
    "goaway": (nothing, lambda s: frame(GOAWAY, 0, 0, s.to_bytes(4, "big") + bytes(4))),
    "altsvc": (nothing, always(frame(ALTSVC, 0, 0, b"\0\1ax"))),
    "unknown": (head, lambda s: frame(UNKNOWN, 0, s, bytes(1000))),
    "continuation": (lambda s: frame(HEADERS, 0, s, status(200)), lambda s: frame(CONTINUATION, 0, s)),
    "headers": (lambda s: frame(HEADERS, 0, s, status(200)),
                lambda s: frame(CONTINUATION, 0, s, b"\0\1x\1y" * 100)),
    "trailers": (head, lambda s: frame(HEADERS, END_HEADERS, s, b"\0\1x\1y")),
    "push": (nothing, lambda s: frame(PUSH_PROMISE, END_HEADERS, s, b"\0\0\0\2" + status(200))),
    "data of a stream that was reset": (lambda s: head(s) + frame(RST_STREAM, 0, s, b"\0\0\0\x08"),
                                        lambda s: frame(DATA, 0, s, bytes(1000))),
}


@pytest.fixture(name="certificate", scope="module")
def certificate_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "9", "-subj", "/CN=x", "-keyout", "key", "-out", "crt"], cwd=folder, check=True,
                   capture_output=True)
    return folder / "crt", folder / "key"


@pytest.mark.parametrize("name", FLOODS)
def test_frames_without_an_end(serve, certificate, name):
    """A connection is read up to ND_HTTPC_AROUND_BYTES_MAX and its window of 1 MiB, and once it has failed up to
    ND_TCP_DISCARD_MAX. Meanwhile other names are answered."""
    api = FloodH2(*FLOODS[name], certificate)
    s = serve(COREFILE, wait=False, files={"config": KUBECONFIG % api.port}, env=memory.ENV)
    try:
        wait_for(lambda: api.closed >= 4, 20)
        read, connections = read_bytes(s), api.opened
        s.wait_log("CoreDNS-")
        assert texts(s.ask("www.test", timeout=2)) == ["192.0.2.1"]
        assert read < (connections + 1) * (2 << 20)
        assert memory.peak(s) < 40 << 20
    finally:
        api.close()
