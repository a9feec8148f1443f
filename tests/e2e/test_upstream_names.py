# SPDX-License-Identifier: Apache-2.0
"""forward to upstreams given by host name: resolvers that answer, fail and stay silent; reloads."""
import re
import signal

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from faulty import Upstream
from serving import texts


class Resolver(Upstream):
    """Has `names`: {name: addresses}; NXDOMAIN for others. mute: types that it never answers."""

    def __init__(self, names=None, mute=()):
        self.names, self.mute = names or {}, mute
        super().__init__()

    def replies(self, m, protocol):
        q = m.question[0]
        if q.rdtype in self.mute:
            return []
        r = dns.message.make_response(m)
        if q.name.to_text() not in self.names:
            r.set_rcode(dns.rcode.NXDOMAIN)
        fits = [a for a in self.names.get(q.name.to_text(), ()) if (":" in a) == (q.rdtype == dns.rdatatype.AAAA)]
        if fits:
            r.answer.append(dns.rrset.from_text(q.name, 60, "IN", q.rdtype, *fits))
        return [(0, r.to_wire())]


@pytest.fixture(name="upstream")
def upstream_fixture():
    """upstream(cls, ...): an upstream, closed after the test."""
    started = []

    def start(cls=Upstream, *args, **more):
        started.append(cls(*args, **more))
        return started[-1]

    yield start
    for u in started:
        u.close()


def corefile(to, *resolvers):
    line = f"        resolver {' '.join(f'127.0.0.1:{r.port}' for r in resolvers)}\n" if resolvers else ""
    return f".:@PORT {{\n    errors\n    forward . {to} {{\n{line}        policy sequential\n    }}\n}}\n"


def answers(s, name="a.test."):
    return texts(s.ask(name))


def test_name_and_port(serve, upstream):
    up, resolver = upstream(), upstream(Resolver, {"ns.test.": ["127.0.0.1"]})
    s = serve(corefile(f"ns.test:{up.port}", resolver))
    assert answers(s) == ["192.0.2.1"]
    assert {(n, t) for _, n, t, _, _ in resolver.seen} == {("ns.test.", 1), ("ns.test.", 28)}
    assert not resolver.asked("a.test.")


def test_without_an_answer_for_ipv6(serve, upstream):
    up, resolver = upstream(), upstream(Resolver, {"ns.test.": ["127.0.0.1"]}, mute=(dns.rdatatype.AAAA,))
    s = serve(corefile(f"ns.test:{up.port}", resolver))
    assert answers(s) == ["192.0.2.1"]


def test_the_next_resolver_is_asked(serve, upstream):
    up = upstream()
    mute = upstream(Resolver, mute=(dns.rdatatype.A, dns.rdatatype.AAAA))
    empty, good = upstream(Resolver), upstream(Resolver, {"ns.test.": ["127.0.0.1"]})
    s = serve(corefile(f"ns.test:{up.port}", mute, empty, good))
    assert answers(s) == ["192.0.2.1"]
    assert mute.asked() and empty.asked() and good.asked()


def test_all_addresses_are_upstreams_once(serve, upstream):
    """The first one has no server: the second one answers. An address that is given twice is one upstream."""
    up, resolver = upstream(), upstream(Resolver, {"ns.test.": ["127.9.9.9", "127.0.0.1", "::1"]})
    s = serve(corefile(f"ns.test:{up.port} 127.0.0.1:{up.port} ns.test:{up.port}", resolver))
    assert answers(s) == ["192.0.2.1"]


def test_a_name_that_does_not_exist_is_an_error(serve, upstream):
    resolver = upstream(Resolver)
    s = serve(corefile("ns.test", resolver), wait=False)
    assert s.wait() != 0
    assert re.search(r'Corefile:3 - .*failed to resolve "ns.test": 127.0.0.1:\d+: no addresses', s.log())


def test_the_system_resolver_and_its_files(serve, upstream):
    up = upstream()
    s = serve(corefile(f"localhost:{up.port}"))
    assert answers(s) == ["192.0.2.1"]


def test_a_reload_looks_names_up_again(serve, upstream):
    old, new = upstream(address="192.0.2.1"), upstream(address="192.0.2.2")
    resolver = upstream(Resolver, {"ns.test.": ["127.0.0.1"]})
    s = serve(corefile(f"ns.test:{old.port}", resolver))
    assert answers(s) == ["192.0.2.1"]
    resolver.names = {}
    s.signal(signal.SIGUSR1)
    s.wait_log("failed to resolve")
    assert answers(s, "b.test.") == ["192.0.2.1"]       # the old configuration is kept
    resolver.names = {"ns.test.": ["127.0.0.1"]}
    s.write("Corefile", corefile(f"ns.test:{new.port}", resolver))
    s.reload()
    assert answers(s, "c.test.") == ["192.0.2.2"]
