# SPDX-License-Identifier: Apache-2.0
"""Clients that fill the table of waiting queries: what others get meanwhile, what it costs, and what is left."""
import itertools
import os
import socket
import struct
import sys
import threading
import time

import dns.message
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serving import frame, free_port, texts, wait_for  # noqa: E402

A, CNAME = 1, 5
WAITING = "nodens_queries_waiting"
SMALL = ("-conf", "Corefile", "-memory-limit", "32Mi")   # room for some 3,000 queries that wait
MANIFEST = """apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: v1
kind: Service
metadata: {name: partner, namespace: default}
spec: {type: ExternalName, externalName: real.example}
"""


def wire_name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.split(".") if x) + b"\0"


def question(name, number=0):
    """name: text, or bytes in wire format."""
    name = name if isinstance(name, bytes) else wire_name(name)
    return struct.pack("!HHHHHH", number & 65535, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1"


def record(rdtype, rdata):
    return struct.pack("!HHHIH", 0xc00c, rdtype, 1, 60, len(rdata)) + rdata


def reply(wire, *records):
    """The reply to a question without EDNS."""
    return wire[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, len(records), 0, 0) + wire[12:] + b"".join(records)


class Sink:
    """A UDP upstream. answer(first label, question): the reply, or None. hold: keeps the questions for release()."""

    def __init__(self, answer=lambda label, wire: None, hold=False):
        self.answer, self.hold, self.held, self.count = answer, hold, [], 0
        self.port = free_port()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                wire, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            self.count += 1
            if self.hold:
                self.held.append((wire, peer))
                continue
            r = self.answer(wire[13:13 + wire[12]], wire)
            if r:
                try:
                    self.socket.sendto(r, peer)
                except OSError:     # closed
                    return

    def release(self):
        self.hold, self.answer = False, lambda label, wire: reply(wire, record(A, b"\xc0\0\2\1"))
        for wire, peer in self.held:
            self.socket.sendto(reply(wire, record(A, b"\xc0\0\2\1")), peer)


@pytest.fixture(name="sink")
def sink_fixture():
    made = []

    def make(*args, **more):
        made.append(Sink(*args, **more))
        return made[-1]

    yield make
    for s in made:
        s.socket.close()


def client(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(8)
    s.connect(("127.0.0.1", port))
    return s


def flood(s, port, names):
    """Sends the names from one socket, in portions that the server's receive buffer holds."""
    with client(port) as c:
        for number, name in enumerate(names):
            c.send(question(name, number))
            if number % 200 == 199:
                time.sleep(0.004)
                assert s.process.poll() is None, s.log()[-2000:]


def fill(s, port):
    """More queries than there is room for, until some are shed. Each waits 5 s otherwise."""
    flood(s, port, (f"{n}.flood.test" for n in range(4000)))
    wait_for(lambda: s.metrics()["nodens_queries_shed_total"] > 0)


PLANTED = record(CNAME, wire_name("evil.attacker"))


def planted(n):
    """A name with a record in its labels, where the answers below have their first record."""
    label = (f"{n:019d}".encode() + PLANTED).ljust(63, b"x")
    return b"\x3f" + label + wire_name("flood.test")


VICTIMS = {
    "template": (" template IN A victim.test {\n  answer \"{{ .Name }} 60 IN CNAME real.example.\"\n }\n",
                 "db.victim.test"),
    "externalname": (" kubernetes cluster.local {\n  source @DIR/manifest.yaml\n }\n",
                     "partner.default.svc.cluster.local"),
}


@pytest.mark.parametrize("kind", sorted(VICTIMS))
def test_answers_of_others_stay_whole(serve, sink, kind):
    """A query that asks again while the table is full sheds none: its answer is being written."""
    lines, name = VICTIMS[kind]
    up = sink(lambda label, wire: None if len(label) > 50 or label.isdigit() else
              reply(wire, record(A, b"\xc0\0\2\1")))
    s = serve(f".:@PORT {{\n bind 127.0.0.1\n{lines} forward . 127.0.0.1:{up.port}\n prometheus 127.0.0.1:@PROM\n}}\n",
              files={"manifest.yaml": MANIFEST}, cpus=1, args=SMALL)
    fill(s, s.port)
    answered = 0
    numbers = itertools.count()
    with client(s.port) as c:
        c.settimeout(0.5)
        for i in range(30):
            flood(s, s.port, (planted(next(numbers)) for _ in range(150)))
            m = question(name, i)
            c.send(m)
            try:
                r = c.recv(4096)
            except socket.timeout:
                continue
            answered += 1
            assert r[0] == 0 and r[1] <= i, "an answer to no question"  # one may be late
            assert r[12:len(m)] == m[12:], "the question of another"
            assert texts(dns.message.from_wire(r)) in ([], ["real.example."], ["real.example.", "192.0.2.1"])
    assert answered and s.metrics()["nodens_queries_shed_total"] > 100


def test_a_chain_of_sub_queries(serve, sink):
    """The sub-query of a sub-query, while the table is full (rewrite cname)."""
    up = sink(lambda label, wire: None if label.isdigit() else
              reply(wire, record(CNAME, wire_name("old.test"))) if label == b"q" else
              reply(wire, record(A, b"\xc0\0\2\1")))
    s = serve(f".:@PORT {{\n bind 127.0.0.1\n rewrite cname exact old.test. new.test.\n forward . 127.0.0.1:{up.port}\n"
              " prometheus 127.0.0.1:@PROM\n}\n", cpus=1, args=SMALL)
    fill(s, s.port)
    for i in range(20):
        flood(s, s.port, (f"{n}.q.test" for n in range(20)))
        with client(s.port) as c:
            c.send(question("q.test", i))
            assert c.recv(512)[:2] == struct.pack("!H", i)
    assert s.process.poll() is None


def test_other_clients_are_not_shed(serve, sink):
    """The client that has most waiting queries loses them, not the one that waits longest."""
    up = sink(hold=True)
    s = serve(f".:@PORT {{\n bind 127.0.0.1 127.0.0.2\n forward . 127.0.0.1:{up.port}\n"
              " prometheus 127.0.0.1:@PROM\n}\n", cpus=1, args=SMALL)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as c:
        c.bind(("127.0.0.2", 0))
        c.settimeout(8)
        c.connect(("127.0.0.2", s.port))
        for i in range(10):
            c.send(question(f"{i}.other.test", i))
        wait_for(lambda: s.metrics()[WAITING] == 10)
        fill(s, s.port)
        up.release()
        got = {c.recv(512)[:4] for _ in range(10)}
    assert got == {struct.pack("!HH", i, 0x8180) for i in range(10)}


def padded(name, number, n=60000):
    """A question with an EDNS option of n bytes."""
    wire = bytearray(question(name, number))
    wire[11] = 1
    return bytes(wire) + struct.pack("!BHHIHHH", 0, 41, 1232, 0, n + 4, 65001, n) + bytes(n)


def test_long_questions_leave_memory_to_others(serve, sink):
    """Questions of 60 kB to a silent upstream use up the memory of exchanges before there are many of them. The client
    that has most of them loses some, and another gets its answers."""
    up = sink(lambda label, wire: reply(wire, record(A, b"\xc0\0\2\1")) if label.startswith(b"good") else None)
    s = serve(f".:@PORT {{\n bind 127.0.0.1 127.0.0.2\n forward . 127.0.0.1:{up.port} {{\n  prefer_udp\n }}\n"
              " prometheus 127.0.0.1:@PROM\n}\n", cpus=1, args=SMALL)
    numbers = itertools.count()
    answered = 0
    with socket.create_connection(("127.0.0.2", s.port)) as c, client(s.port) as honest:
        def press():
            c.sendall(b"".join(frame(padded(f"{next(numbers)}.flood.test", 1)) for _ in range(20)))
        for _ in range(8):
            press()
        wait_for(lambda: s.metrics()['nodens_forward_refused_total'] > 0)
        for i in range(20):
            press()
            m = question(f"good{i}.test", i)
            honest.send(m)
            r = honest.recv(512)
            answered += r == reply(m, record(A, b"\xc0\0\2\1"))
    assert answered >= 18
    assert s.metrics()["nodens_queries_shed_total"] > 20


def cpu_seconds(s):
    with open(f"/proc/{s.process.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_connections_are_reset(serve, sink):
    """The end of a connection costs its own queries, however many others wait."""
    up = sink()
    s = serve(f".:@PORT {{\n bind 127.0.0.1\n forward . 127.0.0.1:{up.port} {{\n  prefer_udp\n }}\n"
              " prometheus 127.0.0.1:@PROM\n}\n", cpus=1)
    conns = []
    for i in range(60):
        c = s.connect()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.sendall(b"".join(frame(question(f"{i}-{n}.test", n)) for n in range(255)))
        conns.append(c)
    wait_for(lambda: s.metrics()[WAITING] > 58 * 255)
    before = cpu_seconds(s)
    for c in reversed(conns):   # the newest first
        c.close()
    wait_for(lambda: s.metrics()[WAITING] == 0)
    assert cpu_seconds(s) - before < 0.8


@pytest.mark.parametrize("tcp", [False, True])
def test_listener_is_removed_while_queries_wait(serve, sink, tcp):
    """They are answered through their socket, which closes after that; a new listener there works."""
    up = sink(hold=True)
    text = (f" {{\n bind 127.0.0.1\n forward . 127.0.0.1:{up.port} {{\n  prefer_udp\n }}\n}}\n"
            ".:@OTHER {\n bind 127.0.0.1\n prometheus 127.0.0.1:@PROM\n}\n")
    s = serve(".:@PORT" + text)
    old = s.port
    clients = []
    for i in range(8):
        c = s.connect() if tcp else client(old)
        for n in range(4):
            m = question(f"{i}-{n}.test", n)
            c.sendall(frame(m) if tcp else m)
        clients.append(c)
    wait_for(lambda: s.metrics()[WAITING] == 32)
    s.write("Corefile", ".:@NEW" + text)
    s.reload()
    assert s.metrics()[WAITING] == 32
    up.release()
    for c in clients:
        if tcp:
            with c.makefile("rb") as f:     # until the server closes it
                data = f.read()
            assert len(data) == 4 * len(frame(reply(question("0-0.test"), record(A, b"abcd"))))
        else:
            assert sorted(c.recv(512)[1] for _ in range(4)) == [0, 1, 2, 3]
        c.close()
    wait_for(lambda: s.metrics()[WAITING] == 0)

    def closed():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, socket.socket() as stream:
            try:
                probe.bind(("127.0.0.1", old))
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                stream.bind(("127.0.0.1", old))
            except OSError:
                return False
        return True
    wait_for(closed)
    s.write("Corefile", ".:@PORT" + text)
    s.reload()
    assert s.ask("x.test").answer


def test_a_listener_comes_back_while_queries_wait(serve, sink):
    """Removed and added again before its last query ends: it serves at once, on the same sockets."""
    up = sink(hold=True)
    text = (" {\n bind 127.0.0.1\n whoami\n}\nheld.test:@PORT {\n bind 127.0.0.1\n"
            f" forward . 127.0.0.1:{up.port}\n}}\n")
    rest = ".:@OTHER {\n bind 127.0.0.1\n prometheus 127.0.0.1:@PROM\n}\n"
    s = serve(".:@PORT" + text + rest)
    with client(s.port) as c:
        c.send(question("a.held.test", 7))
        wait_for(lambda: s.metrics()[WAITING] == 1)
        s.write("Corefile", rest)
        s.reload()
        s.write("Corefile", ".:@PORT" + text + rest)
        s.reload()
        for tcp in (False, True) * 5:
            assert s.ask("x.test", tcp=tcp).rcode() == 0
        up.release()
        assert c.recv(512)[:2] == b"\0\7"


def test_memory_goes_back(serve, sink):
    """The table's memory is counted in the budget, and given back some seconds after a flood."""
    up = sink()
    s = serve(f".:@PORT {{\n bind 127.0.0.1\n forward . 127.0.0.1:{up.port}\n prometheus 127.0.0.1:@PROM\n}}\n",
              cpus=1, args=SMALL)
    used = 'nodens_memory_budget_used_bytes{part="queries"}'
    before = s.metrics()[used]
    fill(s, s.port)
    wait_for(lambda: s.metrics()[used] > 3 << 20, 4)
    wait_for(lambda: s.metrics()[used] <= 2 * before, 25)
