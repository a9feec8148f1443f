# SPDX-License-Identifier: Apache-2.0
"""What an answer keeps on its way through sub-queries and the cache: TC, AD, and no OPT of another hop."""
import dns.edns
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from faulty import Upstream

CLUSTER = """apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: v1
kind: Service
metadata: {name: many, namespace: n}
spec: {type: ExternalName, externalName: many.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: part, namespace: n}
spec: {type: ExternalName, externalName: part.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: two, namespace: n}
spec: {type: ExternalName, externalName: many.n.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: balanced, namespace: n}
spec: {type: LoadBalancer, clusterIP: 10.0.0.1, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{hostname: many.example.com}]}}
"""

COREFILE = """.:@PORT {
    bind 127.0.0.1
    rewrite cname exact old.example.com. many.example.com.
    %s
    template ANY A tmpl.test {
        answer "{{ .Name }} 60 IN CNAME many.example.com."
    }
    k8s_external ext.test
    kubernetes cluster.local {
        source @DIR/cluster.yaml
    }
    forward . 127.0.0.1:%d
}
"""


class Many(Upstream):
    """100 addresses of many and part; AD if it is asked for with AD or DO; an NSID in every OPT."""

    def replies(self, m, protocol):
        r = dns.message.make_response(m, recursion_available=True)
        label, q = self.label(m), m.question[0]
        if label == "alias":
            r.answer.append(dns.rrset.from_text(q.name, 60, "IN", "CNAME", "old.example.com."))
        elif q.rdtype == dns.rdatatype.A:
            rows = [f"203.0.113.{i}" for i in range(100 if label in ("many", "part") else 1)]
            if protocol == "udp" and len(rows) > 1:
                r.flags |= dns.flags.TC
                rows = rows[:20] if label == "part" else []
            if rows:
                r.answer.append(dns.rrset.from_text(q.name, 60, "IN", "A", *rows))
        if m.flags & dns.flags.AD or m.ednsflags & dns.flags.DO:
            r.flags |= dns.flags.AD
        r.use_edns(0, m.ednsflags, 1232, options=[dns.edns.GenericOption(3, b"up")])
        return [(0, r.to_wire(max_size=65535))]


@pytest.fixture(name="up")
def up_fixture():
    u = Many()
    yield u
    u.close()


def addresses(reply):
    return [r for rrset in reply.answer if rrset.rdtype == dns.rdatatype.A for r in rrset]


@pytest.mark.parametrize("cache", ["", "cache"])
@pytest.mark.parametrize("name", ["many.n.svc.cluster.local.", "part.n.svc.cluster.local.", "two.n.svc.cluster.local.",
                                  "balanced.n.ext.test.", "x.tmpl.test.", "alias.test."])
def test_truncation_is_passed_up(serve, up, cache, name):
    s = serve(COREFILE % (cache, up.port), files={"cluster.yaml": CLUSTER})
    for _ in range(2):
        r = s.ask(name, use_edns=0, payload=1232)
        assert r.flags & dns.flags.TC and len(addresses(r)) < 100
        r = s.ask(name, tcp=True)
        assert not r.flags & dns.flags.TC and len(addresses(r)) == 100


PLAIN, AD, OPT, DO = {}, {"flags": dns.flags.RD | dns.flags.AD}, {"use_edns": 0}, {"want_dnssec": True}
AD_OPT = {"use_edns": 0, "flags": dns.flags.RD | dns.flags.AD}


def test_ad_by_the_flags_of_each_client(serve, up):
    s = serve(f".:@PORT {{\n bind 127.0.0.1\n cache\n forward . 127.0.0.1:{up.port}\n}}\n")
    for i, order in enumerate(((PLAIN, AD, PLAIN), (PLAIN, AD_OPT, AD), (AD, PLAIN, AD), (OPT, AD_OPT, PLAIN),
                               (DO, AD, PLAIN, DO))):
        for how in order:
            r = s.ask(f"n{i}.test.", **how)
            wanted = bool(how.get("flags", 0) & dns.flags.AD or how.get("want_dnssec"))
            assert bool(r.flags & dns.flags.AD) == wanted, (i, how)
            assert not r.options
        assert len(up.asked(f"n{i}.test.")) == (2 if DO in order else 1)


def test_no_opt_to_a_client_without(serve, up):
    for plugins in ("", "cache"):
        s = serve(f".:@PORT {{\n bind 127.0.0.1\n {plugins}\n forward . 127.0.0.1:{up.port}\n}}\n")
        for tcp in (False, True):
            assert s.ask("n.test.", tcp=tcp).edns == -1
            assert s.ask("n.test.", tcp=tcp, use_edns=0).edns == 0
