# SPDX-License-Identifier: Apache-2.0
"""The set-ups for generated queries: Corefiles, and the kinds of queries for each."""

REVERSE = " in-addr.arpa ip6.arpa"
HOSTS = ['template IN A example.org {', '  answer "{{ .Question.Name }} 7 IN A 198.51.100.1"', '}',
         "template IN ANY example.org {", "  rcode NXDOMAIN", "}"]


class SetUp:
    """All zones and lines of `kubernetes`; the lines next to it; whether it is bound to 127.0.0.1 alone (then it has no
    address of its own to name as NS); whether the cluster changes while it is served; ask: the arguments of
    questions.Questions."""

    def __init__(self, inside, all_zones="cluster.local" + REVERSE, beside=(), bind=True, changes=False, **ask):
        self.changes = changes
        self.zones, self.inside, self.beside, self.bind, self.ask = all_zones, inside, beside, bind, ask

    def corefile(self, where, port, ready):
        lines = ["bind 127.0.0.1"] if self.bind else []
        lines += [f"ready 127.0.0.1:{ready}", *self.beside, f"kubernetes {self.zones} {{"]
        lines += ["  " + x for x in [where, *self.inside]] + ["}"]
        return "\n".join([f".:{port} {{", *("  " + x for x in lines), "}", ""])


def external(zones, *lines):
    return [f"k8s_external {zones} {{", *("  " + x for x in lines), "}"]


SET_UPS = {
    "insecure": SetUp(["pods insecure", "ttl 30"], bind=False),
    "verified": SetUp(["pods verified", "endpoint_pod_names"], bind=False, changes=True, pod_names=True),
    "disabled": SetUp(["pods disabled", "ttl 0"], "cluster.local 244.10.in-addr.arpa"),
    "zonal": SetUp(["zonal", "ignore empty_service"], zonal=True),
    "namespaces": SetUp(["namespaces shop default a", "pods insecure"],
                        sees=lambda labels, space, of_space: space in ("shop", "default", "a")),
    "labels": SetUp(["labels app=one", "namespace_labels tier=a", "pods verified"],
                    sees=lambda labels, space, of_space: labels.get("app") == "one" and of_space["tier"] == "a"),
    "noendpoints": SetUp(["noendpoints", "ttl 3600"], endpoints=False),
    "zones": SetUp(["ttl 3600", "pods insecure"], "10.in-addr.arpa b.test cluster.local c.cluster.local",
                   zones=("b.test.", "cluster.local.", "c.cluster.local.")),
    "multicluster": SetUp(["multicluster clusterset.local", "pods verified"],
                          "cluster.local clusterset.local" + REVERSE,
                          bind=False, changes=True, multi=("clusterset.local.",)),
    "external": SetUp(["pods disabled"], beside=external("ext.test in-addr.arpa", "headless", "ttl 9") + HOSTS,
                      bind=False, changes=True, external=("ext.test.",)),
    "external-apex": SetUp(["ttl 60"], beside=external("ext.test out.test ip6.arpa", "apex here", "fallthrough ip6.arpa"
                                                       " out.test") + HOSTS, external=("ext.test.", "out.test.")),
    "autopath": SetUp(["pods verified", "ttl 2"], "cluster.local", ["autopath @kubernetes"] + HOSTS, changes=True,
                      search=True),
    "fallthrough": SetUp(["fallthrough", "pods verified"], beside=[
        "template IN ANY cluster.local in-addr.arpa {", '  answer "{{ .Question.Name }} 3 IN TXT next"', "}"]),
    "fallthrough-one": SetUp(["fallthrough in-addr.arpa shop.svc.cluster.local", "pods disabled", "endpoint_pod_names"],
                             beside=["template IN PTR in-addr.arpa {", '  answer "{{ .Question.Name }} 3 IN PTR next."',
                                     "}"], pod_names=True),
    # The same questions are repeated. The TTL stays, otherwise answers would differ by the time in the cache.
    "cached": SetUp(["pods insecure", "ttl 30", "fallthrough in-addr.arpa ip6.arpa"], bind=False, beside=[
        "cache 30 {", "  keepttl", "}", "loadbalance", "errors"] + HOSTS),
    "transfer": SetUp(["multicluster clusterset.local", "endpoint_pod_names"],
                      "cluster.local clusterset.local in-addr.arpa",
                      external("ext.test", "headless") + ["transfer {", "  to *", "}"] + HOSTS,
                      bind=False, changes=True, multi=("clusterset.local.",), external=("ext.test.",), pod_names=True,
                      transfers=("cluster.local.", "clusterset.local.", "ext.test.")),
    # Objects hidden by selectors appear nowhere: not outside, not in transfers, not imported.
    "hidden": SetUp(["namespaces shop a xn--bcher-kva", "labels app=one", "multicluster clusterset.local", "zonal",
                     "ttl 7"],
                    "cluster.local clusterset.local in-addr.arpa",
                    external("ext.test in-addr.arpa", "headless", "fallthrough in-addr.arpa") + HOSTS + [
                        "transfer cluster.local clusterset.local ext.test {", "  to 127.0.0.1", "}"], bind=False,
                    multi=("clusterset.local.",), external=("ext.test.",), zonal=True, transfers=(
                        "cluster.local.", "clusterset.local.", "ext.test."),
                    sees=lambda labels, space, of_space: labels.get("app", "one") == "one" and space in (
                        "shop", "a", "xn--bcher-kva")),
}
