# SPDX-License-Identifier: Apache-2.0
"""A made-up cluster: objects that a real API server takes, of every kind that makes names.

The same seed makes the same objects. Beside the usual ones there are those that servers get wrong: Services
without endpoints, endpoints without Service, addresses in two slices, ports without a name, two families.
"""
import ipaddress

SPACES = ["default", "kube-system", "shop", "shop-2", "a", "xn--bcher-kva"]
NAMES = ["api", "web", "db", "cache-0", "x1", "queue", "front", "pod", "svc", "metrics", "ns", "auth", "b-c-d", "kube-dns"]
ZONES = ["west-1", "east-1"]
PORTS = [("http", "TCP", 80), ("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("grpc", "TCP", 9090), ("s-1", "SCTP", 7),
         ("p", "TCP", 1)]
EXTERNAL = ["www.example.org", "api.shop.svc.cluster.local", "a.b", "nowhere.invalid", "very-long-label-" + "x" * 40 + ".example.net"]


def meta(name, space=None, labels=None):
    out = {"name": name, "resourceVersion": "1", "uid": name, "labels": labels or {}}
    if space:
        out["namespace"] = space
    return out


class Cluster:
    def __init__(self, rng, services=60):
        self.rng, self.items, self.services, self.slices, self.pods = rng, [], [], [], []
        self.cluster_ips, self.endpoint_ips = set(), set()
        for s in SPACES:
            self.items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(s, labels={
                "tier": rng.choice("ab")}), "spec": {}})
        taken = set()
        while len(taken) < min(services, len(SPACES) * len(NAMES)):
            key = rng.choice(SPACES), rng.choice(NAMES)
            if key not in taken:
                taken.add(key)
                self.add_service(*key)
        for i in range(services // 2):
            self.add_pod(i)
        for i in range(3):      # endpoints of no Service
            self.add_slice(rng.choice(SPACES), "orphan-%d" % i, [PORTS[0]], "IPv4")
        self.items += self.services + self.slices + self.pods

    def fresh(self, kind, taken):
        while True:
            if kind == "IPv6":
                ip = ipaddress.ip_address(int(ipaddress.ip_address("fd00:10:96::")) + self.rng.randrange(10, 60000))
            else:
                ip = ipaddress.ip_address("10.96.0.0") + self.rng.randrange(10, 60000)
            if str(ip) not in taken:
                taken.add(str(ip))
                return str(ip)

    def endpoint_ip(self, kind):
        n = self.rng.randrange(1, 4000)
        ip = str(ipaddress.ip_address("10.244.0.0") + n) if kind == "IPv4" else str(ipaddress.ip_address("fd00:10:244::") + n)
        self.endpoint_ips.add(ip)
        return ip

    def add_service(self, space, name):
        r = self.rng
        sort = r.choice(["cluster"] * 4 + ["headless"] * 3 + ["external"] * 2)
        ports = r.sample(PORTS, r.randrange(1, 4))
        families = r.choice([["IPv4"], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]])
        spec = {"type": "ClusterIP"}
        if sort == "external":
            spec = {"type": "ExternalName", "externalName": r.choice(EXTERNAL)}
            if r.random() < .3:
                spec["ports"] = self.ports(ports, False)
        else:
            ips = ["None"] if sort == "headless" else [self.fresh(f, self.cluster_ips) for f in families]
            unnamed = r.random() < .2
            spec.update(clusterIP=ips[0], clusterIPs=ips, ipFamilies=families,
                        ipFamilyPolicy="PreferDualStack" if len(families) > 1 else "SingleStack",
                        ports=self.ports(ports, unnamed))
            if r.random() < .25:
                spec["publishNotReadyAddresses"] = True
            if sort == "cluster" and r.random() < .3:
                spec["externalIPs"] = ["192.0.2.%d" % r.randrange(1, 250)]
            for f in families if r.random() < .85 else ():
                for _ in range(r.choice([1, 1, 2])):
                    self.add_slice(space, name, ports[:1] if unnamed else ports, f, unnamed)
        self.services.append({"apiVersion": "v1", "kind": "Service", "metadata": meta(
            name, space, {"app": r.choice(["one", "two"])}), "spec": spec})

    def ports(self, ports, unnamed):
        if unnamed:
            return [{"protocol": ports[0][1], "port": ports[0][2]}]
        return [{"name": n, "protocol": p, "port": k} for n, p, k in ports]

    def add_slice(self, space, name, ports, family, unnamed=False):
        r, ends = self.rng, []
        for _ in range(r.choice([0, 1, 1, 2, 3, 12])):
            e = {"addresses": [self.endpoint_ip(family)], "conditions": {"ready": r.random() < .8}}
            if r.random() < .4:
                e["hostname"] = r.choice(["host-a", "host-b", "web-0"])
            if r.random() < .6:
                e["targetRef"] = {"kind": "Pod", "name": "pod-%d" % r.randrange(30), "namespace": space}
            if r.random() < .7:
                e["zone"] = r.choice(ZONES)
            ends.append(e)
        self.slices.append({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
                            "metadata": meta("%s-%05x" % (name, r.randrange(1 << 20)), space, {
                                "kubernetes.io/service-name": name}),
                            "ports": [{"name": "" if unnamed else n, "protocol": p, "port": k + 8000}
                                      for n, p, k in ports], "endpoints": ends})

    def add_pod(self, i):
        ip = self.endpoint_ip(self.rng.choice(["IPv4", "IPv4", "IPv6"]))
        phase = self.rng.choice(["Running"] * 5 + ["Succeeded", "Pending"])
        self.pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta("pod-%d" % i, self.rng.choice(SPACES)),
                          "spec": {"containers": [{"name": "c", "image": "none.invalid/c"}]},
                          "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]}})
