# SPDX-License-Identifier: Apache-2.0
"""The kubernetes plugin on a real API server: what changes there, and how it goes away, is answered for.

PEER=coredns puts CoreDNS in nodens's place: the tests themselves are tested so."""
import os
import signal
import socket
import threading

import pytest

import apiserver
from apiserver import gomodules, namespace, service, slice_of, until
from serving import Server, texts

PEER = os.environ.get("PEER", "")
ZONE = "svc.cluster.local."


@pytest.fixture(scope="module")
def api():
    try:
        cluster = apiserver.Cluster()
    except gomodules.Missing as e:
        pytest.skip(str(e))
    with cluster:
        cluster.grant()
        yield cluster


@pytest.fixture
def server(api, tmp_path):
    """server(CONFIG LINES...): one that serves the cluster, ready."""
    started = []

    def start(*lines, kubeconfig=None, ready="kubernetes.default"):
        inside = "\n    ".join(["kubeconfig %s" % (kubeconfig or api.path("dns.kubeconfig")), *lines])
        s = Server(tmp_path / str(len(started)), """.:@PORT {
  bind 127.0.0.1
  kubernetes cluster.local in-addr.arpa {
    %s
  }
}
""" % inside)
        if PEER:
            s.argv = [gomodules.build(PEER), "-conf", "Corefile"]
        started.append(s)
        s.start()
        until(lambda: answers(s, ready))
        return s

    yield start
    for s in started:
        s.stop()


def answers(s, name):
    return sorted(texts(s.ask("%s.%s" % (name, ZONE))))


def rcode(s, name):
    return int(s.ask("%s.%s" % (name, ZONE)).rcode())


def filled(api, name):
    """A namespace with a headless Service `web` at 10.244.1.1."""
    api.create_all([namespace(name, tier="a"), service("web", name), slice_of("web", name, ["10.244.1.1"])])


def test_rolling_update(api, server):
    filled(api, "rolling")
    s = server(ready="web.rolling")
    missed, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            if not answers(s, "web.rolling"):
                missed.append(1)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for i in range(2, 30):      # each time one comes before one goes
            for ips in (["10.244.1.%d" % (i - 1), "10.244.1.%d" % i], ["10.244.1.%d" % i]):
                api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": [a]} for a in ips]}, "rolling")
        api.create(slice_of("web", "rolling", ["10.244.2.1"], "second"))
        until(lambda: answers(s, "web.rolling") == ["10.244.1.29", "10.244.2.1"])
        api.delete("EndpointSlice", "web-x", "rolling")
        until(lambda: answers(s, "web.rolling") == ["10.244.2.1"])
    finally:
        stop.set()
        watcher.join()
    assert not missed
    assert texts(s.ask("1.2.244.10.in-addr.arpa.", "PTR")) == ["10-244-2-1.web.rolling.%s" % ZONE]
    assert int(s.ask("29.1.244.10.in-addr.arpa.", "PTR").rcode()) == 3


def test_service_changes(api, server):
    filled(api, "changing")
    s = server(ready="web.changing")
    api.create(service("api", "changing", "10.96.200.1"))
    until(lambda: answers(s, "api.changing") == ["10.96.200.1"])
    api.patch("Service", "api", {"spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}}, "changing")
    until(lambda: len(s.ask("_dns._udp.api.changing.%s" % ZONE, "SRV").answer) == 1)
    api.delete("Service", "api", "changing")
    until(lambda: rcode(s, "api.changing") == 3)


def test_namespace_deleted(api, server):
    filled(api, "short")
    s = server(ready="web.short")
    api.delete_namespace("short")
    until(lambda: rcode(s, "web.short") == 3)
    filled(api, "short")
    until(lambda: answers(s, "web.short") == ["10.244.1.1"])


def test_labels(api, server):
    filled(api, "labelled")
    api.create(service("other", "labelled"))
    s = server("namespace_labels tier=a", ready="web.labelled")
    api.patch("EndpointSlice", "web-x", {"metadata": {"labels": {"kubernetes.io/service-name": "other"}}}, "labelled")
    until(lambda: answers(s, "other.labelled") == ["10.244.1.1"] and not answers(s, "web.labelled"))
    api.patch("Namespace", "labelled", {"metadata": {"labels": {"tier": "b"}}})
    until(lambda: rcode(s, "other.labelled") == 3)
    api.patch("Namespace", "labelled", {"metadata": {"labels": {"tier": "a"}}})
    until(lambda: answers(s, "other.labelled") == ["10.244.1.1"])


def test_api_server_restarts(api, server):
    filled(api, "restart")
    s = server(ready="web.restart")
    api.kill()
    for _ in range(20):
        assert answers(s, "web.restart") == ["10.244.1.1"]
    api.start()
    api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": ["10.244.1.2"]}]}, "restart")
    until(lambda: answers(s, "web.restart") == ["10.244.1.2"], 60)


def test_version_too_old(api, server):
    """While the server sleeps the cluster changes, and what it knew of is compacted away: 410."""
    filled(api, "old")
    s = server(ready="web.old")
    version = api.get("EndpointSlice", "web-x", "old")["metadata"]["resourceVersion"]
    s.signal(signal.SIGSTOP)
    try:
        api.create(service("new", "old", "10.96.201.1"))
        api.delete("EndpointSlice", "web-x", "old")
        api.create(slice_of("web", "old", ["10.244.1.3"], "y"))
        api.compact()
        api.kill()
        api.start()
        api.create(service("newer", "old", "10.96.201.2"))
        assert api.watch_status("EndpointSlice", version) == 410
    finally:
        s.signal(signal.SIGCONT)
    until(lambda: answers(s, "web.old") == ["10.244.1.3"], 60)
    until(lambda: answers(s, "new.old") == ["10.96.201.1"] and answers(s, "newer.old") == ["10.96.201.2"])


class Proxy:
    """Passes bytes on to the API server, until cut() ends all connections and lets no new ones through."""

    def __init__(self, port):
        self.target, self.open, self.dark = port, [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            if self.dark:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.target))
            self.open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=pair, daemon=True).start()

    @staticmethod
    def carry(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, dark):
        self.dark = dark
        for conn in self.open:
            try:
                conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def close(self):
        self.cut(True)
        self.listener.close()


def config(api, folder, port, user):
    path = str(folder / "kubeconfig")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {server: "https://127.0.0.1:%d", certificate-authority: "%s"}
contexts:
- name: x
  context: {cluster: c, user: u}
users:
- name: u
  user: {%s}
current-context: x
""" % (port, api.path("ca.crt"), user))
    return path


def test_watches_are_cut(api, server, tmp_path):
    filled(api, "cut")
    proxy = Proxy(api.port)
    try:
        s = server(kubeconfig=config(api, tmp_path, proxy.port, "token: %s" % api.read("dns.token")), ready="web.cut")
        for i in range(2, 5):
            proxy.cut(True)
            api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": ["10.244.1.%d" % i]}]}, "cut")
            assert answers(s, "web.cut") == ["10.244.1.%d" % (i - 1)]
            proxy.cut(False)
            until(lambda i=i: answers(s, "web.cut") == ["10.244.1.%d" % i], 60)
    finally:
        proxy.close()


def test_token_rotates(api, server, tmp_path):
    filled(api, "tokens")
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dns", "namespace": "tokens"}})
    api.grant("ServiceAccount", "dns", "tokens")
    file = tmp_path / "token"
    file.write_text(api.token("dns", "tokens", "first"))
    s = server(kubeconfig=config(api, tmp_path, api.port, 'tokenFile: "%s"' % file), ready="web.tokens")
    (tmp_path / "token.new").write_text(api.token("dns", "tokens", "second"))
    os.rename(tmp_path / "token.new", file)
    api.delete("Secret", "first", "tokens")
    api.kill()      # with what it remembered of the first token
    api.start()
    api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": ["10.244.1.7"]}]}, "tokens")
    until(lambda: answers(s, "web.tokens") == ["10.244.1.7"], 90)


def test_thousands_at_once(api, server):
    filled(api, "many")
    s = server(ready="web.many")
    api.create_all(service("s-%d" % i, "many", "10.98.%d.%d" % (i // 200, i % 200 + 1)) for i in range(1000))
    until(lambda: answers(s, "s-999.many") == ["10.98.4.200"])
    wrong = [i for i in range(1000) if answers(s, "s-%d.many" % i) != ["10.98.%d.%d" % (i // 200, i % 200 + 1)]]
    assert not wrong
