# SPDX-License-Identifier: Apache-2.0
"""A generated cluster: objects that a real API server accepts, of every kind that names are made from.

The same seed makes the same objects. Besides the usual ones there are those that servers get wrong: Services without
endpoints, endpoints without a Service, an address in two slices, a hostname of two endpoints, ports without a name,
Services without ports, two address families, endpoints that are not ready, endpoints imported from two clusters.
"""
import ipaddress

SPACES = ["default", "kube-system", "shop", "shop-2", "a", "xn--bcher-kva"]
NAMES = ["api", "web", "db", "cache-0", "x1", "queue", "front", "pod", "svc", "metrics", "ns", "auth", "b-c-d", "dns",
         "www", "mail", "search", "ledger", "z", "a-long-name-that-is-still-a-label-of-a-service", "1st", "cart"]
ZONES = ["west-1", "east-1", "eu.north"]
PORTS = [("http", "TCP", 80), ("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("grpc", "TCP", 9090), ("s-1", "SCTP", 7),
         ("p", "TCP", 1)]
EXTERNAL = ["www.example.org", "api.shop.svc.cluster.local", "web.default.svc.cluster.local", "a.b", "nowhere.invalid",
            "very-long-label-" + "x" * 40 + ".example.net", "www.example.org."]
CLUSTERS = ["c1", "c2"]
OUTSIDE_HOSTS = ["lb.example.org", "lb-2.example.org"]
LOCAL = "198.51.100.7"      # the servers' own address by default


def meta(name, space=None, labels=None):
    out = {"name": name, "resourceVersion": "1", "uid": name, "labels": labels or {}}
    if space:
        out["namespace"] = space
    return out


class Cluster:
    def __init__(self, rng, services=100, local=(LOCAL,)):
        self.rng, self.count, self.namespaces = rng, 0, []
        self.services, self.slices, self.pods, self.imports, self.gone = [], [], [], [], []
        self.imported, self.cluster_ips, self.endpoint_ips, self.outside_ips = [], set(), [], set()
        # Imported endpoints have a network of their own, without PTR queries: for a slice without
        # kubernetes.io/service-name CoreDNS fails to write the reply to one and sends nothing.
        self.imported_ips = []
        for s in SPACES:
            self.namespaces.append({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(s, labels={
                "tier": rng.choice("ab")}), "spec": {}})
        pairs = [(s, n) for s in SPACES for n in NAMES]
        for space, name in rng.sample(pairs, min(services, len(pairs))):
            self.add_service(space, name)
        self.add_dns(local)
        for space, name in rng.sample(pairs, min(services, len(pairs)) // 3):
            self.add_import(space, name)
        for i in range(services // 2):
            self.add_pod(i)
        for i in range(3):      # endpoints without a Service
            self.add_slice(rng.choice(SPACES), f"orphan-{i}", [PORTS[0]], "IPv4")

    @property
    def items(self):
        return self.namespaces + self.services + self.slices + self.imports + self.imported + self.pods

    def fresh(self, kind, taken):
        while True:
            if kind == "IPv6":
                ip = ipaddress.ip_address(int(ipaddress.ip_address("fd00:10:96::")) + self.rng.randrange(10, 60000))
            else:
                ip = ipaddress.ip_address("10.96.0.0") + self.rng.randrange(10, 60000)
            if str(ip) not in taken:
                taken.add(str(ip))
                return str(ip)

    def endpoint_ip(self, kind, imported=False):
        taken = self.imported_ips if imported else self.endpoint_ips
        if self.rng.random() < .1:      # an endpoint that exists already
            those = [ip for ip in taken if (":" in ip) == (kind == "IPv6")]
            if those:
                return self.rng.choice(those)
        net = ("10.245.0.0" if imported else "10.244.0.0") if kind == "IPv4" else f"fd00:10:{244 + imported}::"
        taken.append(str(ipaddress.ip_address(net) + self.rng.randrange(1, 20000)))
        return taken[-1]

    def zone_of(self, ip):
        """An address has one zone in all slices; some slices do not give it."""
        n = int(ipaddress.ip_address(ip)) % 10
        return ZONES[n % len(ZONES)] if n < 7 else None

    def add_service(self, space, name):
        r = self.rng
        sort = r.choice(["cluster"] * 4 + ["headless"] * 4 + ["external"] * 2)
        ports = r.sample(PORTS, r.randrange(1, 4))
        families = r.choice([["IPv4"], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]])
        spec, status = {"type": "ClusterIP"}, {}
        if sort == "external":
            spec = {"type": "ExternalName", "externalName": r.choice(EXTERNAL)}
            if r.random() < .3:
                spec["ports"] = self.ports(ports, False)
        else:
            ips = ["None"] if sort == "headless" else [self.fresh(f, self.cluster_ips) for f in families]
            unnamed = r.random() < .15
            none = sort == "headless" and r.random() < .15
            spec.update(clusterIP=ips[0], clusterIPs=ips, ipFamilies=families,
                        ipFamilyPolicy="PreferDualStack" if len(families) > 1 else "SingleStack")
            if not none:
                spec["ports"] = self.ports(ports, unnamed)
            if r.random() < .25:
                spec["publishNotReadyAddresses"] = True
            if r.random() < (.6 if sort == "cluster" else .15):
                status = self.put_outside(spec, sort)
            for f in families if r.random() < .85 else ():
                for n in range(r.choice([1, 1, 2])):
                    self.add_slice(space, name, [] if none and n else ports[:1] if unnamed else ports, f, unnamed)
        self.services.append({"apiVersion": "v1", "kind": "Service", "metadata": meta(
            name, space, {"app": r.choice(["one", "two"])}), "spec": spec, "status": status})

    def put_outside(self, spec, sort):
        """Adds external addresses of the Service; returns its status."""
        r = self.rng

        def ip():
            form, number = r.choice(["192.0.2.{}", "2001:db8::{:x}"]), r.randrange(1, 250)
            made = form.format(number)
            self.outside_ips.add(made)
            return made
        if sort == "headless" or r.random() < .5:
            spec["externalIPs"] = list(dict.fromkeys(ip() for _ in range(r.choice([1, 1, 2, 3]))))
            return {}
        spec["type"] = "LoadBalancer"
        spec["allocateLoadBalancerNodePorts"] = False
        ingress = [{"hostname": r.choice(OUTSIDE_HOSTS)} if r.random() < .3 else {"ip": ip()}
                   for _ in range(r.choice([1, 1, 2]))]
        return {"loadBalancer": {"ingress": ingress}}

    def add_dns(self, local):
        """The Services in front of the compared servers, which NS answers name."""
        for name, ip in (("kube-dns", "10.96.0.10"), ("kube-dns-headless", "None")):
            self.services.append({"apiVersion": "v1", "kind": "Service", "metadata": meta(name, "kube-system", {
                "app": "one"}), "spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": self.ports(
                    PORTS[1:3], False), "externalIPs": ["192.0.2.253"]}, "status": {}})
            for family in ("IPv4", "IPv6"):
                here = [a for a in local if (":" in a) == (family == "IPv6")]
                if here:
                    self.add_slice("kube-system", name, PORTS[1:3], family)
                    self.slices[-1]["endpoints"] += [{"addresses": [a], "conditions": {"ready": True}} for a in here]

    def add_import(self, space, name):
        r = self.rng
        ports = r.sample(PORTS, r.randrange(1, 4))
        headless, families = r.random() < .5, r.choice([["IPv4"], ["IPv4"], ["IPv6"], ["IPv4", "IPv6"]])
        spec = {"type": "Headless" if headless else "ClusterSetIP", "ports": self.ports(ports, False)}
        if not headless:
            spec["ips"] = [self.fresh(f, self.cluster_ips) for f in families]
        self.imports.append({"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceImport",
                             "metadata": meta(name, space), "spec": spec})
        for cluster in r.sample(CLUSTERS, r.choice([1, 2])):
            for f in families:
                self.add_slice(space, name, ports, f, imported=True)
                made = self.slices.pop()
                made["metadata"]["name"] = f"imported-{cluster}-{made['metadata']['name']}"
                made["metadata"]["labels"] = {"multicluster.kubernetes.io/service-name": name,
                                              "multicluster.kubernetes.io/source-cluster": cluster}
                self.imported.append(made)

    def ports(self, ports, unnamed):
        if unnamed:
            return [{"protocol": ports[0][1], "port": ports[0][2]}]
        return [{"name": n, "protocol": p, "port": k} for n, p, k in ports]

    def add_slice(self, space, name, ports, family, unnamed=False, imported=False):
        r, ends = self.rng, []
        self.count += 1
        for _ in range(r.choice([0, 1, 1, 2, 3, 3, 12, 40])):
            e = {"addresses": [self.endpoint_ip(family, imported)], "conditions": r.choice([
                {"ready": True}] * 6 + [{}, {"ready": False}, {"ready": False, "serving": True, "terminating": True}])}
            second = self.endpoint_ip(family, imported) if r.random() < .06 else None
            if second and self.zone_of(second) == self.zone_of(e["addresses"][0]):
                e["addresses"].append(second)
            if r.random() < .3:
                e["hostname"] = r.choice(["host-a", "host-b", "web-0", "web-1", "one", "10-244-0-1"])
            if r.random() < .6:
                e["targetRef"] = {"kind": "Pod", "name": f"pod-{r.randrange(30)}", "namespace": space}
            zone = self.zone_of(e["addresses"][0])
            if zone:
                e["zone"] = zone
            ends.append(e)
        self.slices.append({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
                            "metadata": meta(f"{name}-{self.count:05x}", space, {
                                "kubernetes.io/service-name": name, "app": r.choice(["one", "one", "two"])}),
                            "ports": [{"name": "" if unnamed else n, "protocol": p, "port": k + 8000}
                                      for n, p, k in ports], "endpoints": ends})

    def add_pod(self, i):
        r = self.rng
        # Every fourth is a client: queries come from its address, which decides the search list.
        ip = f"127.0.{i % 250}.{i // 250 + 2}" if i % 4 == 0 else self.endpoint_ip(r.choice(["IPv4", "IPv4", "IPv6"]))
        ips = [ip] + ([self.endpoint_ip("IPv6")] if "." in ip and r.random() < .3 else [])
        phase = "Running" if i % 4 == 0 else r.choice(["Running"] * 5 + ["Succeeded", "Pending", "Failed"])
        self.pods.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta(f"pod-{i}", r.choice(SPACES), {
                              "app": r.choice(["one", "two"])}),
                          "spec": {"containers": [{"name": "c", "image": "none.invalid/c"}]},
                          "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": x} for x in ips]}})

    # --- changes while the cluster is served ---

    def change(self):
        """Returns [(verb, object)]: some objects are deleted, some changed, some created."""
        r, out = self.rng, []
        for those, n in ((self.services, 6), (self.slices, 8), (self.imports, 3), (self.imported, 4), (self.pods, 6)):
            for obj in r.sample([o for o in those if not o["metadata"]["name"].startswith("kube-dns")], n):
                those.remove(obj)
                out.append(("delete", obj))
                self.gone.append(obj)
        for those in (self.slices, self.imported):
            for obj in r.sample(those, 10):
                self.change_endpoints(obj, those is self.imported)
                out.append(("patch", {**obj, "metadata": {k: obj["metadata"][k] for k in ("name", "namespace")}}))
        for obj in r.sample(self.services, 15):
            change = {"ports": self.ports(r.sample(PORTS, r.randrange(1, 4)), False)}
            if obj["spec"]["type"] == "ExternalName":
                change = {"externalName": r.choice(EXTERNAL)}
            obj["spec"].update(change)
            out.append(("patch", {"kind": "Service", "metadata": obj["metadata"], "spec": change}))
        return out + [("create", obj) for obj in self.come()]

    def change_endpoints(self, obj, imported):
        self.add_slice("default", "x", [], obj["addressType"], imported=imported)
        obj["endpoints"] = self.slices.pop()["endpoints"]

    def come(self):
        r, before = self.rng, {id(obj) for obj in self.items}
        for those, add, n in ((self.services, self.add_service, 6), (self.imports, self.add_import, 3)):
            there = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in those}
            for pair in r.sample([(s, n) for s in SPACES for n in NAMES if (s, n) not in there], n):
                add(*pair)
        for _ in range(6):
            self.count += 1
            self.add_pod(1000 + self.count)
        return [obj for obj in self.items if id(obj) not in before]

    def mark(self):
        """Returns (objects to create last, in this order; name and address of a Service, an endpoint, a pod and an
        import). A server that answers for a mark has seen all earlier objects of that kind."""
        self.count += 1
        name, before = f"mark-{self.count}", {id(obj) for obj in self.items}
        service, endpoint, pod, import_ = (f"10.{n}.{self.count // 250}.{self.count % 250 + 1}"
                                           for n in (97, 246, 247, 98))
        for kind, ip in (("", service), ("-h", "None")):
            self.services.append({"apiVersion": "v1", "kind": "Service", "metadata": meta(name + kind, "default", {
                "app": "one"}), "spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": self.ports(
                    PORTS[:1], False)}, "status": {}})
        self.add_slice("default", name + "-h", PORTS[:1], "IPv4")
        self.slices[-1]["endpoints"] = [{"addresses": [endpoint], "conditions": {"ready": True}}]
        self.add_import("default", name)
        self.imports[-1]["spec"] = {"type": "ClusterSetIP", "ips": [import_], "ports": self.ports(PORTS[:1], False)}
        self.add_pod(1)
        self.pods[-1]["metadata"].update(name=name, namespace="default")
        self.pods[-1]["status"] = {"phase": "Running", "podIP": pod, "podIPs": [{"ip": pod}]}
        return [o for o in self.items if id(o) not in before], {
            "service": (name + ".default.svc", service), "endpoint": (name + "-h.default.svc", endpoint),
            "pod": (pod.replace(".", "-") + ".default.pod", pod), "import": (name + ".default.svc", import_)}
