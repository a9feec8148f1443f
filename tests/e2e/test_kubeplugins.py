# SPDX-License-Identifier: Apache-2.0
"""Plugins that stand on kubernetes, as a running server shows them."""
import dns.rcode

from serving import texts

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
    s = served(serve, '    metadata cluster.local\n    log . "L ' + "|".join("{/kubernetes/%s}" % n for n in names) +
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
    r = s.ask("web.n.n.svc.cluster.local.")  # the second domain of the list
    assert [x[0].to_text() for x in r.answer] == ["web.n.svc.cluster.local.", "10.0.0.1"]
    assert s.ask("none.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    assert s.ask("www.example.org.other.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
    page = s.get("PROM", "/metrics")[1]
    assert 'coredns_autopath_success_total{server="dns://127.0.0.1:%d"} 2' % s.port in page


def test_autopath_wants_verified_pods(serve):
    s = served(serve, "    autopath @kubernetes\n", "pods insecure")
    assert s.ask("web.n.n.svc.cluster.local.").rcode() == dns.rcode.NXDOMAIN
