# SPDX-License-Identifier: Apache-2.0
"""A real API server for all tests of a file (`api`), servers that serve its cluster (`server`), and what stands between
the two. A file takes the fixtures by importing them.

PEER=coredns puts CoreDNS in nodens's place: the tests themselves are tested so."""
import os
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
    """server(LINES of the plugin's block...): one that serves the cluster. It is waited for until it answers for
    `ready`, if that is given. under: what it is run by."""
    started = []

    def start(*lines, kubeconfig=None, ready="kubernetes.default", zones="cluster.local in-addr.arpa", under=(),
              peer=PEER):
        path = api.path("dns.kubeconfig") if kubeconfig is None else kubeconfig
        inside = "\n    ".join(([f"kubeconfig {path}"] if path else []) + list(lines))
        s = Server(tmp_path / str(len(started)), f""".:@PORT {{
  bind 127.0.0.1
  ready 127.0.0.1:@READY
  prometheus 127.0.0.1:@PROM
  kubernetes {zones} {{
    {inside}
  }}
}}
""")
        if peer:
            s.argv = [gomodules.build(peer), "-conf", "Corefile"]
        s.argv = [*under, *s.argv]
        started.append(s)
        s.start()
        if ready:
            until(lambda: answers(s, ready))
        return s

    yield start
    for s in started:
        s.stop()


def answers(s, name, zone=ZONE):
    return sorted(texts(s.ask(f"{name}.{zone}")))


def rcode(s, name, zone=ZONE):
    return int(s.ask(f"{name}.{zone}").rcode())


def filled(api, name):
    """A namespace with a headless Service `web` at 10.244.1.1."""
    api.create_all([namespace(name, tier="a"), service("web", name), slice_of("web", name, ["10.244.1.1"])])


def moved(api, space, address):
    """Lets `web` be elsewhere."""
    api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": [address]}]}, space)


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
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:     # it is away
                near.close()
                continue
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
        f.write(f"""apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: "{api.path("ca.crt")}"}}
contexts:
- name: x
  context: {{cluster: c, user: u}}
users:
- name: u
  user: {{{user}}}
current-context: x
""")
    return path
