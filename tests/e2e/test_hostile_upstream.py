# SPDX-License-Identifier: Apache-2.0
"""Hostile clients and upstreams: what one client's flags and options bring is not kept for others, and more."""
import os
import re
import socket
import struct
import sys
import time
import urllib.request

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty import Nodens, Upstream, free_port  # noqa: E402
from serving import wait_for  # noqa: E402


def addresses(reply):
    return [r.to_text() for rrset in reply.answer for r in rrset if rrset.rdtype == dns.rdatatype.A]


def send(port, m, timeout=4):
    return dns.query.udp(m, "127.0.0.1", port=port, timeout=timeout, ignore_unexpected=True)


def sent(up, name):
    """Queries for the name that reached it; one that was sent again keeps its port and id."""
    return len({(peer, m.id) for _, _, _, m, peer in up.asked(name)})


# --- what one client's flags and options bring ---

SOA = dns.rrset.from_text(".", 60, "IN", "SOA", "a. b. 1 1 1 1 60")


ORDINARY = dns.flags.RD | dns.flags.AD     # the cache asks for AD


class Moody(Upstream):
    """Answers an ordinary query with 192.0.2.1, any other one with what its flags and options deserve."""

    def replies(self, m, protocol):
        r = dns.message.make_response(m, recursion_available=True)
        name = m.question[0].name
        unusual = m.options or m.flags & ~ORDINARY or not m.flags & dns.flags.RD or m.additional
        unusual = unusual or m.edns > 0 or m.ednsflags & 0x7fff
        if self.label(m).startswith("fail") and unusual:
            r.set_rcode(dns.rcode.SERVFAIL)
        elif self.label(m).startswith("none") and unusual:
            r.set_rcode(dns.rcode.NXDOMAIN)
            r.authority.append(SOA)
        elif self.label(m).startswith("refer") and unusual:
            r.authority.append(dns.rrset.from_text("test.", 3600, "IN", "NS", "ns.example."))
        else:
            r.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "6.6.6.6" if unusual else "192.0.2.1"))
        return [(0, r.to_wire())]


def odd(name, what):
    m = dns.message.make_query(name, "A")
    if what == "no RD":
        m.flags &= ~dns.flags.RD
    elif what == "CD":
        m.flags |= dns.flags.CD
    elif what == "AA":
        m.flags |= dns.flags.AA
    elif what == "Z":
        m.flags |= 0x40
    elif what == "EDNS flags":
        m.use_edns(0, ednsflags=0x4000)
    elif what == "record":
        m.additional.append(dns.rrset.from_text("x.", 1, "IN", "A", "1.2.3.4"))
    else:
        options = {"subnet": dns.edns.ECSOption("6.6.6.0", 24), "unknown": dns.edns.GenericOption(65001, b"x"),
                   "cookie": dns.edns.GenericOption(10, b"12345678"), "nsid": dns.edns.GenericOption(3, b""),
                   "padding": dns.edns.GenericOption(12, b"\0\0")}
        m.use_edns(0, options=[options[what]])
    return m


ODD = ["no RD", "CD", "AA", "Z", "EDNS flags", "record", "subnet", "unknown", "cookie", "nsid", "padding"]


def plain_queries(up, name):
    return sum(m.flags & ~ORDINARY == 0 and m.flags & dns.flags.RD != 0 and not m.additional and not m.ednsflags
               and not [o for o in m.options if o.otype != 65002] for _, _, _, m, _ in up.asked(name))


@pytest.mark.parametrize("how", ["", "rewrite edns0 local set 65002 abc\n"])
def test_odd_query_spoils_no_answer(how):
    up = Moody()
    up_text = f"forward . 127.0.0.1:{up.port}\n"
    bad = []
    if how:  # the upstream sees the server's own option in all
        up.replies = lambda m, p: Moody.replies(up, strip(m), p)
    with Nodens(f".:PORT {{\n {how} cache\n {up_text}}}\n") as n:
        for i, what in enumerate(ODD):
            for kind in ("good", "fail", "none", "refer"):
                name = f"{kind}{i}.test."
                send(n.port, odd(name, what))
                send(n.port, odd(name, what))
                got = send(n.port, dns.message.make_query(name, "A"))
                asked = plain_queries(up, name)     # more than one if its timer fired
                again = send(n.port, dns.message.make_query(name, "A"))
                if [addresses(got), addresses(again)] != [["192.0.2.1"]] * 2:
                    bad.append((what, kind))
                # The ordinary one was kept: once asked, never again.
                if asked == 0 or plain_queries(up, name) != asked:
                    bad.append((what, kind, "asked", asked, plain_queries(up, name)))
    up.close()
    assert not bad


def strip(m):
    """The message as it was before the server added its option."""
    m.use_edns(m.edns if m.edns >= 0 else False, ednsflags=m.ednsflags,
               options=[o for o in m.options if o.otype != 65002])
    return m


def test_queries_of_a_cookie_share_an_answer():
    """Clients that send a cookie with each query are served from the cache too: options of one hop have a key of their
    own."""
    up = Moody()
    with Nodens(f".:PORT {{\n cache\n forward . 127.0.0.1:{up.port}\n}}\n") as n:
        for _ in range(3):
            assert addresses(send(n.port, odd("good.test.", "cookie"))) == ["6.6.6.6"]
        assert sent(up, "good.test.") == 1
        assert addresses(send(n.port, dns.message.make_query("good.test.", "A"))) == ["192.0.2.1"]
        # An ordinary answer that is kept serves them all, as in CoreDNS.
        for what in ("no RD", "subnet", "unknown"):
            assert addresses(send(n.port, odd("good.test.", what))) == ["192.0.2.1"]
        assert sent(up, "good.test.") == 2
    up.close()


# --- failures ---

def flood(port, messages, pause=32):
    """Sends the messages, `pause` in flight at once, and returns the replies."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(4)
        s.connect(("127.0.0.1", port))
        replies = []
        for i, wire in enumerate(messages):
            s.send(wire)
            if i % pause == pause - 1:
                replies += [s.recv(4096) for _ in range(pause)]
        return replies


class Failing(Upstream):
    """SERVFAIL and NXDOMAIN by the first label."""

    def replies(self, m, protocol):
        r = dns.message.make_response(m, recursion_available=True)
        label = self.label(m)
        if label.startswith("servfail"):
            r.set_rcode(dns.rcode.SERVFAIL)
        elif label.startswith("nxdomain"):
            r.set_rcode(dns.rcode.NXDOMAIN)
            r.authority.append(SOA)
        else:
            r.answer.append(dns.rrset.from_text(m.question[0].name, 60, "IN", "A", self.address))
        return [(0, r.to_wire())]


def test_failing_names_evict_no_answers():
    up = Failing()
    with Nodens(f".:PORT {{\n cache {{\n  success 1024\n  denial 1024\n  servfail 60s\n }}\n"
                f" forward . 127.0.0.1:{up.port}\n}}\n") as n:
        good = [dns.message.make_query(f"good{i}.test.", "A").to_wire() for i in range(256)]
        bad = [dns.message.make_query(f"{what}{i}.test.", "A").to_wire()
               for i in range(1600) for what in ("servfail", "nxdomain")]
        flood(n.port, good)
        flood(n.port, bad)
        up.address = "192.0.2.2"
        replies = [dns.message.from_wire(wire) for wire in flood(n.port, good)]
        assert {tuple(addresses(r)) for r in replies} == {("192.0.2.1",)}
        asked = sent(up, "servfail1599.test.")
        assert n.ask("servfail1599.test.").rcode() == dns.rcode.SERVFAIL  # kept
        assert sent(up, "servfail1599.test.") == asked
    up.close()


# --- forged replies ---

def letters(i):
    return "".join(c.upper() if i >> k & 1 else c for k, c in enumerate("mixedletters"))


@pytest.mark.parametrize("how", ["size", "option", "flags", "HINFO"])
def test_few_ports_and_ids_for_one_name(how):
    """However a question is varied: each variant in flight is one more pair of port and id for a forger to hit."""
    up = Upstream(mode="silent")
    with Nodens(f".:PORT {{\n cache\n forward . 127.0.0.1:{up.port}\n}}\n") as n, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(1200):
            m = dns.message.make_query(letters(i) + ".test.", "HINFO" if how == "HINFO" else "A")
            if how == "size":
                m.use_edns(0, payload=1232 + i)
            elif how == "option":
                m.use_edns(0, options=[dns.edns.GenericOption(65001, b"%d" % i)])
            elif how == "flags":
                m.flags ^= i % 512 << 4 & (dns.flags.RD | dns.flags.CD | dns.flags.AD | dns.flags.AA)
                m.use_edns(0, ednsflags=i // 32)
            s.sendto(m.to_wire(), ("127.0.0.1", n.port))
            if i % 50 == 0:
                time.sleep(0.005)
        time.sleep(0.3)
        pairs = {(m.id, peer) for _, name, _, m, peer in up.asked() if name == "mixedletters.test."}
        assert 1 <= len(pairs) <= 8
        up.mode = ""
        # Other names are not held up, and other clients get their turn (one in eight has the queue of the first).
        assert addresses(n.ask("other.test.")) == ["192.0.2.1"]
        m = dns.message.make_query("mixedletters.test.", "A")
        replies = (dns.query.udp(m, "127.0.0.1", port=n.port, timeout=5, source=f"127.0.0.{i}") for i in range(2, 7))
        assert any(addresses(r) == ["192.0.2.1"] for r in replies)
    up.close()


class Forger(Upstream):
    """Before each good reply, replies with the right id and something else wrong."""

    def replies(self, m, protocol):
        good = super().replies(m, protocol)[0][1]
        name, query, bare, broken = (bytearray(good) for _ in range(4))
        name[13] ^= 1
        name[-1] = 66
        query[2] &= 0x7f
        bare = bare[:12]
        bare[3] |= 1
        bare[4:12] = bytes(8)
        broken[-5] = 5  # an address of five bytes
        broken.append(0)
        return [(0, bytes(w)) for w in (name, query, bare, broken, good[:20], good)]


def test_the_first_good_reply_counts():
    up = Forger()
    with Nodens(f".:PORT {{\n cache\n forward . 127.0.0.1:{up.port}\n}}\n") as n:
        for i in range(20):
            assert addresses(n.ask(f"n{i}.test.")) == ["192.0.2.1"]
    up.close()


def flood_with_replies(up, name, count=400):
    """Replies to no query, to the port from which the name was asked."""
    peer = up.asked(name)[-1][4]
    for i in range(count):
        up.send_udp(os.urandom(2) + b"\x81\x80" + bytes(8), peer)
        if i % 100 == 99:
            time.sleep(0.01)


@pytest.mark.parametrize("tcp", [True, False])
def test_flood_of_replies(tcp):
    """An upstream from which forged replies come is asked over TCP, if it answers there."""
    up = Upstream(tcp=tcp)
    with Nodens(f".:PORT {{\n errors\n forward . 127.0.0.1:{up.port}\n prometheus 127.0.0.1:PORT\n}}\n") as n:
        assert addresses(n.ask("first.test.")) == ["192.0.2.1"]
        for _ in range(3):
            flood_with_replies(up, "first.test.")
        n.wait_log(f"more than 100 replies in a second from 127.0.0.1:{up.port} answer no query")
        for i in range(10):
            assert addresses(n.ask(f"n{i}.test.")) == ["192.0.2.1"]
        asked = [s for s in up.asked() if s[1].startswith("n")]
        assert {s[0] for s in asked} == ({"tcp"} if tcp else {"udp"})
        assert len(re.findall("answer no query", n.log())) == 1
        with urllib.request.urlopen(f"http://127.0.0.1:{n.port}/metrics", timeout=5) as r:
            found = re.search(rb'nodens_forward_unsolicited_replies_total{to="127.0.0.1:\d+"} (\d+)', r.read())
        assert int(found.group(1)) > 200
    up.close()


# --- forged ICMP errors ---

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def port_unreachable(raw, source, port, payload):
    """Port unreachable for a datagram from `source` to the port of the loopback address."""
    udp = struct.pack("!HHHH", source[1], port, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source[0]),
                     socket.inet_aton("127.0.0.1"))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    icmp = struct.pack("!BBHI", 3, 3, 0, 0) + ip + udp
    raw.sendto(icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:], (source[0], 0))


def test_forged_icmp_error_fails_no_query():
    """One that knows a port, but not the id of a query, does nothing."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("needs CAP_NET_RAW")
    up = Upstream()
    text = f".:PORT {{\n errors\n forward . 127.0.0.1:{up.port} {{\n  max_connect_attempts 1\n }}\n" \
           " prometheus 127.0.0.1:PORT\n}\n"
    with raw, Nodens(text) as n, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.connect(("127.0.0.1", n.port))
        for i in range(40):
            s.send(dns.message.make_query(f"delay200{chr(97 + i % 26)}{i}.test.", "A").to_wire())
        wait_for(lambda: len({m.id for _, _, _, m, _ in up.asked()}) >= 40)
        seen = [(m.id, peer, m) for _, name, _, m, peer in up.asked() if name.startswith("delay")]
        for _, peer, m in seen:
            other = next(i for i in range(65536) if all(i != x[0] for x in seen))
            wire = bytearray(m.to_wire())
            wire[:2] = struct.pack("!H", other)
            port_unreachable(raw, peer, up.port, bytes(wire))  # another id
            port_unreachable(raw, peer, up.port, b"")  # the header only
            port_unreachable(raw, peer, up.port, m.to_wire()[:12] + b"\1x" + m.to_wire()[14:])  # another question
        replies = [dns.message.from_wire(s.recv(4096)) for _ in range(40)]
        assert {r.rcode() for r in replies} == {dns.rcode.NOERROR}
        with urllib.request.urlopen(f"http://127.0.0.1:{n.port}/metrics", timeout=5) as r:
            found = re.search(rb'nodens_forward_icmp_ignored_total{to="127.0.0.1:\d+"} (\d+)', r.read())
        assert int(found.group(1)) >= 3 * 40
    up.close()


def test_icmp_error_that_quotes_a_query_ends_it():
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("needs CAP_NET_RAW")
    up = Upstream()
    text = f".:PORT {{\n errors\n forward . 127.0.0.1:{up.port} {{\n  max_connect_attempts 1\n }}\n}}\n"
    with raw, Nodens(text) as n, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.02)
        s.connect(("127.0.0.1", n.port))
        s.send(dns.message.make_query("silent.test.", "A").to_wire())
        quoted, reply, end = 0, None, time.monotonic() + 4    # less than the time of a query
        while reply is None and time.monotonic() < end:
            for _, _, _, m, peer in up.asked("silent.test.")[quoted:]:    # its timer may have sent it again
                port_unreachable(raw, peer, up.port, m.to_wire())
                quoted += 1
            try:
                reply = dns.message.from_wire(s.recv(4096))
            except TimeoutError:
                pass
        assert reply is not None and reply.rcode() == dns.rcode.SERVFAIL
        n.wait_log("read: connection refused")
    up.close()


def test_refused_fails_at_once():
    with Nodens(f".:PORT {{\n errors\n forward . 127.0.0.1:{free_port()} {{\n  max_fails 0\n }}\n}}\n") as n:
        start = time.monotonic()
        for i in range(20):
            assert n.ask(f"n{i}.test.").rcode() == dns.rcode.SERVFAIL
        assert time.monotonic() - start < 5  # a timeout is 2 s
        n.wait_log("read: connection refused")
