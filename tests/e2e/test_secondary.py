# SPDX-License-Identifier: Apache-2.0
"""Zones transferred from primaries: NOTIFY, refresh, expire, and primaries that are hostile."""
import socket
import struct
import threading
import time

import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rrset
import pytest

import memory
from serving import free_port, wait_for

ZONE = "$TTL 60\n@ SOA ns h %d %s 60\n@ NS ns\nns A 192.0.2.1\nv TXT %d\n"
PRIMARY = """z.:@PORT {
    bind 127.0.0.1
    transfer {
        to *
        to 127.0.0.1:%d
    }
    file @DIR/db {
        reload 30ms
    }
}
"""
SECONDARY = """z.:@PORT {
    bind 127.0.0.1
    transfer {
        to *
    }
    secondary {
        transfer from %s
    }
}
"""
CALM = "3600 600 86400"


def version(s):
    """The version of the zone that s serves, or the rcode."""
    r = s.ask("v.z.", "TXT")
    return int(r.answer[0][0].strings[0]) if r.answer else dns.rcode.to_text(r.rcode())


class Primary:
    """A DNS server over TCP on one port: serve(question) returns the bytes to send, or None to close at once; silent:
    then nothing is sent and the connection stays open."""

    def __init__(self, serve, port=None):
        self.serve, self.port = serve, port or free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.asked, self.open = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(c)
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        try:
            n = struct.unpack("!H", c.recv(2, socket.MSG_WAITALL))[0]
            q = dns.message.from_wire(c.recv(n, socket.MSG_WAITALL))
            self.asked.append(dns.rdatatype.to_text(q.question[0].rdtype))
            for part in self.serve(q) or ():
                c.sendall(part)
            if self.serve is not silent:
                c.close()
        except (OSError, struct.error):
            c.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)   # ends the accept() of the other thread
        self.listener.close()
        for c in self.open:
            c.close()


def silent(_):
    return ()


def framed(*messages):
    for m in messages:
        wire = m.to_wire(max_size=65535) if not isinstance(m, bytes) else m
        yield struct.pack("!H", len(wire)) + wire


def reply(q, *records, rcode=0):
    m = dns.message.make_response(q)
    m.set_rcode(rcode)
    m.flags |= dns.flags.AA
    m.answer = [dns.rrset.from_text(*r) for r in records]
    return m


SOA = ("z.", 60, "IN", "SOA", "ns.z. h.z. 9 3600 600 86400 60")
TXT = ("v.z.", 60, "IN", "TXT", "9")


def good(q):
    return framed(reply(q, SOA, TXT, ("ns.z.", 60, "IN", "A", "192.0.2.1"))
                  if q.question[0].rdtype == dns.rdatatype.SOA else reply(q, SOA, TXT), reply(q, SOA))


def endless(q):
    yield from framed(reply(q, SOA))
    i = 0
    while True:
        i += 1
        yield from framed(reply(q, *((f"h{i}-{k}.z.", 60, "IN", "TXT", "x" * 200) for k in range(200))))


def other_id(q):
    q.id ^= 1
    return framed(reply(q, SOA, TXT, SOA))


HOSTILE = {
    "closes": lambda q: None,
    "refuses": lambda q: framed(reply(q, rcode=5)),
    "not the SOA first": lambda q: framed(reply(q, TXT, SOA)),
    "no records": lambda q: framed(reply(q, SOA, TXT), reply(q)),
    "cut frame": lambda q: [next(framed(reply(q, SOA, TXT, SOA)))[:-7]],
    "garbage": lambda q: framed(b"\xff" * 100),
    "other id": other_id,
    "other zone": lambda q: framed(reply(q, ("y.", *SOA[1:]), TXT, ("y.", *SOA[1:]))),
    "no end": lambda q: framed(reply(q, SOA, TXT)),
    "NSEC3": lambda q: framed(reply(q, SOA, ("x.z.", 60, "IN", "NSEC3PARAM", "1 0 0 -"), SOA)),
    "class CH": lambda q: framed(reply(q, SOA, ("x.z.", 60, "CH", "TXT", "x"), SOA)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_primary(serve, name):
    """Nothing of its zone is served; the next primary is used."""
    bad, fine = Primary(HOSTILE[name]), Primary(good)
    try:
        s = serve(SECONDARY % f"127.0.0.1:{bad.port} 127.0.0.1:{fine.port}")
        wait_for(lambda: version(s) == 9)
        assert f"Failed to transfer `z.' from \"127.0.0.1:{bad.port}\"" in s.log()
        assert bad.asked == ["AXFR"]
        assert s.ask("x.z.", "TXT").rcode() == dns.rcode.NXDOMAIN
    finally:
        bad.close()
        fine.close()


def test_silent_primary(serve):
    bad, fine = Primary(silent), Primary(good)
    try:
        s = serve(SECONDARY % f"127.0.0.1:{bad.port} 127.0.0.1:{fine.port}")
        assert version(s) == "SERVFAIL"
        wait_for(lambda: version(s) == 9, 20)
    finally:
        bad.close()
        fine.close()


def test_endless_zone(serve):
    """The memory budget ends it."""
    bad = Primary(endless)
    try:
        s = serve(SECONDARY % f"127.0.0.1:{bad.port}", args=("-conf", "Corefile", "-memory-limit", "64MiB"),
                  env=memory.ENV)
        wait_for(lambda: "the memory budget for zones is exhausted" in s.log(), 60)
        assert version(s) == "SERVFAIL"
        assert memory.peak(s) < 64 << 20
    finally:
        bad.close()


def test_notify(serve):
    """A change of the primary is there at once; a secondary of the secondary gets the zone too."""
    port = free_port()
    p = serve(PRIMARY % port, files={"db": ZONE % (1, CALM, 1)})
    s = serve((SECONDARY % f"127.0.0.1:{p.port}").replace("@PORT", str(port)))
    s.ports["PORT"] = port
    third = serve(SECONDARY % f"127.0.0.1:{port}")
    wait_for(lambda: version(s) == 1)
    wait_for(lambda: version(third) == 1)
    p.write("db", ZONE % (2, CALM, 2))
    wait_for(lambda: version(s) == 2)
    assert "Notify from 127.0.0.1 for z.: checking transfer" in s.log()
    assert "was not accepted" not in p.log()
    assert version(third) == 1   # it was not notified, and its refresh is far away


def test_foreign_notify(serve):
    fine = Primary(good)
    try:
        s = serve((SECONDARY % f"127.0.0.1:{fine.port}").replace("bind 127.0.0.1", "bind 127.0.0.1 127.0.0.2"))
        wait_for(lambda: version(s) == 9)
        n = dns.message.make_query("z.", "SOA")
        n.set_opcode(dns.opcode.NOTIFY)
        with pytest.raises(dns.exception.Timeout):
            dns.query.udp(n, "127.0.0.2", port=s.port, source="127.0.0.3", timeout=1)
        assert "Dropping notify from 127.0.0.3 for z." in s.log()
        assert fine.asked == ["AXFR"]
        answer = dns.query.udp(n, "127.0.0.1", port=s.port, source="127.0.0.1", timeout=5)
        assert answer.rcode() == 0 and answer.flags & dns.flags.AA and answer.opcode() == dns.opcode.NOTIFY
        wait_for(lambda: fine.asked == ["AXFR", "SOA"])
        # A flood of them leads to a check a second.
        for _ in range(50):
            dns.query.udp(n, "127.0.0.1", port=s.port, source="127.0.0.1", timeout=5)
        time.sleep(1.5)
        assert len(fine.asked) <= 5
    finally:
        fine.close()


def test_expire(serve):
    """Without its primaries a zone is answered from until it expires, and again when they are back."""
    soa = ("z.", 60, "IN", "SOA", "ns.z. h.z. 9 1 1 3 60")

    def short(q):
        return framed(reply(q, soa, TXT, soa) if q.question[0].rdtype == dns.rdatatype.AXFR else reply(q, soa))

    p = Primary(short)
    s = serve(SECONDARY % f"127.0.0.1:{p.port}")
    wait_for(lambda: version(s) == 9)
    p.close()
    assert version(s) == 9
    wait_for(lambda: version(s) == "SERVFAIL", 20)
    assert "Zone z. is expired" in s.log()
    p = Primary(short, p.port)
    try:
        wait_for(lambda: version(s) == 9, 20)
    finally:
        p.close()


def test_reload_keeps_the_zone(serve):
    fine = Primary(good)
    s = serve(SECONDARY % f"127.0.0.1:{fine.port}")
    wait_for(lambda: version(s) == 9)
    fine.close()
    s.write("Corefile", (SECONDARY % f"127.0.0.1:{fine.port}").replace("    transfer {", "    errors\n    transfer {"))
    s.signal(10)
    wait_for(lambda: "Reloading complete" in s.log())
    assert version(s) == 9
