# SPDX-License-Identifier: Apache-2.0
"""-cache-file: a restart takes over the answers of the process before, and nothing from a file that is damaged, foreign
or of another configuration."""
import os
import signal
import socket
import threading
import time

import dns.message
import dns.rcode
import pytest

from faulty import Upstream
from serving import Server, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    cache %s
    forward . 127.0.0.1:%d
}
"""


@pytest.fixture(name="up")
def up_fixture():
    u = Upstream()
    yield u
    u.close()


class Restarted:
    """A server that starts again in the same folder, with the same ports."""

    def __init__(self, folder, up, ttl=""):
        self.server = Server(folder, COREFILE % (ttl, up.port), args=("-conf", "Corefile", "-cache-file", "@DIR/cache"))
        self.path = os.path.join(str(folder), "cache")
        self.server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def end(self, number=signal.SIGTERM):
        self.server.signal(number)
        assert self.server.wait() == (0 if number == signal.SIGTERM else -number)

    def start(self):
        seen = len(self.server.log())
        self.server.start(wait=False)
        wait_for(lambda: "CoreDNS-" in self.server.log()[seen:])
        return self.server.log()[seen:]

    def adopted(self):
        return self.server.metrics()["nodens_cache_file_adopted_total"]


def test_restart_takes_over_answers(tmp_path, up):
    with Restarted(tmp_path, up) as r:
        for i in range(20):
            assert r.server.ask(f"n{i}.test.").answer[0].ttl == 60
        r.server.ask("n0.test.", want_dnssec=True)
        r.end()
        assert os.stat(r.path).st_mode & 0o077 == 0
        time.sleep(1.1)
        assert "using cache file" in r.start()
        assert r.adopted() == 21
        before = len(up.asked())
        for i in range(20):
            reply = r.server.ask(f"n{i}.test.")
            assert reply.answer[0][0].to_text() == "192.0.2.1" and 50 <= reply.answer[0].ttl < 60
        assert len(up.asked()) == before


def test_a_killed_process_leaves_its_last_file(tmp_path, up):
    """The first one is written a second after the first answer."""
    with Restarted(tmp_path, up) as r:
        r.server.ask("a.test.")
        wait_for(lambda: os.path.exists(r.path))
        r.end(signal.SIGKILL)
        assert "using cache file" in r.start()
        assert r.adopted() == 1


@pytest.mark.parametrize("name,change,says", [
    ("cut", lambda b: b[:-5], "is damaged"),
    ("flipped", lambda b: b[:99] + bytes([b[99] ^ 4]) + b[100:], "is damaged"),
    ("other version", lambda b: b[:8] + b"\x63" + b[9:], "is of another version"),
    ("other boot", lambda b: b[:16] + b"0" * 36 + b[52:], "was written before the machine's last start"),
    ("foreign", lambda b: b"#!/bin/sh\n" * 50, "is not a cache file"),
    ("empty", lambda b: b"", "is not a cache file"),
])
def test_bad_file_is_ignored(tmp_path, up, name, change, says):
    with Restarted(tmp_path, up) as r:
        r.server.ask("a.test.")
        r.end()
        with open(r.path, "rb") as f:
            whole = f.read()
        with open(r.path, "wb") as f:
            f.write(change(whole))
        log = r.start()
        assert log.count("plugin/cache") == 1 and f"cache file {r.path} {says}; ignoring it" in log, name
        assert r.adopted() == 0
        r.server.ask("a.test.")
        assert len(up.asked("a.test.")) == 2
        r.end()
        assert "using cache file" in r.start() and r.adopted() == 1


def test_another_configuration_gets_nothing(tmp_path, up):
    other = Upstream("192.0.2.2")
    try:
        with Restarted(tmp_path, up) as r:
            r.server.ask("a.test.")
            for upstream, ttl, address, adopted in ((other, "", "192.0.2.2", 0), (other, "30", "192.0.2.2", 0),
                                                    (other, "30", "192.0.2.2", 1), (up, "", "192.0.2.1", 0)):
                r.end()
                r.server.write("Corefile", COREFILE % (ttl, upstream.port))
                r.start()
                assert r.adopted() == adopted
                assert r.server.ask("a.test.").answer[0][0].to_text() == address
    finally:
        other.close()


def test_a_file_that_the_corefile_names_has_changed(tmp_path):
    s = Server(tmp_path, ".:@PORT {\n bind 127.0.0.1\n cache\n hosts @DIR/hosts\n}\n",
               args=("-conf", "Corefile", "-cache-file", "@DIR/cache"))
    try:
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            s.write("hosts", f"{address} a.test\n")
            open(s.log_path, "w").close()
            s.start()
            assert s.ask("a.test.").answer[0][0].to_text() == address
            s.signal(signal.SIGTERM)
            assert s.wait() == 0
    finally:
        s.stop()


def test_blocks_get_their_own(tmp_path, up):
    other = Upstream("192.0.2.2")
    text = "".join(f""".:@{port} {{
    bind 127.0.0.1
    cache
    forward . 127.0.0.1:{u.port}
}}
""" for port, u in (("PORT", up), ("OTHER", other)))
    try:
        s = Server(tmp_path, text, args=("-conf", "Corefile", "-cache-file", "@DIR/cache"))
        for _ in range(2):
            s.start(wait=False)
            wait_for(lambda: s.process.poll() is None and "CoreDNS-" in s.log())
            time.sleep(0.2)
            assert s.ask("a.test.").answer[0][0].to_text() == "192.0.2.1"
            assert s.ask("a.test.", port=s.port_of("OTHER")).answer[0][0].to_text() == "192.0.2.2"
            s.signal(signal.SIGTERM)
            assert s.wait() == 0
        assert len(up.asked("a.test.")) == 1 and len(other.asked("a.test.")) == 1
    finally:
        s.stop()
        other.close()


def test_restart_under_load(tmp_path, up):
    with Restarted(tmp_path, up) as r:
        stop, bad = threading.Event(), []

        def load(n):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as k:
                k.settimeout(0.05)
                i = n
                while not stop.is_set():
                    i += 1
                    q = dns.message.make_query(f"n{i % 500}.test.", "A")
                    try:
                        k.sendto(q.to_wire(), ("127.0.0.1", r.server.port))
                        reply = dns.message.from_wire(k.recv(512))
                    except OSError:
                        continue
                    if reply.id == q.id and (reply.question != q.question or
                                             (reply.rcode() == dns.rcode.NOERROR and
                                              reply.answer[0].name != q.question[0].name)):
                        bad.append(reply)

        threads = [threading.Thread(target=load, args=(i * 100,)) for i in range(3)]
        for t in threads:
            t.start()
        try:
            for _ in range(2):
                time.sleep(0.8)
                r.end()
                assert "using cache file" in r.start()
                assert r.adopted() > 50
        finally:
            stop.set()
            for t in threads:
                t.join()
        assert not bad


def test_a_file_that_cannot_be_written(tmp_path, up):
    s = Server(tmp_path, COREFILE % ("", up.port), args=("-conf", "Corefile", "-cache-file", "/proc/none/cache"))
    try:
        s.start()
        assert s.ask("a.test.").answer
        s.signal(signal.SIGTERM)
        assert s.wait() == 0
        assert s.log().count("cache file /proc/none/cache cannot be written") == 1
    finally:
        s.stop()
