# SPDX-License-Identifier: Apache-2.0
"""A server under everything at once: mutated datagrams, streams and HTTP, an upstream that lies, reloads that add and
remove ports and blocks, and a small memory budget. Meanwhile and afterwards an honest client gets right answers.

NODENS_LIVE_SECONDS is the duration (5; the sanitizer stage runs a minute), NODENS_LIVE_SEED replays."""
import os
import random
import select
import signal
import socket
import struct
import threading
import time

import dns.exception
import dns.message
import dns.query
import dns.rcode

from mutate import Source
from serving import texts

SECONDS = float(os.environ.get("NODENS_LIVE_SECONDS", "5"))
SEED = int(os.environ.get("NODENS_LIVE_SEED", str(random.randrange(1 << 30))))
LIMIT = "32Mi"

BLOCK = """:@PORT {
    bind 127.0.0.1
    errors
    log . {
        class error
    }
    prometheus 127.0.0.1:@PROM
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    hosts {
        192.0.2.1 known.test
        fallthrough
    }
    template ANY ANY chain.test {
        answer "{{ .Name }} 60 IN CNAME next.up.example."
    }
    template ANY ANY double.test {
        answer "{{ .Name }} 60 IN CNAME a.up.example."
        answer "{{ .Name }} 60 IN CNAME b.up.example."
    }
    rewrite cname exact rewritten.test. up.example.
    kubernetes cluster.local in-addr.arpa {
        source cluster.yaml
        fallthrough
    }
    loadbalance
    cache 5
    forward . 127.0.0.1:@UP
}
"""
SECOND = """.:@OTHER {
    bind 127.0.0.1
    forward . 127.0.0.1:@UP {
        %s
    }
}
"""
COREFILES = ["." + BLOCK, "." + BLOCK + SECOND % "prefer_udp", "." + BLOCK + SECOND % "force_tcp"]
MANIFEST = """apiVersion: v1
kind: Service
metadata: {name: svc, namespace: ns}
spec: {clusterIP: 10.0.0.1}
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: ns}
spec: {type: ExternalName, externalName: target.up.example}
---
apiVersion: v1
kind: Namespace
metadata: {name: ns}
"""


class Attack:
    """Threads, each with a source of its own, until the end."""

    def __init__(self):
        self.end, self.threads, self.broken = threading.Event(), [], []

    def start(self, what, number):
        def body():
            try:
                while not self.end.is_set():
                    what(Source(f"{SEED} {what.__name__} {number}") if number is not None else None)
            except Exception as e:
                self.broken.append(e)
        self.threads.append(threading.Thread(target=body))
        self.threads[-1].start()

    def stop(self):
        self.end.set()
        for t in self.threads:
            t.join()
        assert not self.broken, self.broken


def run_attack(server, attack):
    port = server.port

    def datagrams(source):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", port))
            while not attack.end.is_set():
                for _ in range(20):
                    try:
                        s.send(source.datagram())
                    except OSError:
                        pass        # the port is closed for a moment, or the datagram is empty
                if source.random.random() < 0.5:
                    select.select([s], [], [], 0.002)
                time.sleep(0.002)

    def streams(source):
        while not attack.end.is_set():
            kept = []
            for _ in range(20):
                try:
                    s = socket.create_connection(("127.0.0.1", port), timeout=1)
                    s.sendall(source.stream())
                except OSError:
                    continue
                kept.append(s)
            time.sleep(source.random.random() / 20)
            for s in kept:
                if source.random.random() < 0.5:       # a reset
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()

    def pages(source):
        while not attack.end.is_set():
            where = server.port_of(source.random.choice(["PROM", "HEALTH", "READY"]))
            try:
                with socket.create_connection(("127.0.0.1", where), timeout=1) as s:
                    s.sendall(source.http())
                    if source.random.random() < 0.5:
                        s.recv(1000)
            except OSError:
                pass
            time.sleep(0.01)

    def upstream(source):
        serve_upstream(source, server.port_of("UP"), attack.end)

    def reloads(_):
        n = 0
        while not attack.end.wait(0.15):
            server.write("Corefile", COREFILES[n % len(COREFILES)])
            server.signal(signal.SIGUSR1)
            n += 1

    attack.start(upstream, 0)
    for number in range(2):
        attack.start(datagrams, number)
        attack.start(streams, number)
    attack.start(pages, 0)
    attack.start(reloads, None)


def serve_upstream(source, port, end):
    """Lies over UDP and TCP: mutated replies, none, several, closed connections."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as listener:
        udp.bind(("127.0.0.1", port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        open_ = []
        while not end.is_set():
            ready, _, _ = select.select([udp, listener, *open_], [], [], 0.1)
            for s in ready:
                if s is udp:
                    query, peer = udp.recvfrom(65535)
                    for _ in range(source.random.choice([0, 1, 1, 1, 2])):
                        udp.sendto(source.reply(query), peer)
                elif s is listener:
                    open_.append(listener.accept()[0])
                else:
                    try:
                        data = s.recv(65535)
                        reply = source.reply(data[2:])
                        s.setblocking(False)
                        s.send(struct.pack("!H", len(reply)) + reply)
                    except OSError:
                        data = b""
                    if not data or source.random.random() < 0.2:
                        s.close()
                        open_.remove(s)
        for s in open_:
            s.close()


def check_honest(server, counts):
    """A name that needs no upstream has one right answer; a lookup may be lost, but never wrong."""
    try:
        r = server.ask("known.test", timeout=1)
    except (dns.exception.Timeout, OSError):
        counts["lost"] += 1
        return
    counts["asked"] += 1
    if r.rcode() == dns.rcode.NOERROR:
        assert texts(r) == ["192.0.2.1"], r.to_text()
    else:
        assert r.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED), r.to_text()


def test_live(serve):
    print(f"NODENS_LIVE_SEED={SEED}")
    server = serve(COREFILES[0], args=("-conf", "Corefile", "-memory-limit", LIMIT), files={"cluster.yaml": MANIFEST})
    attack, counts = Attack(), {"asked": 0, "lost": 0}
    run_attack(server, attack)
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            check_honest(server, counts)
            assert server.process.poll() is None, server.log()[-3000:]
            time.sleep(0.01)
    finally:
        attack.stop()
    assert counts["asked"] > counts["lost"], counts
    # Peace: everything is answered again, and what was waiting is gone.
    server.write("Corefile", COREFILES[0])
    server.reload()
    for _ in range(20):
        assert texts(server.ask("known.test")) == ["192.0.2.1"]
        assert texts(server.ask("svc.ns.svc.cluster.local", tcp=True)) == ["10.0.0.1"]
    assert server.get("HEALTH", "/health")[0] == 200
