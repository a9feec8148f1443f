# SPDX-License-Identifier: Apache-2.0
"""UDP and TCP: valid use by clients, and malformed messages."""
import random
import signal
import socket
import struct
import time
import urllib.request

import dns.flags
import dns.message
import dns.rcode
import pytest

from serving import frame, read_frame, texts, wait_for

MANY = "\n        ".join(f"10.1.{i // 256}.{i % 256} many.test" for i in range(300))
HOSTS = f""".:@PORT {{
    hosts {{
        192.0.2.1 one.test
        2001:db8::1 one.test
        {MANY}
    }}
}}
"""


@pytest.fixture(name="server")
def server_fixture(serve):
    return serve(HOSTS)


def alive(s):
    assert texts(s.ask("one.test.")) == ["192.0.2.1"]


@pytest.mark.parametrize("where", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tcp", [False, True])
def test_answers(server, where, tcp):
    r = server.ask("one.test.", where=where, tcp=tcp)
    assert texts(r) == ["192.0.2.1"] and r.flags & dns.flags.AA
    assert texts(server.ask("one.test.", "AAAA", where=where, tcp=tcp)) == ["2001:db8::1"]


def test_reply_comes_from_the_address_asked(server):
    """A wildcard socket must answer from the address that the query was sent to, or the client drops the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.sendto(dns.message.make_query("one.test.", "A").to_wire(), ("127.5.6.7", server.port))
        assert s.recvfrom(512)[1] == ("127.5.6.7", server.port)


ALL = """.:@PORT {
    bind WORD
    health URL:@HEALTH
    ready URL:@READY
    prometheus URL:@PROM
    template IN A . {
        answer "{{ .Name }} 5 IN A 192.0.2.1"
    }
}
"""


def test_a_new_address_answers_from_its_first_moment(serve):
    """A reload opens the sockets of a new address before its blocks are in use. What comes in between waits."""
    before = ".:@PORT {\n bind 127.0.0.1\n whoami\n}\n"
    s = serve(before)
    for i in range(10):
        s.write("Corefile", before + ".:@OTHER {\n bind 127.0.0.1\n whoami\n}\n")
        s.signal(signal.SIGUSR1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(8)
            client.connect(("127.0.0.1", s.port_of("OTHER")))
            query = dns.message.make_query("x.test.", "A").to_wire()
            for _ in range(100000):     # the first datagrams are refused, and then each one is answered
                try:
                    client.send(query)
                    client.setblocking(False)
                    client.recv(512)
                except ConnectionRefusedError:
                    continue
                except BlockingIOError:
                    break
            client.settimeout(8)
            assert client.recv(512)
        s.wait_log("Reloading complete", 2 * i + 1)
        s.write("Corefile", before)
        s.reload()


def is_open(server, where):
    try:
        socket.create_connection((where, server.port), timeout=8).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("word", ["0.0.0.0", "::"])
def test_all_addresses_are_both_families(serve, word):
    """As Go listens, whichever word is used; and answers come from the address asked."""
    text = ALL.replace("URL", f"[{word}]" if ":" in word else word)
    s = serve(text.replace("WORD", word))
    for where in ("127.0.0.1", "127.5.6.7", "::1"):
        for tcp in (False, True):
            assert texts(s.ask("a.test.", where=where, tcp=tcp)) == ["192.0.2.1"]
        host = f"[{where}]" if ":" in where else where
        for port, path in (("HEALTH", "health"), ("READY", "ready"), ("PROM", "metrics")):
            with urllib.request.urlopen(f"http://{host}:{s.port_of(port)}/{path}", timeout=8) as r:
                assert r.status == 200
    for bind, both in (("127.0.0.1", False), (word, True)):     # a reload that narrows the addresses, and one back
        s.write("Corefile", text.replace("WORD", bind))
        s.reload()
        assert texts(s.ask("a.test.", where="127.0.0.1")) == ["192.0.2.1"]
        wait_for(lambda both=both: is_open(s, "::1") == both)


def test_two_words_of_all_addresses_are_a_family_each(serve):
    s = serve("".join(f"{zone}:@PORT {{\n bind {word}\n template IN A . {{\n"
                      f"  answer \"a.test. 5 IN A {answer}\"\n }}\n}}\n"
                      for zone, word, answer in ((".", "0.0.0.0", "192.0.2.4"), ("test", "::", "192.0.2.6"))))
    for _ in range(8):
        assert texts(s.ask("a.test.", where="127.0.0.1")) == ["192.0.2.4"]
        assert texts(s.ask("a.test.", where="::1")) == ["192.0.2.6"]


def test_pipelining(server):
    """RFC 7766: 200 queries in one write; each is answered with its id."""
    asked, out = {}, b""
    for i in range(200):
        asked[1000 + i] = 1 if i % 2 else 300
        out += frame(dns.message.make_query("one.test." if i % 2 else "many.test.", "A", id=1000 + i).to_wire())
    with server.connect() as c:
        c.sendall(out)
        while asked:
            number, _, _, answers = struct.unpack("!HHHH", read_frame(c)[:8])
            assert answers == asked.pop(number)


def test_pieces(server):
    """A frame that arrives byte by byte, and two in one segment."""
    wire = frame(dns.message.make_query("one.test.", "A", id=7).to_wire())
    with server.connect() as c:
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(wire)):
            c.sendall(wire[i:i + 1])
            time.sleep(0.001)
        assert read_frame(c)[:2] == b"\0\7"
        c.sendall(wire + wire[:5])
        assert read_frame(c)[:2] == b"\0\7"
        c.sendall(wire[5:])
        assert read_frame(c)[:2] == b"\0\7"


def test_short_frames_are_skipped(server):
    with server.connect() as c:
        c.sendall(frame(b"") + frame(b"short") + frame(dns.message.make_query("one.test.", "A", id=9).to_wire()))
        assert read_frame(c)[:2] == b"\0\x09"


def test_half_closed(server):
    """A client that has closed its sending side still gets its answer."""
    with server.connect() as c:
        c.sendall(frame(dns.message.make_query("one.test.", "A", id=10).to_wire()))
        c.shutdown(socket.SHUT_WR)
        assert read_frame(c)[:2] == b"\0\x0a"


def test_first_question_is_awaited_three_seconds(server):
    with server.connect() as silent, server.connect() as asks:
        began = time.monotonic()
        asks.sendall(frame(dns.message.make_query("one.test.", "A").to_wire()))
        read_frame(asks)
        assert silent.recv(1) == b""
        assert time.monotonic() - began >= 2.5
        # The one that sent a query has 10 s from then on.
        asks.sendall(frame(dns.message.make_query("one.test.", "A", id=11).to_wire()))
        assert read_frame(asks)[:2] == b"\0\x0b"


def test_many_connections(server):
    conns = [server.connect() for _ in range(300)]
    try:
        for i, c in enumerate(conns):
            c.sendall(frame(dns.message.make_query("one.test.", "A", id=i).to_wire()))
        for i, c in enumerate(conns):
            assert read_frame(c)[:2] == struct.pack("!H", i)
    finally:
        for c in conns:
            c.close()


# --- sizes ---

@pytest.mark.parametrize("payload,most", [(None, 512), (0, 512), (100, 512), (512, 512), (1232, 1232), (1400, 1400),
                                          (4000, 4000)])
def test_truncation(server, payload, most):
    """Complete records up to the client's limit, and TC; the reply's OPT repeats the client's size."""
    more = {} if payload is None else {"use_edns": 0, "payload": payload}
    m = dns.message.make_query("many.test.", "A", **more)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.sendto(m.to_wire(), ("127.0.0.1", server.port))
        wire = s.recv(65535)
    r = dns.message.from_wire(wire)
    assert most - 16 <= len(wire) <= most
    assert r.flags & dns.flags.TC
    assert r.edns == (-1 if payload is None else 0)
    # 12 + 15 header and question, 11 OPT; 16 bytes per record
    assert len(texts(r)) == (most - 12 - 15 - (0 if payload is None else 11)) // 16


def test_large_enough_is_not_truncated(server):
    r = server.ask("many.test.", use_edns=0, payload=8192)
    assert len(texts(r)) == 300 and not r.flags & dns.flags.TC


def test_retry_over_tcp(server):
    assert server.ask("many.test.").flags & dns.flags.TC
    r = server.ask("many.test.", tcp=True)
    assert len(texts(r)) == 300 and not r.flags & dns.flags.TC


def test_do_comes_back(server):
    r = server.ask("one.test.", want_dnssec=True)
    assert r.ednsflags & dns.flags.DO
    assert not server.ask("one.test.", use_edns=0).ednsflags & dns.flags.DO


# --- malformed messages ---

QUESTION = "036f6e650474657374000001" + "0001"
# name, message, the reply's rcode (None: no reply)
MALFORMED = [
    ("nothing", "", None),
    ("half a header", "123401000001", None),
    ("header only, counts say one", "123401000001000000000000", "SERVFAIL"),
    ("no question", "123401000000000000000000", "FORMERR"),
    ("two questions", "123401000002000000000000" + QUESTION + QUESTION, "FORMERR"),
    ("an answer came along", "123481000001000000000000" + QUESTION, None),
    ("opcode STATUS", "123410000001000000000000" + QUESTION, "NOTIMP"),
    ("opcode UPDATE", "123428000001000000000000" + QUESTION, "NOTIMP"),
    ("name without an end", "123401000001000000000000" + "036f6e65", "FORMERR"),
    ("label of 64", "123401000001000000000000" + "40" + "61" * 64 + "00" + "00010001", "FORMERR"),
    ("name of 256", "123401000001000000000000" + ("3f" + "61" * 63) * 4 + "00" + "00010001", "FORMERR"),
    ("pointer to itself", "123401000001000000000000" + "c00c" + "00010001", "FORMERR"),
    ("pointer forward", "123401000001000000000000" + "c0ff" + "00010001", "FORMERR"),
    ("no class", "123401000001000000000000" + "036f6e650474657374000001", "FORMERR"),
    ("EDNS version 1", "123401000001000000000001" + QUESTION + "000029100000010000" + "0000", "BADVERS"),
    ("two OPTs", "123401000001000000000002" + QUESTION + "0000291000000000000000" * 2, ""),
    ("OPT cut short", "123401000001000000000001" + QUESTION + "00002910000000", "FORMERR"),
    ("OPT longer than it is", "123401000001000000000001" + QUESTION + "000029100000000000ffff", "FORMERR"),
    ("over 512 bytes", "123401000001000000000000" + QUESTION + "00" * 600, "FORMERR"),
    ("class CHAOS", "123401000001000000000000" + "036f6e6504746573740000010003", "REFUSED"),
]


def exchange(server, wire, timeout):
    """The reply over UDP, or None after the timeout."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect(("127.0.0.1", server.port))
        s.send(wire)
        try:
            return s.recv(65535)
        except socket.timeout:
            return None


@pytest.mark.parametrize("what,message,rcode", MALFORMED, ids=[m[0] for m in MALFORMED])
def test_malformed(server, what, message, rcode):
    reply = exchange(server, bytes.fromhex(message), 0.2 if rcode is None else 5)
    if rcode is None:
        assert reply is None
    else:
        assert reply and reply[:2] == b"\x12\x34" and reply[2] & 0x80
        if rcode:
            assert dns.rcode.to_text(dns.message.from_wire(reply).rcode()) == rcode
    alive(server)


def mutations(seed, n):
    rng = random.Random(seed)
    sound = [dns.message.make_query("one.test.", "A", use_edns=0, id=1).to_wire(),
             dns.message.make_query("a.b.c.many.test.", "AAAA", id=1).to_wire(),
             dns.message.make_query("4.3.2.1.in-addr.arpa.", "PTR", want_dnssec=True, id=1).to_wire()]
    for _ in range(n):
        w = bytearray(rng.choice(sound))
        for _ in range(rng.randint(1, 4)):
            how, at = rng.randrange(5), rng.randrange(max(1, len(w)))
            if how == 0 and w:
                w[at % len(w)] = rng.randrange(256)
            elif how == 1:
                del w[at:at + rng.randint(1, 8)]
            elif how == 2:
                w[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 12)))
            elif how == 3 and w:
                w[at % len(w)] ^= 1 << rng.randrange(8)
            else:
                w[at:at] = b"\xc0" + bytes([rng.randrange(256)])
        yield bytes(w)


def test_mutations_over_udp(server):
    """It keeps answering, and each answer is a valid reply."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.connect(("127.0.0.1", server.port))
        probe = dns.message.make_query("one.test.", "A", id=54321).to_wire()
        for i, w in enumerate(mutations(20260101, 4000)):
            s.send(w)
            if i % 20:
                continue
            s.send(probe)
            while True:
                r = s.recv(65535)
                assert len(r) >= 12 and r[2] & 0x80
                if r[:2] == probe[:2]:
                    break
    alive(server)


def test_mutations_over_tcp(server):
    for w in mutations(20260102, 300):
        with server.connect() as c:
            c.sendall(frame(w) + frame(dns.message.make_query("one.test.", "A", id=54321).to_wire()))
            while read_frame(c)[:2] != struct.pack("!H", 54321):
                pass
    rng = random.Random(20260103)
    for _ in range(50):  # random streams: closed, or kept waiting; the server survives
        with server.connect() as c:
            try:
                c.sendall(bytes(rng.randrange(256) for _ in range(3000)))
            except OSError:
                pass
    alive(server)


# --- plugin timeouts ---

TIMEOUTS = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    timeouts {
        @LIMIT
    }
    hosts {
        192.0.2.1 one.test
        MANY
    }
}
""".replace("MANY", "\n        ".join(f"10.1.0.{i} many.test" for i in range(200)))


def closed_after(conn, began):
    """Seconds until the server closes the connection."""
    conn.settimeout(8)
    while conn.recv(65536):
        pass
    return time.monotonic() - began


def question(number, name="one.test."):
    return frame(dns.message.make_query(name, "A", id=number).to_wire())


def test_read_limit(serve):
    """The first question has the time of `read`, and bytes do not extend it."""
    s = serve(TIMEOUTS.replace("@LIMIT", "read 1s"))
    with s.connect() as silent, s.connect() as drips:
        began = time.monotonic()
        drips.sendall(b"\0")
        time.sleep(0.6)
        drips.sendall(b"\x20")
        assert 0.8 <= closed_after(silent, began) < 2.5
        assert closed_after(drips, began) < 2.5


def test_longer_read_limit(serve):
    s = serve(TIMEOUTS.replace("@LIMIT", "read 20s\n        idle 1"))
    with s.connect() as silent, s.connect() as asks:
        silent.settimeout(3.5)
        asks.sendall(question(1))
        read_frame(asks)
        assert 0.8 <= closed_after(asks, time.monotonic()) < 2.5    # idle, although read is longer
        with pytest.raises(TimeoutError):
            silent.recv(1)
        silent.sendall(question(2))
        assert read_frame(silent)[:2] == b"\0\2"


def test_write_limit(serve):
    """A client that reads nothing is closed after `write`, which is shorter than `idle`."""
    s = serve(TIMEOUTS.replace("@LIMIT", "write 1s\n        idle 1h"))
    with s.connect() as c:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        c.settimeout(1)
        try:
            for i in range(400):
                c.sendall(question(i, "many.test."))
        except TimeoutError:
            pass   # the server reads no more
        wait_for(lambda: s.metrics()["nodens_tcp_unread_total"] == 1, 6)


@pytest.mark.parametrize("pause", [0, 0.05], ids=["in one write", "one by one"])
def test_queries_of_a_connection(serve, pause):
    """The last one of maxtcpqueries is answered, and the connection closes; a frame too short for a message counts."""
    s = serve(TIMEOUTS.replace("@LIMIT", "maxtcpqueries 3\n        idle 1h"))
    with s.connect() as c:
        parts = [question(1), frame(b"short"), question(3), question(4), question(5)]
        for part in parts[:3] if pause else [b"".join(parts)]:
            c.sendall(part)
            time.sleep(pause)
        assert sorted(read_frame(c)[1] for _ in range(2)) == [1, 3]
        assert closed_after(c, time.monotonic()) < 2
    assert texts(s.ask("one.test.", tcp=True)) == ["192.0.2.1"]


def test_limits_change_with_a_reload(serve):
    """An open connection has the new limits from its next question on."""
    s = serve(TIMEOUTS.replace("@LIMIT", "idle 1h"))
    with s.connect() as c:
        c.sendall(question(1))
        read_frame(c)
        s.write("Corefile", TIMEOUTS.replace("@LIMIT", "idle 1s"))
        s.reload()
        c.sendall(question(2))
        assert read_frame(c)[:2] == b"\0\2"
        assert 0.8 <= closed_after(c, time.monotonic()) < 2.5
