# SPDX-License-Identifier: Apache-2.0
"""Questions about a made-up cluster: what is there, what nearly is, and what never was."""
import ipaddress

import cluster as made_up

ZONE = "cluster.local."
TYPES = ["A"] * 12 + ["AAAA"] * 8 + ["SRV"] * 8 + ["PTR", "CNAME", "NS", "SOA", "TXT", "MX", "HTTPS", "SVCB", "CAA",
                                                    "DS", "DNSKEY", "HINFO", "NAPTR", "ANY"]


def dashed(ip):
    return ip.replace(".", "-").replace(":", "-")


def reverse(ip):
    return ipaddress.ip_address(ip).reverse_pointer + "."


class Questions:
    def __init__(self, rng, cluster):
        self.rng, self.c = rng, cluster
        self.ips = sorted(cluster.endpoint_ips)
        self.pod_ips = [p["status"]["podIP"] for p in cluster.pods]

    def service_name(self):
        m = self.rng.choice(self.c.services)["metadata"]
        return m["name"], m["namespace"]

    def service(self):
        return "%s.%s.svc.%s" % (*self.service_name(), ZONE)

    def port(self):
        name, proto, _ = self.rng.choice(made_up.PORTS)
        return "_%s._%s.%s" % (name, self.rng.choice([proto.lower()] * 5 + ["tcp", "udp", "TCP"]), self.service())

    def endpoint(self):
        s = self.rng.choice(self.c.slices)
        owner = s["metadata"]["labels"]["kubernetes.io/service-name"]
        ends = s["endpoints"] or [{"addresses": ["10.244.99.1"]}]
        e = self.rng.choice(ends)
        label = self.rng.choice([e.get("hostname"), dashed(e["addresses"][0]), dashed(e["addresses"][0]),
                                 (e.get("targetRef") or {}).get("name"), e.get("zone")]) or "host-a"
        return "%s.%s.%s.svc.%s" % (label, owner, s["metadata"]["namespace"], ZONE)

    def pod(self):
        ip = self.rng.choice(self.pod_ips + self.ips[:40] + ["172.16.0.9", "fd00::9", "1.2.3"])
        return "%s.%s.pod.%s" % (dashed(ip), self.rng.choice(made_up.SPACES + ["nowhere"]), ZONE)

    def address(self):
        return reverse(self.rng.choice(self.ips + sorted(self.c.cluster_ips) + self.pod_ips +
                                       ["10.1.2.3", "fd00::1234", "192.0.2.77"]))

    def part_of_address(self):
        name = self.address()
        return name.split(".", self.rng.randrange(1, 4))[-1]

    def apex(self):
        return self.rng.choice(["", "svc.", "pod.", "dns-version.", "ns.dns.", "dns.", "default.svc.", "nowhere.svc.",
                                "shop.pod.", "nowhere.pod.", "svc.svc.", "a.b.c.d.e.f.svc."]) + ZONE

    def wrong(self):
        name, r = self.rng.choice([self.service, self.port, self.endpoint, self.pod])(), self.rng
        labels = name.split(".")
        at = r.randrange(max(1, len(labels) - 3))
        labels[at:at + r.randrange(2)] = [r.choice(["*", "any", "nope", "_x", "x" * 63, "a-b-c-d", "_tcp"])]
        return ".".join(labels)

    def elsewhere(self):
        return self.rng.choice(["example.org.", ".", "local.", "xcluster.local.", "www.cluster.localx.", "arpa."])

    def next(self):
        r = self.rng
        make = r.choices([self.service, self.port, self.endpoint, self.pod, self.address, self.part_of_address,
                          self.apex, self.wrong, self.elsewhere], [20, 12, 16, 10, 12, 2, 5, 8, 1])[0]
        name = make()
        if make == self.address and r.random() < .7:
            kind = "PTR"
        elif make == self.port and r.random() < .6:
            kind = "SRV"
        else:
            kind = r.choice(TYPES)
        if r.random() < .2:
            name = "".join(c.upper() if r.random() < .5 else c for c in name)
        case = {"q": name, "qtype": kind}
        if r.random() < .01:
            case["qclass"] = r.choice(["CH", "HS", "ANY"])
        if r.random() < .5:
            case["bufsize"] = r.choice([512, 512, 1232, 1400, 4096, 65535, 100])
            case["do"] = r.random() < .3
        case["cd"], case["ad"] = r.random() < .1, r.random() < .1
        if r.random() < .05:
            case["transport"] = "tcp"
        return case
