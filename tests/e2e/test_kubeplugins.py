# SPDX-License-Identifier: Apache-2.0
"""Plugins that use kubernetes, in a running server."""
import socket
import struct
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

import memory
from serving import texts, wait_for

CLUSTER = """apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: n}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: n, labels: {app: Shop, tier: front}}
status: {podIP: 127.0.0.1, podIPs: [{ip: 127.0.0.1}], phase: Running}
"""


def served(serve, plugins, options="pods verified", more=""):
    return serve(".:@PORT {\n    bind 127.0.0.1\n" + plugins + "    kubernetes cluster.local in-addr.arpa {\n"
                 "        source @DIR/cluster.yaml\n        " + options + "\n    }\n" + more + "}\n",
                 files={"cluster.yaml": CLUSTER})


def test_labels_in_the_log(serve):
    names = ("namespace service endpoint port-name protocol kind zone cluster client-namespace client-pod-name "
             "client-label/app client-label/none parse-error").split()
    s = served(serve, '    metadata cluster.local\n    log . "L ' + "|".join(f"{{/kubernetes/{n}}}" for n in names) +
               ' {/log/type} {/log/class}"\n')
    s.ask("_http._TCP.web.n.svc.cluster.local.", "SRV")
    s.ask("nothing.n.svc.cluster.local.")
    s.ask("a.b.c.d.e.web.n.svc.cluster.local.")
    s.ask("4.3.2.1.in-addr.arpa.", "PTR")
    s.ask("\\010x.n.svc.cluster.local.")
    s.wait_log(r"L n\|web\|\|http\|tcp\|svc\|-\|-\|n\|client\|Shop\|-\|- NOERROR success")
    s.wait_log(r"L n\|nothing\|\|\|\|svc\|-\|-\|n\|client\|Shop\|-\|- NXDOMAIN denial")
    s.wait_log(r"L (-\|){8}n\|client\|Shop\|-\|invalid query name NXDOMAIN denial")
    s.wait_log(r"L (-\|){12}- NXDOMAIN denial")  # outside the zones of metadata
    s.wait_log(r"L n\|\\010x\|\|")


def test_no_labels_without_metadata(serve):
    s = served(serve, '    log . "L {/kubernetes/service} {/log/class}"\n')
    s.ask("web.n.svc.cluster.local.")
    s.wait_log("L - -")


def test_autopath(serve):
    s = served(serve, "    autopath @kubernetes\n    prometheus 127.0.0.1:@PROM\n", more=
               '    template IN A example.org {\n        answer "{{ .Name }} 5 IN A 192.0.2.1"\n    }\n'
               "    template IN ANY . {\n        expr !(name() endsWith 'cluster.local.')\n        rcode NXDOMAIN\n"
               "        fallthrough\n    }\n")
    r = s.ask("WWW.example.org.n.svc.cluster.local.")
    assert [x.to_text().lower() for x in r.answer] == [
        "www.example.org.n.svc.cluster.local. 5 in cname www.example.org.", "www.example.org. 5 in a 192.0.2.1"]
    r = s.ask("web.n.n.svc.cluster.local.")  # the second domain of the search list
    assert [x[0].to_text() for x in r.answer] == ["web.n.svc.cluster.local.", "10.0.0.1"]
    assert s.ask("none.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    assert s.ask("www.example.org.other.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    page = s.metrics_page()
    assert f'coredns_autopath_success_total{{server="dns://127.0.0.1:{s.port}"}} 2' in page


def test_autopath_wants_verified_pods(serve):
    s = served(serve, "    autopath @kubernetes\n", "pods insecure")
    assert s.ask("web.n.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN


OUTSIDE = CLUSTER + """---
apiVersion: v1
kind: Service
metadata: {name: lb, namespace: n}
spec:
  type: LoadBalancer
  clusterIP: 10.0.0.2
  externalIPs: [192.0.2.1, "2001:db8::1"]
  ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]
status: {loadBalancer: {ingress: [{ip: 192.0.2.9}]}}
---
apiVersion: v1
kind: Service
metadata: {name: cloud, namespace: n}
spec: {clusterIP: 10.0.0.3, ports: [{name: http, port: 80}, {name: tls, port: 443}]}
status: {loadBalancer: {ingress: [{hostname: LB.cloud.test}]}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: n}
spec: {clusterIP: None, ports: [{name: sql, port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-a, namespace: n, labels: {kubernetes.io/service-name: db}}
ports: [{name: sql, port: 5432}]
endpoints: [{addresses: [10.1.0.1], hostname: one}, {addresses: [10.1.0.2]}]
"""


def outside(serve, options="", more="", zones="ext.test in-addr.arpa"):
    return serve(".:@PORT {\n    bind 127.0.0.1\n    k8s_external " + zones + " {\n        " + options + "\n    }\n"
                 '    template IN A cloud.test {\n        answer "{{ .Name }} 7 IN A 198.51.100.1"\n    }\n'
                 "    kubernetes cluster.local {\n        source @DIR/cluster.yaml\n        ttl 30\n    }\n" + more +
                 "}\n", files={"cluster.yaml": OUTSIDE})


def rows(reply, section="answer"):
    return sorted(r.lower() for rrset in getattr(reply, section) for r in rrset.to_text().split("\n"))


def test_external_names(serve):
    s = outside(serve, "headless\n        ttl 9\n        apex here")

    def ask(name, kind="A"):
        r = s.ask(name, kind)
        return [dns.rcode.to_text(r.rcode())] + rows(r)
    a, srv = "NOERROR", "lb.n.ext.test. 30 in srv 0 16 "
    assert ask("LB.n.ext.test.") == [a, "lb.n.ext.test. 9 in a 192.0.2.1", "lb.n.ext.test. 9 in a 192.0.2.9"]
    assert ask("lb.n.ext.test.", "AAAA") == [a, "lb.n.ext.test. 9 in aaaa 2001:db8::1"]
    assert ask("lb.n.ext.test.", "SRV") == [a, srv + "53 lb.n.ext.test.", srv + "80 lb.n.ext.test."]
    assert len(rows(s.ask("lb.n.ext.test.", "SRV"), "additional")) == 3
    assert ask("_dns._udp.lb.n.ext.test.", "SRV") == [a, "_dns._udp.lb.n.ext.test. 30 in srv 0 33 53 lb.n.ext.test."]
    assert ask("_none._tcp.lb.n.ext.test.", "SRV") == ["NXDOMAIN"]
    assert ask("lb.n.ext.test.", "TXT") == [a]
    # A hostname is looked up once for all ports.
    assert ask("cloud.n.ext.test.") == [a, "cloud.n.ext.test. 30 in cname lb.cloud.test.",
                                        "lb.cloud.test. 7 in a 198.51.100.1"]
    assert len(ask("cloud.n.ext.test.", "SRV")) == 3
    assert rows(s.ask("cloud.n.ext.test.", "SRV"), "additional") == ["lb.cloud.test. 7 in a 198.51.100.1"]
    # Headless Services: their endpoints.
    assert ask("db.n.ext.test.") == [a, "db.n.ext.test. 9 in a 10.1.0.1", "db.n.ext.test. 9 in a 10.1.0.2"]
    assert ask("one.db.n.ext.test.") == [a, "one.db.n.ext.test. 9 in a 10.1.0.1"]
    assert ask("10-1-0-2.db.n.ext.test.") == [a, "10-1-0-2.db.n.ext.test. 9 in a 10.1.0.2"]
    assert ask("_sql._tcp.db.n.ext.test.", "SRV") == [
        a, "_sql._tcp.db.n.ext.test. 30 in srv 0 50 5432 10-1-0-2.db.n.ext.test.",
        "_sql._tcp.db.n.ext.test. 30 in srv 0 50 5432 one.db.n.ext.test."]
    # Without external addresses; nonexistent.
    for name, rcode in (("web.n", "NXDOMAIN"), ("n", "NOERROR"), ("none", "NXDOMAIN"), ("a.b.c.lb.n", "NXDOMAIN")):
        r = s.ask(name + ".ext.test.")
        assert [dns.rcode.to_text(r.rcode())] + rows(r) == [rcode]
        assert r.authority[0].to_text().startswith("ext.test. 9 IN SOA ns1.here.ext.test. hostmaster.here.ext.test. ")
    # Reverse names.
    assert ask("9.2.0.192.in-addr.arpa.", "PTR") == [a, "9.2.0.192.in-addr.arpa. 9 in ptr lb.n.ext.test."]
    assert ask("8.2.0.192.in-addr.arpa.", "PTR") == ["NXDOMAIN"]
    # The zone's own names.
    assert ask("here.ext.test.") == [a]
    assert ask("ns2.here.ext.test.") == ["NXDOMAIN"]
    assert ask("ext.test.", "NS") == [a, "ext.test. 9 in ns ns1.here.ext.test."]
    assert ask("ns1.here.ext.test.", "TXT") == [a]


def test_external_falls_through(serve):
    s = outside(serve, "fallthrough none.ext.test", "    whoami\n")
    assert rows(s.ask("x.none.ext.test.")) == [] and s.ask("x.none.ext.test.").additional
    assert s.ask("db.n.ext.test.").rcode() == dns.rcode.NXDOMAIN  # not headless
    assert not s.ask("db.n.ext.test.").additional


def test_external_wants_kubernetes(serve):
    s = serve(".:@PORT {\n    k8s_external ext.test\n    whoami\n}\n", wait=False)
    assert s.wait() != 0
    assert "Corefile:2 - plugin/k8s_external: kubernetes plugin not loaded" in s.log()


def test_external_follows_changes(serve):
    s = outside(serve)
    serial = s.ask("ext.test.", "SOA").answer[0][0].serial
    time.sleep(1.1)
    s.write("cluster.yaml", OUTSIDE.replace("192.0.2.9", "192.0.2.7"))
    wait_for(lambda: "192.0.2.7" in texts(s.ask("lb.n.ext.test.")))
    wait_for(lambda: s.ask("9.2.0.192.in-addr.arpa.", "PTR").rcode() == dns.rcode.NXDOMAIN)
    wait_for(lambda: s.ask("ext.test.", "SOA").answer[0][0].serial > serial)  # it follows the change
    assert texts(s.ask("7.2.0.192.in-addr.arpa.", "PTR")) == ["lb.n.ext.test."]


def axfr(s, zone, **more):
    """Returns (the records of a transfer as text, without the two SOAs; the number of messages)."""
    messages = list(dns.query.xfr("127.0.0.1", zone, port=s.port, relativize=False, lifetime=20, **more))
    records = [f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {rd.to_text()}"
               for m in messages for rrset in m.answer for rd in rrset]
    assert " SOA " in records[0] and records[0] == records[-1]
    assert all(" SOA " not in r for r in records[1:-1])
    return records[1:-1], len(messages)


TRANSFER = "    transfer cluster.local ext.test {\n        to 127.0.0.1\n    }\n"


def test_transfer(serve):
    s = outside(serve, "headless", TRANSFER)
    records, messages = axfr(s, "cluster.local.")
    assert messages == 1
    glue = [r for r in records if r.startswith("ns.dns.cluster.local. 0 ")]
    assert glue or "cluster.local. 30 NS ns.dns.cluster.local." not in records
    assert sorted(r for r in records if r not in glue and " NS " not in r) == sorted("""\
_http._tcp.cloud.n.svc.cluster.local. 30 SRV 0 100 80 cloud.n.svc.cluster.local.
_tls._tcp.cloud.n.svc.cluster.local. 30 SRV 0 100 443 cloud.n.svc.cluster.local.
cloud.n.svc.cluster.local. 30 A 10.0.0.3
cloud.n.svc.cluster.local. 30 SRV 0 100 443 cloud.n.svc.cluster.local.
cloud.n.svc.cluster.local. 30 SRV 0 100 80 cloud.n.svc.cluster.local.
_dns._udp.lb.n.svc.cluster.local. 30 SRV 0 100 53 lb.n.svc.cluster.local.
_http._tcp.lb.n.svc.cluster.local. 30 SRV 0 100 80 lb.n.svc.cluster.local.
lb.n.svc.cluster.local. 30 A 10.0.0.2
lb.n.svc.cluster.local. 30 SRV 0 100 53 lb.n.svc.cluster.local.
lb.n.svc.cluster.local. 30 SRV 0 100 80 lb.n.svc.cluster.local.
_http._tcp.web.n.svc.cluster.local. 30 SRV 0 100 80 web.n.svc.cluster.local.
web.n.svc.cluster.local. 30 A 10.0.0.1
web.n.svc.cluster.local. 30 SRV 0 100 80 web.n.svc.cluster.local.
db.n.svc.cluster.local. 30 A 10.1.0.1
db.n.svc.cluster.local. 30 A 10.1.0.2
one.db.n.svc.cluster.local. 30 A 10.1.0.1
10-1-0-2.db.n.svc.cluster.local. 30 A 10.1.0.2
_sql._tcp.db.n.svc.cluster.local. 30 SRV 0 50 5432 one.db.n.svc.cluster.local.
_sql._tcp.db.n.svc.cluster.local. 30 SRV 0 50 5432 10-1-0-2.db.n.svc.cluster.local.
""".splitlines())
    records, messages = axfr(s, "ext.test.")
    assert "ext.test. 5 NS ns1.dns.ext.test." in records
    assert sorted(r for r in records if "dns.ext.test." not in r) == sorted("""\
_http._tcp.cloud.n.ext.test. 30 SRV 0 100 80 lb.cloud.test.
_tls._tcp.cloud.n.ext.test. 30 SRV 0 100 443 lb.cloud.test.
cloud.n.ext.test. 30 CNAME lb.cloud.test.
cloud.n.ext.test. 30 SRV 0 100 443 lb.cloud.test.
cloud.n.ext.test. 30 SRV 0 100 80 lb.cloud.test.
_dns._udp.lb.n.ext.test. 30 SRV 0 100 53 lb.n.ext.test.
_http._tcp.lb.n.ext.test. 30 SRV 0 100 80 lb.n.ext.test.
lb.n.ext.test. 5 A 192.0.2.1
lb.n.ext.test. 5 A 192.0.2.9
lb.n.ext.test. 5 AAAA 2001:db8::1
lb.n.ext.test. 30 SRV 0 100 53 lb.n.ext.test.
lb.n.ext.test. 30 SRV 0 100 80 lb.n.ext.test.
db.n.ext.test. 5 A 10.1.0.1
db.n.ext.test. 5 A 10.1.0.2
db.n.ext.test. 30 SRV 0 50 5432 one.db.n.ext.test.
db.n.ext.test. 30 SRV 0 50 5432 10-1-0-2.db.n.ext.test.
one.db.n.ext.test. 5 A 10.1.0.1
one.db.n.ext.test. 30 SRV 0 100 5432 one.db.n.ext.test.
10-1-0-2.db.n.ext.test. 5 A 10.1.0.2
10-1-0-2.db.n.ext.test. 30 SRV 0 100 5432 10-1-0-2.db.n.ext.test.
_sql._tcp.db.n.ext.test. 30 SRV 0 50 5432 one.db.n.ext.test.
_sql._tcp.db.n.ext.test. 30 SRV 0 50 5432 10-1-0-2.db.n.ext.test.
""".replace("lb.cloud.test", "LB.cloud.test").splitlines())
    for zone in ("cluster.local.", "ext.test."):
        assert s.ask(zone, "AXFR").rcode() == dns.rcode.REFUSED  # over UDP
        serial = s.ask(zone, "SOA").answer[0][0].serial
        q = dns.message.make_query(zone, "IXFR")
        q.authority.append(dns.rrset.from_text(zone, 0, "IN", "SOA", f". . {serial} 1 1 1 1"))
        r = dns.query.tcp(q, "127.0.0.1", port=s.port, timeout=10)
        assert [x.rdtype for x in r.answer] == [dns.rdatatype.SOA]
    s.wait_log("Outgoing transfer of .* records of zone \"ext.test.\" to 127.0.0.1")
    s.wait_log("Outgoing noop, incremental transfer for up to date zone \"ext.test.\"")


def test_transfer_of_a_large_zone(serve):
    """Megabytes to a slow reader: in messages of 64 KiB, of which the server buffers little."""
    many = "".join(f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{i}, namespace: n}}\n"
                   f"spec: {{clusterIP: 10.{i // 250}.{i % 250}.1, "
                   "ports: [{name: http, port: 80}, {name: https, port: 443}]}\n" for i in range(12000))
    s = serve(".:@PORT {\n    bind 127.0.0.1\n    transfer {\n        to *\n    }\n    kubernetes cluster.local {\n"
              "        source @DIR/cluster.yaml\n    }\n}\n", files={"cluster.yaml": CLUSTER + many}, env=memory.ENV)
    q = dns.message.make_query("cluster.local.", "AXFR")
    growth = memory.Growth(s)
    with socket.socket() as c:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.connect(("127.0.0.1", s.port))
        c.sendall(struct.pack("!H", len(q.to_wire())) + q.to_wire())
        time.sleep(0.5)
        assert texts(s.ask("web.n.svc.cluster.local.")) == ["10.0.0.1"]  # other clients are served meanwhile
        records = soas = messages = total = 0
        stream = c.makefile("rb")
        while soas < 2:
            n = struct.unpack("!H", stream.read(2))[0]
            m = dns.message.from_wire(stream.read(n), one_rr_per_rrset=True)
            assert m.rcode() == 0 and m.flags & dns.flags.AA and n <= 65000
            soas += sum(r.rdtype == dns.rdatatype.SOA for r in m.answer)
            records += sum(r.name.to_text().endswith(".n.svc.cluster.local.") for r in m.answer)
            messages += 1
            total += n
    assert records == 12000 * 5 + 3 and messages > 20
    assert growth.peak() < total / 3


def test_transfer_is_refused(serve):
    s = serve(".:@PORT {\n    bind 127.0.0.1\n    transfer cluster.local {\n        to 192.0.2.1\n    }\n"
              "    kubernetes cluster.local {\n        source @DIR/cluster.yaml\n    }\n}\n",
              files={"cluster.yaml": CLUSTER})
    q = dns.message.make_query("cluster.local.", "AXFR")
    assert dns.query.tcp(q, "127.0.0.1", port=s.port, timeout=10).rcode() == dns.rcode.REFUSED


def imported(cluster, ip):
    return f"""---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: db-{cluster}
  namespace: n
  labels: {{multicluster.kubernetes.io/service-name: db, multicluster.kubernetes.io/source-cluster: {cluster}}}
addressType: IPv4
ports: [{{name: sql, port: 5432}}]
endpoints: [{{addresses: [{ip}], hostname: one}}]
"""


def test_one_hostname_in_two_clusters(serve):
    """The same label and port, but distinct names; and the size of the reply is CoreDNS's."""
    text = CLUSTER + """---
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ServiceImport
metadata: {name: db, namespace: n}
spec: {type: Headless, ports: [{name: sql, port: 5432}]}
""" + imported("c1", "10.1.0.1") + imported("c2", "10.2.0.1")
    s = serve(".:@PORT {\n    bind 127.0.0.1\n    kubernetes cluster.local set.local {\n"
              "        source @DIR/cluster.yaml\n        multicluster set.local\n    }\n}\n",
              files={"cluster.yaml": text})
    r = s.ask("_sql._tcp.db.n.svc.set.local.", "SRV")
    assert sorted(texts(r)) == [f"0 50 5432 one.c{c}.db.n.svc.set.local." for c in (1, 2)]
    assert rows(r, "additional") == [f"one.c{c}.db.n.svc.set.local. 5 in a 10.{c}.0.1" for c in (1, 2)]
    assert texts(s.ask("one.c2.db.n.svc.set.local.")) == ["10.2.0.1"]
    # Owners of addresses are pointers to the targets of the SRV records: 2 bytes each, as in CoreDNS's replies.
    q = dns.message.make_query("_sql._tcp.db.n.svc.set.local.", "SRV", use_edns=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as c:
        c.connect(("127.0.0.1", s.port))
        c.settimeout(10)
        c.send(q.to_wire())
        size = len(c.recv(65535))
    target = len(b"\3one\2c1\2db\1n\3svc\3set\5local\0")
    assert size == len(q.to_wire()) + 2 * (12 + 6 + target) + 2 * (12 + 4)
