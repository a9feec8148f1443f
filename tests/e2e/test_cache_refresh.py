# SPDX-License-Identifier: Apache-2.0
"""The cache while upstreams are away: stale answers, their refreshes, and how many of them there are."""
import concurrent.futures
import socket
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from faulty import Upstream
from serving import wait_for


class Changing(Upstream):
    """A records with a TTL of 1 s and the address `address`; `rcode` if it is set; silent if `away`."""

    away, rcode = False, None

    def replies(self, m, protocol):
        if self.away:
            return []
        r = dns.message.make_response(m, recursion_available=True)
        if self.rcode is not None:
            r.set_rcode(self.rcode)
            if self.rcode == dns.rcode.NXDOMAIN:
                r.authority.append(dns.rrset.from_text("test.", 60, "IN", "SOA", "ns. h. 1 2 3 4 5"))
        else:
            r.answer.append(dns.rrset.from_text(m.question[0].name, 1, "IN", "A", self.address))
        return [(0, r.to_wire())]


@pytest.fixture(name="up")
def up_fixture():
    u = Changing()
    yield u
    u.close()


def served(serve, up, options, read_timeout="300ms"):
    return serve(f""".:@PORT {{
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    cache {{
        success 1024 1 0
        servfail 0
        {options}
    }}
    forward . 127.0.0.1:{up.port} {{
        read_timeout {read_timeout}
        max_connect_attempts 1
    }}
}}
""")


def address(reply):
    assert reply.rcode() == dns.rcode.NOERROR
    return reply.answer[0][0].to_text()


def expire():
    time.sleep(1.1)


def test_upstream_goes_away_and_comes_back(serve, up):
    s = served(serve, up, "serve_stale 1h")
    for name in ("a.test.", "b.test."):
        assert address(s.ask(name)) == "192.0.2.1"
    up.away = True
    expire()
    for _ in range(5):
        start = time.monotonic()
        assert address(s.ask("a.test.")) == "192.0.2.1"
        assert s.ask("a.test.").answer[0].ttl == 0
        assert time.monotonic() - start < 0.25  # less than read_timeout
    assert s.ask("new.test.").rcode() == dns.rcode.SERVFAIL
    up.rcode = dns.rcode.SERVFAIL
    up.away = False
    assert address(s.ask("b.test.")) == "192.0.2.1"
    up.rcode, up.address = None, "192.0.2.7"
    wait_for(lambda: address(s.ask("a.test.")) == "192.0.2.7")
    wait_for(lambda: address(s.ask("b.test.")) == "192.0.2.7")


def test_a_crowd_makes_one_refresh(serve, up):
    """Over all workers: each socket may reach another one."""
    s = served(serve, up, "serve_stale 1h", read_timeout="4s")
    s.ask("a.test.")
    up.away = True
    expire()
    query = dns.message.make_query("a.test.", "A").to_wire()
    end = time.monotonic() + 0.3

    def flood(_):
        n = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as k:
            k.connect(("127.0.0.1", s.port))
            k.settimeout(2)
            while time.monotonic() < end:
                k.send(query)
                n += dns.message.from_wire(k.recv(512)).rcode() == dns.rcode.NOERROR
        return n

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answered = sum(pool.map(flood, range(8)))
    assert answered > 50
    assert len(up.asked("a.test.")) <= 8  # one refresh, repeated: it is not answered
    metrics = s.metrics()
    labels = f'{{server="dns://127.0.0.1:{s.port}",zones=".",view=""}}'
    assert metrics["coredns_cache_served_stale_total" + labels] == answered
    assert metrics["coredns_cache_prefetch_total" + labels] == 1


def test_verify_waits_for_the_upstream(serve, up):
    s = served(serve, up, "serve_stale 1h verify")
    s.ask("a.test.")
    expire()
    up.address = "192.0.2.7"
    assert address(s.ask("a.test.")) == "192.0.2.7"
    up.away = True
    expire()
    assert address(s.ask("a.test.")) == "192.0.2.7"  # after read_timeout


def test_verify_with_a_timeout(serve, up):
    s = served(serve, up, "serve_stale 1h verify 50ms")
    s.ask("a.test.")
    expire()
    up.mode, up.away = "", True
    start = time.monotonic()
    assert address(s.ask("a.test.")) == "192.0.2.1"
    assert 0.04 < time.monotonic() - start < 0.28  # less than read_timeout
    # The refresh still waits: a second client gets the stale answer at once.
    assert address(s.ask("a.test.")) == "192.0.2.1"


@pytest.mark.parametrize("policy,rcode", [("", dns.rcode.NXDOMAIN),
                                          ("serve_stale_policy prefer_positive", dns.rcode.NOERROR)])
def test_a_denial_of_a_broken_moment(serve, up, policy, rcode):
    s = served(serve, up, "serve_stale 1h\n" + policy)
    s.ask("a.test.")
    expire()
    up.rcode = dns.rcode.NXDOMAIN
    assert address(s.ask("a.test.")) == "192.0.2.1"
    wait_for(lambda: len(up.asked("a.test.")) == 2)
    wait_for(lambda: s.ask("a.test.").rcode() == rcode)
    up.rcode = None
    wait_for(lambda: rcode == dns.rcode.NXDOMAIN or address(s.ask("a.test.")) == "192.0.2.1")
