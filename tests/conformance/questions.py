# SPDX-License-Identifier: Apache-2.0
"""Queries about a generated cluster: most for existing names, the others for nearly right and for nonexistent ones."""
import ipaddress

import cluster as made_up

ZONE = "cluster.local."
TYPES = ["A", "AAAA", "SRV", "PTR", "CNAME", "NS", "SOA", "TXT", "MX", "HTTPS", "SVCB", "CAA", "DS", "DNSKEY", "HINFO",
         "NAPTR", "ANY"]
SIZES = [512, 512, 700, 1232, 1400, 2048, 4096, 4096, 65535, 100, 0]
# (code, data in hex): unknown, cookies of a client and of both, NSID, client subnet, keepalive, padding, expire
OPTIONS = [[65001, "abcd"], [4711, ""], [10, "0102030405060708"], [10, "0102030405060708" * 3], [10, "01"], [3, ""],
           [8, "00011800c00002"], [11, ""], [12, "00000000"], [9, ""], [15, "0000"]]
NEVER = ["x", "nope", "*", "any", "_x", "x" * 63, "a-b-c-d", "_tcp", "10-0-0-1"]


def dashed(ip):
    return ip.replace(".", "-").replace(":", "-") + ("0" if ip.endswith(":") else "")


def reverse(ip):
    return ipaddress.ip_address(ip).reverse_pointer + "."


class Questions:
    """zones: forward zones of kubernetes; multi: those of them for ServiceImports; external: those of k8s_external;
    transfers: zones to be transferred; search: queries of pods that try their search list; sees: whether the servers
    see an object, given its labels, its namespace and the labels of that; endpoints: whether they see slices."""

    def __init__(self, rng, cluster, zones=(ZONE,), multi=(), external=(), transfers=(), search=False, zonal=False,
                 pod_names=False, sees=lambda labels, space, of_space: True, endpoints=True):
        self.rng, self.c, self.zones, self.multi, self.external = rng, cluster, zones, multi, external
        self.transfers, self.pod_names, self.endpoints = transfers, pod_names, endpoints
        self.by_owner = {}
        for s in cluster.slices:
            self.by_owner.setdefault(self.owner_of(s, "kubernetes.io"), []).append(s)
        self.import_owner = {}
        for s in cluster.imported:
            self.import_owner.setdefault(self.owner_of(s, "multicluster.kubernetes.io"), []).append(s)
        of_space = {i["metadata"]["name"]: i["metadata"]["labels"] for i in cluster.namespaces}

        def seen(objects):
            """Those of them, if there are any."""
            return [o for o in objects if sees(o["metadata"]["labels"], o["metadata"]["namespace"], of_space[
                o["metadata"]["namespace"]])] or objects
        services = {(s["metadata"]["name"], s["metadata"]["namespace"]) for s in cluster.services}
        filled = [s for s in cluster.slices if any(map(self.is_ready, s["endpoints"])) and (
            self.owner_of(s, "kubernetes.io") in services or rng.random() < .2)]
        self.filled = seen(filled)
        named = {self.owner_of(s, "kubernetes.io") for s in self.filled} if endpoints else ()
        # Services with an answer: most queries are for these.
        self.full = [s for s in seen(cluster.services)
                     if s["spec"].get("clusterIP", "None") != "None" or s["spec"]["type"] == "ExternalName" or
                     (s["metadata"]["name"], s["metadata"]["namespace"]) in named]
        self.full_imports = [s for s in seen(cluster.imports) if s["spec"].get("ips") or
                             (s["metadata"]["name"], s["metadata"]["namespace"]) in self.import_owner]
        self.pods = [(ip["ip"], p["metadata"]["namespace"]) for p in seen(cluster.pods) for ip in p["status"]["podIPs"]
                     if p["status"]["phase"] in ("Running", "Pending") or rng.random() < .2]
        self.clients = [(ip, space) for ip, space in self.pods if ip.startswith("127.")]
        self.ips = [a for s in self.filled for e in s["endpoints"] if self.is_ready(e) for a in e["addresses"][:1]]
        self.service_ips = sorted(ip for s in self.full for ip in s["spec"].get("clusterIPs", []) if ip != "None")
        # (form, weight): a form returns a name, its possible types, and more fields of a case
        self.forms = [(self.service, 20), (self.port, 11), (self.endpoint, 14 if endpoints else 3), (self.pod, 8),
                      (self.address, 12), (self.apex, 9), (self.namespace, 2), (self.part_of_address, 2),
                      (self.wrong, 8), (self.elsewhere, 1)]
        if multi:
            self.forms += [(self.imported_service, 18), (self.imported_port, 10), (self.imported_endpoint, 16)]
        if external:
            self.forms += [(self.outside, 26), (self.outside_port, 14), (self.outside_endpoint, 10),
                           (self.outside_apex, 8), (self.outside_address, 8)]
        if cluster.gone:
            self.forms.append((self.gone, 4))
        if zonal:
            self.forms.append((self.zonal, 25))
        if search:
            self.forms.append((self.searched, 60))
        if transfers:
            self.forms.append((self.transfer, 4))

    @staticmethod
    def owner_of(s, label):
        return s["metadata"]["labels"][label + "/service-name"], s["metadata"]["namespace"]

    @staticmethod
    def is_ready(e):
        return e["conditions"].get("ready", True)

    def one_of(self, s):
        """An endpoint, usually a ready one."""
        ready = self.rng.random() < .9
        return self.rng.choice([e for e in s["endpoints"] if self.is_ready(e)] if ready else s["endpoints"])

    def zone(self):
        return self.rng.choice(self.zones)

    def pick(self, services, full=()):
        s = self.rng.choice(full if full and self.rng.random() < .85 else services)
        return s, f"{s['metadata']['name']}.{s['metadata']['namespace']}"

    def families(self, addresses):
        return sorted({"AAAA" if ":" in a else "A" for a in addresses if a != "None"}) or ["A", "AAAA"]

    def under(self, name, ports):
        """The name of a port, now and then of one that does not exist."""
        r, known = self.rng, [p for p in ports or () if p.get("name")]
        p = r.choice(known) if known and r.random() < .9 else dict(zip(("name", "protocol"), r.choice(made_up.PORTS)))
        proto = p["protocol"].lower()
        if r.random() < .1:
            proto = r.choice(["tcp", "udp", "TCP", "sctp", "_tcp"])
        return r.choice(["_{}._{}.{}"] * 8 + ["{}._{}.{}", "_{}.{}.{}"]).format(p["name"], proto, name)

    def types_of(self, s, slices):
        spec = s["spec"]
        if spec.get("type") == "ExternalName":
            return ["A", "AAAA", "CNAME", "CNAME"]
        ips = [a for a in spec.get("clusterIPs", spec.get("ips", [])) if a != "None"]
        if not ips:
            ips = [e["addresses"][0] for x in slices for e in x["endpoints"] if self.is_ready(e)]
        return self.families(ips) * 2 + ["SRV"]

    # --- names of the cluster ---

    def service(self):
        s, name = self.pick(self.c.services, self.full)
        slices = self.by_owner.get((s["metadata"]["name"], s["metadata"]["namespace"]), [])
        return name + ".svc." + self.zone(), self.types_of(s, slices)

    def port(self):
        s, name = self.pick(self.c.services, [s for s in self.full if s["spec"]["type"] != "ExternalName"])
        return self.under(name + ".svc." + self.zone(), s["spec"].get("ports")), ["SRV"] * 5 + ["A", "AAAA"]

    def label_of(self, e):
        """The label of the endpoint, or one that it might have."""
        r, ip = self.rng, dashed(e["addresses"][0])
        pod = (e.get("targetRef") or {}).get("name")
        if r.random() < .15:
            return r.choice([ip, pod or ip, e.get("zone", ip).split(".")[0], "host-a"])
        return e.get("hostname") or (self.pod_names and pod) or ip

    def endpoint(self):
        s = self.rng.choice(self.filled)
        name, space = self.owner_of(s, "kubernetes.io")
        e = self.one_of(s)
        return f"{self.label_of(e)}.{name}.{space}.svc.{self.zone()}", self.families(e["addresses"]) * 2 + ["SRV"]

    def zonal(self):
        r = self.rng
        headless = [(s["metadata"]["name"], s["metadata"]["namespace"]) for s in self.c.services
                    if s["spec"].get("clusterIP") == "None"]
        s = r.choice([s for s in self.filled if r.random() < .1 or self.owner_of(s, "kubernetes.io") in headless])
        e = self.one_of(s)
        zone = e.get("zone", "none") if r.random() < .8 else r.choice(made_up.ZONES + ["no.such.zone"])
        kind = r.choice(["pin", "pin", "prefer", "prefer", "near"])
        name, space = self.owner_of(s, "kubernetes.io")
        types = self.families(e["addresses"]) * 3 + ["SRV", "SRV", "TXT"]
        return f"{zone}.{kind}._zone.{name}.{space}.svc.{self.zone()}", types

    def pod(self):
        ip, space = self.rng.choice(self.pods)
        if self.rng.random() < .25:
            ip = self.rng.choice(self.ips[:40] + ["172.16.0.9", "fd00::9", "1.2.3", "::ffff:1.2.3.4", "fd00::"])
        if self.rng.random() < .1:
            space = self.rng.choice(made_up.SPACES + ["nowhere"])
        return f"{dashed(ip)}.{space}.pod.{self.zone()}", ["AAAA" if ":" in ip else "A"] * 3 + ["SRV"]

    def address(self):
        if self.rng.random() < .15:
            others = ["10.1.2.3", "fd00::1234", "192.0.2.77"]
            return reverse(self.rng.choice([ip for ip, _ in self.pods] + others)), ["PTR"]
        of_services = self.rng.random() < (.4 if self.endpoints else .9)
        return reverse(self.rng.choice(self.service_ips or self.ips if of_services else self.ips)), ["PTR"]

    def part_of_address(self):
        return self.address()[0].split(".", self.rng.randrange(1, 4))[-1], ["PTR", "SOA", "NS"]

    def apex(self):
        name, types = self.rng.choice([
            ("", ["SOA", "NS"]), ("", ["SOA", "NS"]), ("dns-version.", ["TXT"]), ("dns-version.", ["TXT"]),
            ("ns.dns.", ["A", "AAAA"]), ("dns.", TYPES), ("svc.", TYPES), ("pod.", TYPES)])
        return name + self.zone(), types

    def namespace(self):
        return self.rng.choice(["default.svc.", "shop.svc.", "nowhere.svc.", "shop.pod.", "nowhere.pod.", "svc.svc.",
                                "a.b.c.d.e.f.svc.", "web.default.", "default."]) + self.zone(), TYPES

    # --- imported from other clusters ---

    def imported_service(self):
        s, name = self.pick(self.c.imports, self.full_imports)
        slices = self.import_owner.get((s["metadata"]["name"], s["metadata"]["namespace"]), [])
        return f"{name}.svc.{self.rng.choice(self.multi)}", self.types_of(s, slices)

    def imported_port(self):
        s, name = self.pick(self.c.imports, self.full_imports)
        return self.under(f"{name}.svc.{self.rng.choice(self.multi)}", s["spec"]["ports"]), ["SRV"]

    def imported_endpoint(self):
        s = self.rng.choice([s for s in self.c.imported if any(map(self.is_ready, s["endpoints"]))])
        e = self.one_of(s)
        cluster = s["metadata"]["labels"]["multicluster.kubernetes.io/source-cluster"]
        label = self.label_of(e) + self.rng.choice(["." + cluster] * 8 + [".c1", ""])
        name, space = self.owner_of(s, "multicluster.kubernetes.io")
        zone = self.rng.choice(self.multi)
        return f"{label}.{name}.{space}.svc.{zone}", self.families(e["addresses"]) * 2 + ["SRV"]

    # --- k8s_external ---

    def seen_outside(self):
        """A Service, usually one with external addresses."""
        those = [s for s in self.full if s["spec"].get("externalIPs") or s["status"] or
                 s["spec"].get("clusterIP") == "None"]
        s, name = self.pick(those if self.rng.random() < .85 else self.c.services)
        return s, f"{name}.{self.rng.choice(self.external)}"

    def outside(self):
        s, name = self.seen_outside()
        ingress = s["status"].get("loadBalancer", {}).get("ingress", [])
        ips = s["spec"].get("externalIPs", []) + [i["ip"] for i in ingress if "ip" in i]
        return name, self.families(ips) * 2 + ["SRV"]

    def outside_port(self):
        s, name = self.seen_outside()
        return self.under(name, s["spec"].get("ports")), ["SRV"]

    def outside_endpoint(self):
        name, types = self.endpoint()
        return name[:name.index(".svc.") + 1] + self.rng.choice(self.external), types

    def outside_apex(self):
        name, types = self.rng.choice([("", ["SOA", "NS"]), ("ns1.dns.", ["A", "AAAA"]), ("ns1.here.", ["A", "AAAA"]),
                                       ("dns.", TYPES), ("x.dns.", TYPES), ("x.ns1.dns.", TYPES), ("default.", TYPES)])
        return name + self.rng.choice(self.external), types

    def outside_address(self):
        return reverse(self.rng.choice(sorted(self.c.outside_ips))), ["PTR"]

    # --- pods and their search lists; transfers ---

    def searched(self):
        r = self.rng
        ip, space = r.choice(self.clients)
        s, name = self.pick(self.c.services, self.full)
        base = name + r.choice(["", "", ".svc", ".svc.cluster.local"])
        if r.random() < .5:
            base = r.choice([s["metadata"]["name"], "www.example.org", "lb.example.org", "none.example.org", "nope",
                             "default", "example.org", self.under(name, s["spec"].get("ports"))])
        if r.random() < .05:
            space = r.choice(made_up.SPACES)
        return f"{base}.{space}.svc.{self.zone()}", ["A", "A", "AAAA", "SRV"], {"from": ip}

    def transfer(self):
        kind = self.rng.choice(["AXFR", "AXFR", "IXFR", "IXFR"])
        name = self.rng.choice(self.transfers)
        if self.rng.random() < .1:
            name = "default.svc." + name
        more = {"transport": "tcp" if self.rng.random() < .9 else "udp"}
        if kind == "IXFR":
            more["serial"] = self.rng.choice(["old", "current", "none"])
        return name, [kind], more

    # --- names that do not exist ---

    def wrong(self):
        r = self.rng
        forms = [self.service, self.port, self.endpoint, self.pod]
        forms += [self.imported_service, self.imported_endpoint] if self.multi else []
        forms += [self.outside, self.outside_port] if self.external else []
        name, types = r.choice(forms)()
        labels = name.split(".")
        at = r.randrange(max(1, len(labels) - 3))
        labels[at:at + r.randrange(2)] = [r.choice(NEVER)]
        return ".".join(labels), types

    def gone(self):
        """A name that existed before the cluster changed, or exists again."""
        obj = self.rng.choice(self.c.gone)
        name, space, kind = obj["metadata"]["name"], obj["metadata"]["namespace"], obj["kind"]
        if kind == "ServiceImport":
            return f"{name}.{space}.svc.{self.rng.choice(self.multi or self.zones)}", ["A", "AAAA", "SRV"]
        if kind == "Pod":
            ip = obj["status"]["podIP"]
            return f"{dashed(ip)}.{space}.pod.{self.zone()}", ["AAAA" if ":" in ip else "A"]
        if kind == "EndpointSlice" and obj["endpoints"] and "kubernetes.io/service-name" in obj["metadata"]["labels"]:
            e = self.rng.choice(obj["endpoints"])
            if self.rng.random() < .5:
                return reverse(e["addresses"][0]), ["PTR"]
            name, space = self.owner_of(obj, "kubernetes.io")
            return f"{self.label_of(e)}.{name}.{space}.svc.{self.zone()}", ["A", "AAAA"]
        # For a slice, whose own name may be longer than a label: its Service.
        labels = obj["metadata"]["labels"]
        name = labels.get("kubernetes.io/service-name") or labels.get("multicluster.kubernetes.io/service-name") or name
        return f"{name}.{space}.svc.{self.zone()}", ["A", "AAAA", "SRV"]

    def elsewhere(self):
        return self.rng.choice(["example.org.", ".", "local.", "xcluster.local.", "www.cluster.localx.", "arpa.",
                                "www.example.org."]), TYPES

    # --- any ---

    def next(self):
        r = self.rng
        name, types, *more = r.choices([f for f, _ in self.forms], [w for _, w in self.forms])[0]()
        more = more[0] if more else {}
        kind = r.choice(types) if r.random() < .9 or "transport" in more else r.choice(TYPES)
        if r.random() < .2:
            name = "".join(c.upper() if r.random() < .5 else c for c in name)
        case = {"q": name, "qtype": kind}
        if r.random() < .01:
            case["qclass"] = r.choice(["CH", "HS", "ANY"])
        if "from" not in more and self.clients and r.random() < .05:
            case["from"] = r.choice(self.clients)[0]
        if r.random() < .5:
            self.put_edns(case)
        case["cd"], case["ad"] = r.random() < .1, r.random() < .1
        if r.random() < .05:
            case["transport"] = "tcp"
        return {**case, **more}

    def put_edns(self, case):
        r = self.rng
        case["bufsize"], case["do"] = r.choice(SIZES), r.random() < .3
        if r.random() < .25:
            case["options"] = r.sample(OPTIONS, r.choice([1, 1, 2]))
        if r.random() < .02:
            case["version"] = r.choice([1, 2, 255])
        if r.random() < .03:
            case["z"] = r.choice([1, 0x4000, 0x7fff])
