# SPDX-License-Identifier: Apache-2.0
"""An API server given by name: looked up in the background with the host's resolver, which may be this server itself,
or may not answer."""
import os
import shutil
import socket
import subprocess

import pytest

from serving import Server, texts, wait_for

# A resolv.conf has no port other than 53, so each test process uses addresses of its own.
NET = f"127.{64 + (os.getpid() >> 8 & 127)}.{os.getpid() & 255}."
SELF, SILENT = NET + "1", NET + "2"
COREFILE = """.:%s {
    bind %s
    ready 127.0.0.1:@READY
    hosts {
        127.0.0.1 api.test.example
        fallthrough
    }
    kubernetes cluster.local {
        endpoint http://%s:%d
        noendpoints
        startup_timeout 1s
    }
}
"""


def answers(s, **more):
    return texts(s.ask("a.n.svc.cluster.local.", **more))


def test_by_name(serve, stub):
    s = serve(COREFILE % ("@PORT", "127.0.0.1", "localhost", stub.port))
    assert answers(s) == ["10.0.0.1"]
    assert f"synchronized with the API server at localhost:{stub.port}" in s.log()


@pytest.fixture(name="resolving")
def resolving_fixture(tmp_path):
    """resolving(SERVER, COREFILE): a nodens with that server in its resolv.conf, in a mount namespace of its own."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("only root has mount namespaces")
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    for address in (SELF, SILENT):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                u.bind((address, 53))
        except OSError as e:
            pytest.skip(f"{address} port 53: {e}")
    started = []

    def start(server, corefile):
        (tmp_path / "resolv.conf").write_text(f"nameserver {server}\noptions timeout:30 attempts:1\n")
        s = Server(tmp_path / "server", corefile)
        s.argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
                  str(tmp_path / "resolv.conf"), *s.argv]
        started.append(s)
        return s.start()

    yield start
    for s in started:
        s.stop()


def test_the_resolver_is_us(resolving, stub):
    """The name cannot be resolved before we serve, so we serve without it."""
    s = resolving(SELF, COREFILE % ("53", SELF, "api.test.example", stub.port))
    log = s.log()
    assert f"api.test.example:{stub.port}: lookup: " in log
    assert "starting server with unsynced Kubernetes API" in log
    wait_for(lambda: answers(s, where=SELF, port=53) == ["10.0.0.1"], 20)
    wait_for(lambda: s.get("READY", "/ready") == (200, "OK"))


def test_the_resolver_is_silent(resolving, stub):
    """Nothing waits for it: not the start, not queries, not the shutdown."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((SILENT, 53))
        s = resolving(SILENT, COREFILE % ("@PORT", "127.0.0.1", "api.test.example", stub.port))
        assert texts(s.ask("api.test.example.")) == ["127.0.0.1"]
        assert s.get("READY", "/ready") == (503, "kubernetes")
        silent.settimeout(10)
        assert silent.recv(512)     # it was queried, and its timeout is 30 s
        s.signal(15)
        assert s.wait(15) == 0
