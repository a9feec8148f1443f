# SPDX-License-Identifier: Apache-2.0
"""Zones from master files: reloads under load, transfers while the zone changes, hostile files, and a second reader
(named-checkzone) beside ours."""
import os
import shutil
import socket
import struct
import subprocess
import threading

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

import memory
from serving import Server, values, wait_for

COREFILE = """z.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    transfer {
        to *
    }
    file @DIR/db {
        reload 30ms
    }
}
"""
HEAD = "$TTL 60\n@ SOA ns h %d 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n"


def zone(serial, more=""):
    return HEAD % serial + f"v TXT {serial}\n" + more


def version(s):
    return int(s.ask("v.z.", "TXT").answer[0][0].strings[0])


def test_reload_under_load(serve):
    """The zone is replaced many times, and broken in between. Each answer is one of a whole zone, and never of an older
    one than the answer before."""
    s = serve(COREFILE, files={"db": zone(1)})
    stop, failures = threading.Event(), []

    def client():
        last = 0
        while not stop.is_set():
            try:
                v = version(s)
            except Exception as e:   # any: it is reported
                failures.append(repr(e))
                return
            if v < last:
                failures.append(f"{v} after {last}")
            last = v

    threads = [threading.Thread(target=client) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        for serial in range(2, 22):
            if serial % 3 == 0:
                s.write("db", HEAD % (serial + 100) + "v TXT\n")
                wait_for(lambda: s.log().count("incomplete rdata") >= 1)
            s.write("db", zone(serial))
            wait_for(lambda n=serial: version(s) == n)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failures
    assert s.log().count("Successfully reloaded zone \"z.\"") == 20


class SlowTransfer:
    """An AXFR whose messages are read one by one."""

    def __init__(self, s):
        self.sock = socket.create_connection(("127.0.0.1", s.port), timeout=10)
        q = dns.message.make_query("z.", "AXFR").to_wire()
        self.sock.sendall(struct.pack("!H", len(q)) + q)
        self.serials, self.values = [], []

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            assert more, "the connection was closed"
            data += more
        return data

    def read(self):
        m = dns.message.from_wire(self.take(struct.unpack("!H", self.take(2))[0]), one_rr_per_rrset=True)
        assert m.rcode() == dns.rcode.NOERROR
        for rr in m.answer:
            if rr.rdtype == dns.rdatatype.SOA:
                self.serials.append(rr[0].serial)
            elif rr.rdtype == dns.rdatatype.TXT:
                self.values.append(int(rr[0].strings[0]))


def test_transfer_is_of_one_version(serve):
    names = 60000
    s = serve(COREFILE, files={"db": zone(1, "".join(f"h{i} TXT 1\n" for i in range(names)))})
    t = SlowTransfer(s)
    t.read()
    s.write("db", zone(2))
    wait_for(lambda: version(s) == 2)
    while len(t.serials) < 2:
        t.read()
    assert t.serials == [1, 1] and len(t.values) == names + 1 and set(t.values) == {1}
    assert "Outgoing transfer of 60005 records of zone \"z.\"" in s.log()
    # One that is given up: the old records are freed all the same.
    s.write("db", zone(3, "".join(f"h{i} TXT 3\n" for i in range(names))))
    wait_for(lambda: version(s) == 3)
    t = SlowTransfer(s)
    t.read()
    t.sock.close()
    s.write("db", zone(4))
    wait_for(lambda: version(s) == 4)
    wait_for(lambda: "ended early" in s.log())


def test_ixfr_of_the_same_serial(serve):
    s = serve(COREFILE, files={"db": zone(5)})
    q = dns.message.make_query("z.", "IXFR")
    q.authority = [dns.rrset.from_text("z.", 0, "IN", "SOA", "ns.z. h.z. 5 1 1 1 1")]
    reply = dns.query.tcp(q, "127.0.0.1", port=s.port, timeout=5)
    assert [r.rdtype for r in reply.answer] == [dns.rdatatype.SOA]


@pytest.mark.parametrize("text, message", [
    ("$INCLUDE db\n", "too deeply nested $INCLUDE"),
    (HEAD % 1 + "$INCLUDE nowhere\n", "cannot open \"nowhere\""),
    (HEAD % 1 + "x TXT \"" + "\n" * 400000, "record over 256 KiB"),
    (HEAD % 1 + "x TXT ( a", "unmatched opening parenthesis"),
    ("a 5 A 192.0.2.1\n", "no SOA record"),
    ("", "no SOA record"),
    ("other. 5 SOA a b 1 2 3 4 5\n", "the owner of the SOA record is not the zone's name"),
    (HEAD % 1 + "$INCLUDE /dev/zero\n", "cannot open \"/dev/zero\""),
], ids=lambda v: v[:20].replace("\n", " "))
def test_hostile_files(tmp_path, serve, text, message):
    """At the start such a file is refused by name; at a reload the zone stays as it was."""
    s = Server(tmp_path / "refused", COREFILE, files={"db": text}).start(wait=False)
    try:
        assert s.wait() == 1
        assert message in s.log()
    finally:
        s.stop()
    s = serve(COREFILE, files={"db": zone(7)})
    s.write("db", text)
    wait_for(lambda: message in s.log())
    assert version(s) == 7
    s.write("db", zone(8))
    wait_for(lambda: version(s) == 8)


def test_zone_over_the_budget(tmp_path):
    """Many records in few bytes of text: the budget ends it, and the memory of the process stays below its limit."""
    s = Server(tmp_path, COREFILE, files={"db": zone(1)},
               args=("-conf", "Corefile", "-memory-limit", "64MiB"), env=memory.ENV).start()
    try:
        s.write("db", zone(2) + "".join(f"$GENERATE 0-65535 h$-{i} 60 A 192.0.2.1\n" for i in range(100)))
        wait_for(lambda: "its records would exceed 24 MiB" in s.log(), 60)
        assert version(s) == 1
        assert values(s.scraper.page())['nodens_memory_budget_refused_total{part="zones"}'] >= 1
        assert memory.peak(s) < 64 << 20
        s.write("db", zone(3))
        wait_for(lambda: version(s) == 3)
    finally:
        s.stop()


SAMPLE = r"""$TTL 1h30m
@ 2d IN SOA ns1 host\.master ( 2024010100 ; serial
        3h 15m 1w 1h )
    NS ns1 ; the first
    NS ns2.other.
ns1 A 192.0.2.1
    AAAA 2001:db8::1
    HINFO "a b" c
$ORIGIN sub
@ MX 10 mail
mail.z. 300 A 192.0.2.2
a\.b TXT "quoted \"text\"" plain \065\066
c 7 TXT ( "one"
    "two" )
_x._tcp SRV 1 2 3 @
$ORIGIN z.
$GENERATE 1-9/2 h${0,3} 9 A 192.0.2.$
w 60 NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:x@y!" .
t TYPE65280 \# 4 ( 0102
  0304 )
d DNAME e
ca CAA 0 issue "ca.test"
s SSHFP 1 1 0123456789abcdef0123456789abcdef01234567
tl TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
sv SVCB 1 ns1 alpn=h2 port=8443 ipv4hint=192.0.2.1
ds DS 1 8 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
k DNSKEY 257 3 8 AwEAAag=
rp RP a b
af AFSDB 1 b
*.w2 CNAME w
$INCLUDE more x
last A 192.0.2.9
"""
# Every record that named and miekg/dns give different TTLs to (in a $GENERATE, and after an $INCLUDE) states one.
MORE = "@ 5 A 192.0.2.3\ny 5 A 192.0.2.4\n 5 TXT included\n"


def test_reads_what_named_reads(tmp_path, serve):
    tool = shutil.which("named-checkzone", path=os.environ["PATH"] + ":/usr/sbin")
    if not tool:
        pytest.skip("named-checkzone (package bind9-utils) is missing")
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "db").write_text(SAMPLE)
    (tmp_path / "zone" / "more").write_text(MORE)
    out = subprocess.run([tool, "-i", "none", "-k", "ignore", "-q", "-D", "-o", "-", "z", "db"],
                         cwd=tmp_path / "zone", check=True, capture_output=True, text=True, timeout=30).stdout
    theirs = dns.zone.from_text(out, "z.", relativize=False)
    s = serve(COREFILE, files={"db": SAMPLE, "more": MORE})
    ours = dns.zone.from_xfr(dns.query.xfr("127.0.0.1", "z.", port=s.port, relativize=False, lifetime=10),
                             relativize=False)

    def records(z):
        return {(str(n).lower(), ttl, str(rd.rdtype), rd.to_digestable()) for n, ttl, rd in z.iterate_rdatas()}

    assert len(records(theirs)) == 32
    assert records(ours) == records(theirs)
