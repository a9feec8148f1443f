# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin's snapshot: a server that starts without an API server answers from the file, reports it, and
switches to the live state when it arrives."""
import os

import dns.rcode
import pytest

from apistub import Stub, address, status
from serving import texts, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        endpoint http://127.0.0.1:%d
        noendpoints
        startup_timeout 30s
        snapshot %s%s
    }
}
"""
SERVED = "nodens_kubernetes_snapshot_served"
AGE = "nodens_kubernetes_snapshot_age_seconds"
FAILURES = "nodens_kubernetes_snapshot_failures_total"


def away(kind, query):
    return lambda h: Stub.reply(h, 503, status(503, "ServiceUnavailable"))


@pytest.fixture(name="stub")
def stub_fixture(stub):
    stub.put("Service", "ext", type="ExternalName", externalName="x.example")
    return stub


@pytest.fixture(name="path")
def path_fixture(tmp_path):
    return str(tmp_path / "snap")


def served(serve, stub, path, more="", wait=True):
    return serve(COREFILE % (stub.port, path, more), wait)


def end(s):
    s.signal(15)
    assert s.wait(10) == 0


def kept(serve, stub, path):
    """The file that a server wrote at its end."""
    s = served(serve, stub, path)
    assert address(s, "a") == ["10.0.0.1"]
    end(s)
    assert os.path.getsize(path) > 40 and not os.path.exists(path + ".new")


def test_start_while_the_api_server_is_away(serve, stub, path):
    kept(serve, stub, path)
    stub.how = away
    s = served(serve, stub, path)  # it does not wait for startup_timeout
    assert f"answering from snapshot {path}" in s.log()
    assert "waiting for Kubernetes API" not in s.log()
    assert address(s, "a") == ["10.0.0.1"]
    assert texts(s.ask("ext.n.svc.cluster.local.", "CNAME")) == ["x.example."]
    assert s.ask("b.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    code, text = s.get("READY", "/ready")
    assert code == 200 and text.startswith("OK\nkubernetes: answering from a snapshot, "), text
    m = s.metrics()
    assert m[SERVED] == 1 and 0 <= m[AGE] < 60 and m[FAILURES] == 0

    stub.put("Service", "b", clusterIP="10.0.0.2")
    stub.remove("Service", "a")
    stub.how = lambda kind, query: None
    s.wait_log("synchronized with", seconds=30)
    assert address(s, "b") == ["10.0.0.2"]
    assert s.ask("a.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    assert s.get("READY", "/ready") == (200, "OK")
    assert s.metrics()[SERVED] == 0
    # The live state is not confused with the snapshot.
    stub.how = away
    stub.cut()
    wait_for(lambda: s.get("READY", "/ready") ==
             (200, "OK\nkubernetes: the API server fails; answering from the last good state"), 20)
    assert s.metrics()[SERVED] == 0


def test_an_end_while_it_is_away_leaves_the_file(serve, stub, path):
    kept(serve, stub, path)
    with open(path, "rb") as f:
        before = f.read()
    stub.how = away
    s = served(serve, stub, path)
    end(s)
    with open(path, "rb") as f:
        assert f.read() == before


def test_written_when_changes_settle(serve, stub, path):
    s = served(serve, stub, path)
    wait_for(lambda: os.path.exists(path), 10)
    first = os.stat(path).st_ino
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: os.stat(path).st_ino != first, 10)
    s.signal(9)  # nothing more is written
    s.process.wait(10)
    s.process = None
    stub.how = away
    assert address(served(serve, stub, path), "b") == ["10.0.0.2"]


@pytest.mark.parametrize("spoil,why", [
    (lambda b: b[:-9], "is damaged"),
    (lambda b: b[:len(b) // 2], "is damaged"),
    (lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:], "is damaged"),
    (lambda b: b[:8] + b"\2" + b[9:], "has an unsupported version"),
    (lambda b: b"apiVersion: v1\n", "is not a nodens snapshot"),
    (lambda b: b"", "is not a nodens snapshot"),
    (lambda b: b[:20], "is truncated"),
], ids=["end", "half", "byte", "newer", "foreign", "empty", "head"])
def test_a_file_that_cannot_be_used(serve, stub, path, spoil, why):
    kept(serve, stub, path)
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(spoil(data))
    s = served(serve, stub, path)
    s.wait_log(f"snapshot {path} {why}.*; ignoring it")
    assert s.log().count("; ignoring it") == 1
    assert address(s, "a") == ["10.0.0.1"]
    assert s.metrics()[SERVED] == 0


def test_another_selection_is_another_file(serve, stub, path):
    kept(serve, stub, path)
    stub.how = away
    s = served(serve, stub, path, "\n        labels x!=y", wait=False)
    s.wait_log("is for another API server, or another selection")
    s.wait_log("waiting for Kubernetes API before starting server")


def test_a_folder_that_is_not_there(serve, stub, tmp_path):
    s = served(serve, stub, str(tmp_path / "none" / "snap"))
    s.wait_log("cannot be written: No such file or directory")
    assert address(s, "a") == ["10.0.0.1"]
    assert s.metrics()[FAILURES] == 1
    assert AGE not in s.metrics()


@pytest.mark.parametrize("block,why", [
    ("source @DIR\n snapshot f", "snapshot cannot be used with source"),
    ("endpoint http://127.0.0.1:1\n snapshot", "snapshot"),
    ("endpoint http://127.0.0.1:1\n snapshot f\n snapshot g", "snapshot is given twice"),
])
def test_refused(serve, block, why):
    s = serve(f".:@PORT {{\n kubernetes cluster.local {{\n {block}\n }}\n}}\n", wait=False)
    assert s.wait(10) == 1
    assert why in s.log(), s.log()


def test_two_blocks_with_one_file(serve, stub, path):
    block = "%s:@PORT {\n kubernetes {\n endpoint http://127.0.0.1:%d\n noendpoints\n snapshot %s\n %s\n }\n}\n"
    s = serve(block % ("a.local", stub.port, path, "") + block % ("b.local", stub.port, path, "labels x!=y"),
              wait=False)
    assert s.wait(10) == 1
    assert "give each block its own file" in s.log(), s.log()
