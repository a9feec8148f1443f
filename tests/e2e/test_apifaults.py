# SPDX-License-Identifier: Apache-2.0
"""An API server that refuses, lies and cuts: the last good answers stay, and afterwards all is right again. A stand-in
over plain HTTP in JSON; the real one is in tests that use apiserver.py."""
import http.server
import json
import queue
import threading
import time
import urllib.parse

import dns.rcode
import pytest

from serving import texts, wait_for

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
KINDS = {"/api/v1/namespaces": "Namespace", "/api/v1/services": "Service"}


class Stub:
    """Objects by kind and name; `how(kind, query)` says what is wrong with an answer, None: nothing."""

    def __init__(self):
        self.version, self.objects, self.watches, self.asked = 1, {"Namespace": {}, "Service": {}}, [], []
        self.how = lambda kind, query: None
        self.lock = threading.RLock()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stub.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.cut()
        self.server.shutdown()
        self.server.server_close()

    def put(self, kind, name, **spec):
        with self.lock:
            self.version += 1
            meta = {"name": name, "resourceVersion": str(self.version)}
            if kind != "Namespace":
                meta["namespace"] = "n"
            obj = {"kind": kind, "apiVersion": "v1", "metadata": meta, "spec": spec}
            changed = name in self.objects[kind]
            self.objects[kind][name] = obj
            self.tell(kind, "MODIFIED" if changed else "ADDED", obj)

    def remove(self, kind, name, tell=True):
        with self.lock:
            self.version += 1
            obj = self.objects[kind].pop(name)
            if tell:
                self.tell(kind, "DELETED", {**obj, "metadata": {**obj["metadata"],
                                                                "resourceVersion": str(self.version)}})

    def tell(self, kind, event, obj):
        self.send(kind, json.dumps({"type": event, "object": obj}) + "\n")

    def send(self, kind, text):
        for k, q in self.watches:
            if k == kind:
                q.put(text)

    def cut(self):
        with self.lock:
            for _, q in self.watches:
                q.put(None)
            self.watches = []

    @staticmethod
    def reply(h, status, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else body.encode()
        h.send_response(status)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            h.send_header(name.replace("_", "-"), value)
        h.end_headers()
        h.wfile.write(data)

    def answer(self, h):
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = KINDS[url.path]
        self.asked.append((kind, query))
        wrong = self.how(kind, query)
        if wrong:
            wrong(h)
        elif "watch" in query:
            self.watch(h, kind, query)
        else:
            self.list(h, kind, query)

    def list(self, h, kind, query):
        with self.lock:
            names = sorted(self.objects[kind])
            at = int(query.get("continue", 0))
            meta = {"resourceVersion": str(self.version)}
            if at + 2 < len(names):
                meta["continue"] = str(at + 2)
            self.reply(h, 200, json.dumps({
                "kind": kind + "List", "apiVersion": "v1", "metadata": meta,
                "items": [{k: v for k, v in self.objects[kind][n].items() if k in ("metadata", "spec")}
                          for n in names[at:at + 2]]}))

    def watch(self, h, kind, query):
        if "sendInitialEvents" in query:
            self.reply(h, 422, status(422, "Invalid"))
            return
        h.send_response(200)
        h.send_header("Content-Type", "application/json")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        q = queue.Queue()
        with self.lock:
            if int(query["resourceVersion"]) < self.version:
                for obj in self.objects[kind].values():
                    if int(obj["metadata"]["resourceVersion"]) > int(query["resourceVersion"]):
                        q.put(json.dumps({"type": "MODIFIED", "object": obj}) + "\n")
            self.watches.append((kind, q))
        try:
            while True:
                text = q.get()
                if text is None:
                    break
                h.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
                h.wfile.flush()
        except OSError:
            pass
        h.close_connection = True


def status(code, reason="Refused", message="no"):
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                       "message": message})


@pytest.fixture
def stub():
    s = Stub()
    s.put("Namespace", "n")
    s.put("Service", "a", clusterIP="10.0.0.1")
    yield s
    s.close()


def served(serve, stub, timeout="5s", labels="x!=y", wait=True):
    return serve(COREFILE % (stub.port, timeout, labels), wait)


def address(s, name):
    return texts(s.ask(name + ".n.svc.cluster.local."))


def test_pages_changes_and_what_is_asked(serve, stub):
    for i in range(5):
        stub.put("Service", "s%d" % i, clusterIP="10.0.1.%d" % i)
    s = served(serve, stub)
    assert s.get("READY", "/ready") == (200, "OK")
    assert [address(s, "s%d" % i) for i in range(5)] == [["10.0.1.%d" % i] for i in range(5)]
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
    stub.remove("Service", "a", tell=False)  # what only a list shows
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
], ids=["500", "503", "401", "html", "another kind", "cut", "octets", "no http", "closed"])
def test_the_last_good_state_stays(serve, stub, wrong):
    s = served(serve, stub)
    stub.how = lambda kind, query: wrong
    stub.cut()
    s.wait_log("the last good state stays", seconds=20)
    assert address(s, "a") == ["10.0.0.1"]
    assert s.metrics()['nodens_kubernetes_watch_failures_total{kind="Service"}'] >= 1
    stub.how = lambda kind, query: None
    stub.put("Service", "b", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "b") == ["10.0.0.2"], 20)
    s.wait_log("in step with", 2)


def test_retry_after_is_kept(serve, stub):
    stub.how = lambda kind, query: (
        lambda h: Stub.reply(h, 429, status(429, "TooManyRequests"), Retry_After="2")) \
        if kind == "Service" and time.monotonic() < until else None
    until = time.monotonic() + 1
    served(serve, stub)
    times = [q for k, q in stub.asked if k == "Service"]
    assert len(times) <= 4, times  # refused once, then stream, list, watch


def test_unsynced_start(serve, stub):
    """A name that is missing may still come: SERVFAIL, and not ready."""
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
