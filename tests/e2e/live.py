# SPDX-License-Identifier: Apache-2.0
"""Helpers for tests with a real API server (the fixtures `api` and `serve_cluster` of conftest.py).

PEER=coredns runs the tests with CoreDNS instead of nodens; this checks the tests themselves."""
import os
import socket
import threading

from apiserver import namespace, service, slice_of
from serving import texts

PEER = os.environ.get("PEER", "")
ZONE = "svc.cluster.local."


def answers(s, name, zone=ZONE):
    return sorted(texts(s.ask(f"{name}.{zone}")))


def rcode(s, name, zone=ZONE):
    return int(s.ask(f"{name}.{zone}").rcode())


def filled(api, name):
    """A namespace with a headless Service `web` at 10.244.1.1."""
    api.create_all([namespace(name, tier="a"), service("web", name), slice_of("web", name, ["10.244.1.1"])])


def moved(api, space, address):
    """Changes the address of `web`."""
    api.patch("EndpointSlice", "web-x", {"endpoints": [{"addresses": [address]}]}, space)


class Proxy:
    """Forwards connections to the API server until cut() ends them all and refuses new ones."""

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
