# SPDX-License-Identifier: Apache-2.0
"""Hostile DNS clients over TCP: frames that never end, too many connections, answers and transfers that
are not read. Other clients are served meanwhile."""
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

import dns.message
import dns.rdatatype
import pytest

import memory
from faulty import Upstream
from serving import Server, frame, read_frame, texts, wait_for

MANY = "\n        ".join(f"10.1.{i // 256}.{i % 256} many.test" for i in range(300))
HOSTS = f"""    hosts {{
        192.0.2.1 one.test
        {MANY}
    }}
"""
SLOW = f".:@PORT {{\n    bind 127.0.0.1\n    prometheus 127.0.0.1:@PROM\n{HOSTS}}}\n"
ZONE = """cluster.local:@PORT {
    bind 127.0.0.1
    transfer {
        to *
    }
    kubernetes {
        source @DIR/cluster.yaml
    }
}
"""
FORWARD = """.:@PORT {
    bind 127.0.0.1
    health 127.0.0.1:@HEALTH
    prometheus 127.0.0.1:@PROM
    forward . 127.0.0.1:@UP
    cache
}
"""


def query(name, number=0):
    return frame(dns.message.make_query(name, "A", id=number).to_wire())


def connect(port, source=None, receive=None):
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    if source:
        s.bind((source, 0))
    s.settimeout(8)
    s.connect(("127.0.0.1", port))
    return s


def is_closed(s):
    """The server has closed it. Reads what came before."""
    s.setblocking(False)
    try:
        while True:
            if not s.recv(65536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def send_all(conns, data):
    for s in conns:
        try:
            s.send(data)
        except OSError:
            pass


def cluster(slices):
    """A headless Service with 1,000 endpoints per slice, of three records each."""
    text = """apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: v1
kind: Service
metadata: {name: big, namespace: n}
spec: {clusterIP: None, ports: [{name: http, port: 80}]}
"""
    for k in range(slices):
        ends = ", ".join(f"{{addresses: [10.{k}.{i // 250}.{i % 250}], conditions: {{ready: true}}}}"
                         for i in range(1000))
        text += f"""---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: big-{k}, namespace: n, labels: {{kubernetes.io/service-name: big}}}}
addressType: IPv4
endpoints: [{ends}]
ports: [{{name: http, port: 80, protocol: TCP}}]
"""
    return text


AXFR = frame(dns.message.make_query("cluster.local.", "AXFR").to_wire())


# --- clients that take 10 s to be closed: they start with the first test, and the last test looks at them ---

class Slow:
    """Each drips: after every step it sends `piece`."""

    def __init__(self, folder):
        self.server = Server(folder, SLOW + ZONE, files={"cluster.yaml": cluster(5)}).start()
        self.drips = []   # (socket, piece)
        self.stop = threading.Event()
        asked = connect(self.server.port)
        asked.sendall(query("one.test."))
        read_frame(asked)
        asked.sendall(b"\xff\xff")
        empty = connect(self.server.port)
        empty.sendall(query("one.test."))
        read_frame(empty)
        self.asked = [asked, empty]
        self.drips += [(asked, b"a"), (empty, b"\0\0")]
        # 3,000 answers of 4.8 kB.
        self.unread = connect(self.server.port, receive=4096)
        self.unread.sendall(query("many.test.") * 3000)
        self.transfer = connect(self.server.port, receive=4096)
        self.transfer.sendall(AXFR)
        self.thread = threading.Thread(target=self.drip, daemon=True)
        self.thread.start()

    def drip(self):
        while not self.stop.wait(0.5):
            for s, piece in self.drips:
                send_all([s], piece)

    def close(self):
        self.stop.set()
        self.thread.join()
        for s in self.asked + [self.unread, self.transfer]:
            s.close()
        self.server.stop()


@pytest.fixture(name="slow", scope="module", autouse=True)
def slow_fixture(tmp_path_factory):
    s = Slow(tmp_path_factory.mktemp("slow"))
    yield s
    s.close()


# --- frames ---

@pytest.mark.parametrize("piece", [b"a", b"\0\0", b"\0\5short"], ids=["bytes", "empty frames", "short frames"])
def test_first_question_is_not_extended(serve, piece):
    """3 s for the first question, whatever else arrives."""
    s = serve(SLOW)
    with connect(s.port) as c:
        c.sendall(b"\xff\xff" if piece == b"a" else piece)
        for _ in range(20):
            time.sleep(0.3)
            send_all([c], piece)
            if is_closed(c):
                break
        else:
            pytest.fail("it is still open after 6 s")
    assert texts(s.ask("one.test.")) == ["192.0.2.1"]


def test_a_question_in_pieces(serve):
    """A slow, honest client: its frames arrive in pieces."""
    s = serve(SLOW)
    with connect(s.port) as c:
        for number in range(3):
            q = query("one.test.", number)
            for part in (q[:1], q[1:2], q[2:9], q[9:]):
                c.sendall(part)
                time.sleep(0.1)
            assert read_frame(c)[:2] == struct.pack("!H", number)


# --- a full table ---

def test_new_clients_always_get_in(serve):
    """More idle connections than the table has; each new client still gets its answer."""
    up = Upstream()
    s = serve(FORWARD.replace("@UP", str(up.port)))
    crowd = []
    try:
        for _ in range(4500):
            crowd.append(connect(s.port))
            crowd[-1].send(b"\xff\xff")
        # One connection of another address, older than most of the crowd by the time it asks again.
        with connect(s.port, "127.0.0.9") as honest:
            honest.sendall(query("first.test.", 1))
            assert read_frame(honest)[:2] == b"\0\1"
            for i in range(300):
                crowd[i].close()
                crowd[i] = connect(s.port)
            honest.sendall(query("second.test.", 2))
            assert read_frame(honest)[:2] == b"\0\2"
        for i in range(5):
            assert s.ask(f"t{i}.test.", tcp=True, timeout=4).rcode() == 0
            assert s.get("HEALTH", "/health")[0] == 200
        m = s.metrics()
        assert m["nodens_tcp_evicted_total"] >= 300 and m["nodens_tcp_connections"] <= 4096
        assert m["nodens_tcp_refused_total"] == 0
    finally:
        for c in crowd:
            c.close()
        up.close()


def with_few_descriptors(folder, up):
    """A server that may open 600 descriptors, about half of them for connections of clients."""
    s = Server(folder, FORWARD.replace("@UP", str(up.port)))
    s.argv = ["prlimit", "--nofile=600:600"] + s.argv
    return s.start()


def test_few_descriptors(tmp_path):
    """Connections of clients leave descriptors for upstreams and probes."""
    up = Upstream()
    s = with_few_descriptors(tmp_path, up)
    crowd = [connect(s.port) for _ in range(700)]
    try:
        for i in range(5):
            assert s.ask(f"u{i}.test.", timeout=4).rcode() == 0
            assert s.ask(f"t{i}.test.", tcp=True, timeout=4).rcode() == 0
            assert s.get("HEALTH", "/health")[0] == 200
        m = s.metrics()
        assert m["nodens_tcp_evicted_total"] >= 100 and m["nodens_tcp_connections"] < 600
    finally:
        for c in crowd:
            c.close()
        s.stop()
        up.close()


def test_busy_connections_are_kept(tmp_path):
    """Who waits for an answer is not evicted for idle ones of a larger client."""
    up = Upstream(mode="silent")
    s = with_few_descriptors(tmp_path, up)
    busy = connect(s.port, "127.0.0.9")
    busy.sendall(query("wait.test.", 5))
    crowd = [connect(s.port) for _ in range(700)]
    try:
        assert read_frame(busy)[:2] == b"\0\5"   # SERVFAIL after the upstream's time
        assert sum(is_closed(c) for c in crowd) >= 100
    finally:
        for c in crowd + [busy]:
            c.close()
        s.stop()
        up.close()


# --- unread answers ---

def test_unread_answers_cost_little(serve):
    """100 clients that ask and never read."""
    s = serve(SLOW, env=memory.ENV)
    s.ask("many.test.", tcp=True)
    growth = memory.Growth(s)
    crowd = [connect(s.port, receive=2048) for _ in range(100)]
    for _ in range(10):
        send_all(crowd, query("many.test.") * 100)
        time.sleep(0.05)
    assert texts(s.ask("one.test.", tcp=True)) == ["192.0.2.1"]
    assert growth.peak() < 25 << 20
    used = s.metrics()['nodens_memory_budget_used_bytes{part="streams"}']
    assert used > 100 * 1000
    for c in crowd:
        c.close()
    wait_for(lambda: s.metrics()["nodens_tcp_connections"] == 0)
    assert s.metrics()['nodens_memory_budget_used_bytes{part="streams"}'] == 0


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss(8)")
@pytest.mark.parametrize("what", ["questions", "answers"])
def test_the_kernel_holds_little(serve, what):
    """Questions of clients that must wait, and answers that are not read, lie in the kernel's buffers, too: these are
    small, and counted."""
    up = Upstream(mode="silent")
    s = serve(SLOW if what == "answers" else FORWARD.replace("@UP", str(up.port)))
    data = query("many.test." if what == "answers" else "wait.test.") * 300
    crowd = [connect(s.port) for _ in range(40)]
    for _ in range(20):
        for c in crowd:
            c.setblocking(False)
        send_all(crowd, data)
        time.sleep(0.03)
    out = subprocess.run(["ss", "-tmnH", "sport", "=", f":{s.port}"], capture_output=True, text=True, check=True).stdout
    held = [sum(map(int, m)) for m in re.findall(r"skmem:\(r(\d+),.*?,w(\d+)", out)]
    assert len(held) == 40 and 16 << 10 < max(held) <= 160 << 10
    if what == "questions":
        assert max(held) <= 48 << 10
    assert s.metrics()['nodens_memory_budget_used_bytes{part="streams"}'] > 0.5 * sum(held)
    for c in crowd:
        c.close()
    up.close()


def test_reading_continues(serve):
    """A client that asks 2,000 questions before it reads gets all answers: the server reads on when it does."""
    s = serve(SLOW)
    with connect(s.port) as c:
        def ask():
            for i in range(2000):
                c.sendall(query("many.test.", i))
        t = threading.Thread(target=ask)
        t.start()
        time.sleep(0.5)
        seen = [struct.unpack("!H", read_frame(c)[:2])[0] for _ in range(2000)]
        t.join()
    assert seen == list(range(2000))


def test_half_closed_with_unread_answers(serve):
    s = serve(SLOW)
    with connect(s.port) as c:
        c.sendall(b"".join(query("many.test.", i) for i in range(400)))
        c.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        for i in range(400):
            assert read_frame(c)[:2] == struct.pack("!H", i)
        assert c.recv(1) == b""


@pytest.mark.parametrize("data", [b"\xff\xff" + b"a" * 40000, query("many.test.") * 300], ids=["frames", "answers"])
def test_memory_is_bounded(serve, data):
    """Long frames and unread answers of all connections share a part of the budget; the heaviest ones are closed."""
    s = serve(SLOW, args=("-conf", "Corefile", "-memory-limit", "32MiB"))
    crowd = [connect(s.port, receive=2048) for _ in range(200)]
    for _ in range(3):
        send_all(crowd, data)
        time.sleep(0.1)
        assert texts(s.ask("one.test.", tcp=True)) == ["192.0.2.1"]
    m = s.metrics()
    used, most = (m[f'nodens_memory_budget_{what}{{part="streams"}}'] for what in ("used_bytes", "bytes"))
    assert used <= most <= 4 << 20
    assert m["nodens_tcp_evicted_total"] >= 20
    for c in crowd:
        c.close()


def test_closing_connections_count(serve):
    """A client that has closed its side, and does not read, is still a connection."""
    s = serve(SLOW)
    crowd = [connect(s.port, receive=2048) for _ in range(20)]
    send_all(crowd, query("many.test.") * 100)
    for c in crowd:
        c.shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    assert s.metrics()["nodens_tcp_connections"] == 20
    for c in crowd:
        c.close()
    wait_for(lambda: s.metrics()["nodens_tcp_connections"] == 0)


# --- transfers ---

def test_transfer_of_a_large_service(serve):
    """A headless Service of 40,000 endpoints arrives whole, in messages of which the server holds few, and others are
    answered meanwhile."""
    s = serve(ZONE + SLOW, files={"cluster.yaml": cluster(40)}, env=memory.ENV)
    growth = memory.Growth(s)
    total = records = answered = messages = 0
    with connect(s.port, receive=65536) as c, c.makefile("rb") as stream:
        c.sendall(AXFR)
        time.sleep(0.5)
        while records < 2 + 3 * 40000:
            wire = stream.read(struct.unpack("!H", stream.read(2))[0])
            rcode, count = wire[3] & 15, struct.unpack("!H", wire[6:8])[0]
            assert rcode == 0 and count
            total += len(wire)
            records += count
            messages += 1
            answered += texts(s.ask("one.test.")) == ["192.0.2.1"]
        assert dns.message.from_wire(wire, one_rr_per_rrset=True).answer[-1].rdtype == dns.rdatatype.SOA
    assert total > 3 << 20 and answered == messages
    assert growth.peak() < total / 3
    logged = s.wait_log('Outgoing transfer of ([0-9]+) records of zone "cluster.local." to 127.0.0.1')
    assert int(logged[0].group(1)) == records


def test_transfer_to_a_client_that_leaves(serve):
    s = serve(ZONE, files={"cluster.yaml": cluster(3)})
    with connect(s.port, receive=4096) as c:
        c.sendall(AXFR)
        read_frame(c)
    s.wait_log('WARNING.* Outgoing transfer of zone "cluster.local." to 127.0.0.1 ended early after [0-9]+ records')


# --- the last test ---

def test_slow_clients_are_closed(slow):
    """10 s after its last question or progress a connection is closed, however it drips."""
    wait_for(lambda: all(is_closed(c) for c in slow.asked), 20, 0.2)
    wait_for(lambda: slow.server.metrics()["nodens_tcp_unread_total"] >= 1, 20, 0.2)
    wait_for(lambda: slow.server.metrics()["nodens_tcp_connections"] == 0, 20, 0.2)
    assert select.select([slow.unread], [], [], 1)[0] and select.select([slow.transfer], [], [], 1)[0]
    slow.server.wait_log('Outgoing transfer of zone "cluster.local." to 127.0.0.1 ended early')
