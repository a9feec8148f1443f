# SPDX-License-Identifier: Apache-2.0
"""An API server that refuses, sends wrong data and cuts connections: the last good answers stay, and afterwards the
current ones return. A stand-in over plain HTTP in JSON; tests with apiserver.py use the real one."""
import json
import time

import dns.rcode
import pytest

from apistub import Stub, address, status
from serving import wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        endpoint http://127.0.0.1:%d
        noendpoints
        startup_timeout %s
        labels %s
    }
}
"""


def served(serve, stub, timeout="5s", labels="x!=y", wait=True):
    return serve(COREFILE % (stub.port, timeout, labels), wait)


def test_pages_changes_and_what_is_asked(serve, stub):
    for i in range(5):
        stub.put("Service", f"s{i}", clusterIP=f"10.0.1.{i}")
    s = served(serve, stub)
    assert s.get("READY", "/ready") == (200, "OK")
    assert [address(s, f"s{i}") for i in range(5)] == [[f"10.0.1.{i}"] for i in range(5)]
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "b") == ["10.0.0.2"], 5)
    stub.remove("Service", "b")
    wait_for(lambda: s.ask("b.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN, 5)
    assert all(q.get("labelSelector") == "x!=y" for k, q in stub.asked if k == "Service")
    assert not any("labelSelector" in q for k, q in stub.asked if k == "Namespace")
    first = [q for k, q in stub.asked if k == "Service"][0]
    assert first["sendInitialEvents"] == "true" and first["resourceVersionMatch"] == "NotOlderThan"
    assert sum(1 for k, q in stub.asked if k == "Service" and "limit" in q) == 3


def test_a_cut_watch_goes_on_where_it_was(serve, stub):
    s = served(serve, stub)
    time.sleep(0.2)
    lists = len([q for k, q in stub.asked if "limit" in q])
    stub.cut()
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "b") == ["10.0.0.2"], 10)
    assert address(s, "a") == ["10.0.0.1"]
    assert len([q for k, q in stub.asked if "limit" in q]) == lists


@pytest.mark.parametrize("wrong", [
    lambda h: Stub.reply(h, 410, status(410, "Expired")),
    lambda h: Stub.reply(h, 200, json.dumps({"type": "ERROR", "object": json.loads(status(410, "Expired"))})),
], ids=["410", "event 410"])
def test_a_version_too_old_lists_again(serve, stub, wrong):
    s = served(serve, stub)
    time.sleep(0.2)
    old = stub.version
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "b") == ["10.0.0.2"], 5)
    stub.remove("Service", "a", tell=False)  # only a list shows it
    lists = len([q for k, q in stub.asked if "limit" in q])
    stub.how = lambda kind, query: wrong if int(query.get("resourceVersion", stub.version)) <= old + 1 else None
    stub.cut()
    wait_for(lambda: s.ask("a.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN, 10)
    assert address(s, "b") == ["10.0.0.2"]
    assert len([q for k, q in stub.asked if "limit" in q]) > lists


@pytest.mark.parametrize("wrong", [
    lambda h: Stub.reply(h, 500, status(500)),
    lambda h: Stub.reply(h, 503, "<html>", "text/html"),
    lambda h: Stub.reply(h, 401, status(401, "Unauthorized")),
    lambda h: Stub.reply(h, 200, "<html>", "text/html"),
    lambda h: Stub.reply(h, 200, '{"kind":"PodList","apiVersion":"v1","items":[{}]}'),
    lambda h: Stub.reply(h, 200, '{"kind":"ServiceList","apiVersion":"v1","items":[{"metadata":{"na'),
    lambda h: Stub.reply(h, 200, bytes(range(256))),
    lambda h: h.wfile.write(b"nonsense\r\n\r\n"),
    lambda h: setattr(h, "close_connection", True),
], ids=["500", "503", "401", "html", "another kind", "cut", "bytes", "no http", "closed"])
def test_the_last_good_state_stays(serve, stub, wrong):
    s = served(serve, stub)
    stub.how = lambda kind, query: wrong
    stub.cut()
    s.wait_log("keeping the last good state", seconds=20)
    assert address(s, "a") == ["10.0.0.1"]
    assert s.metrics()['nodens_kubernetes_watch_failures_total{kind="Service"}'] >= 1
    stub.how = lambda kind, query: None
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "b") == ["10.0.0.2"], 20)
    s.wait_log("synchronized with", 2)


def test_a_loss_is_told_once(serve, stub):
    """It stays ready, as CoreDNS does; the page gives the reason, the log reports it once, and once its end."""
    s = served(serve, stub)
    port, tries = stub.port, "coredns_kubernetes_rest_client_requests_total{code=\"<error>\""
    stub.close()
    wait_for(lambda: sum(n for k, n in s.metrics().items() if k.startswith(tries)) >= 5, 30)
    assert s.get("READY", "/ready") == (200, "OK\nkubernetes: the API server fails; answering from the last good state")
    m = s.metrics()
    assert [m[f'nodens_kubernetes_watch_connected{{kind="{k}"}}'] for k in ("Namespace", "Service")] == [0, 0]
    assert s.log().count("keeping the last good state") == 1, s.log()
    again = Stub(port)
    try:
        again.put("Namespace", "n")
        again.put("Service", "b", clusterIP="10.0.0.2")
        again.version = stub.version + 10
        again.put("Service", "a", clusterIP="10.0.0.3")
        wait_for(lambda: s.get("READY", "/ready") == (200, "OK"), 30)
        wait_for(lambda: address(s, "a") == ["10.0.0.3"])
        s.wait_log("synchronized with the API server", 2)
        assert s.log().count("synchronized with the API server") == 2, s.log()
        assert s.log().count("keeping the last good state") == 1, s.log()
    finally:
        again.close()


def test_retry_after_is_kept(serve, stub):
    stub.how = lambda kind, query: (
        lambda h: Stub.reply(h, 429, status(429, "TooManyRequests"), Retry_After="2")) \
        if kind == "Service" and time.monotonic() < until else None
    until = time.monotonic() + 1
    served(serve, stub)
    times = [q for k, q in stub.asked if k == "Service"]
    assert len(times) <= 4, times  # refused once, then stream, list, watch


def test_unsynced_start(serve, stub):
    """A missing name may still appear: SERVFAIL, and not ready."""
    stub.how = lambda kind, query: (lambda h: Stub.reply(h, 403, status(403, "Forbidden", "services is forbidden")))
    began = time.monotonic()
    s = served(serve, stub, "1s")
    assert 0.9 < time.monotonic() - began
    assert "starting server with unsynced Kubernetes API" in s.log()
    assert "/api/v1/services: 403 Forbidden: services is forbidden" in s.log()
    assert s.get("READY", "/ready") == (503, "kubernetes")
    assert s.ask("a.n.svc.cluster.local.").rcode() == dns.rcode.SERVFAIL


def test_a_signal_ends_the_wait(serve, stub):
    stub.how = lambda kind, query: (lambda h: Stub.reply(h, 500, status(500)))
    s = served(serve, stub, "60s", wait=False)
    s.wait_log("waiting for Kubernetes API before starting server")
    s.signal(15)
    assert s.wait(10) == 0


def test_a_reload_keeps_the_watch(serve, stub):
    s = served(serve, stub)
    time.sleep(0.2)
    asked = len(stub.asked)
    s.reload()
    assert address(s, "a") == ["10.0.0.1"]
    assert len(stub.asked) == asked
