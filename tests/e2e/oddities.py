# SPDX-License-Identifier: Apache-2.0
"""Broken and odd objects, most of which a real API server would refuse. Each row has its own namespace.

A row is a name (also of the namespace) and objects; queries are derived from the objects (questions()). skipped: the
counts of nodens, (kind, why) -> number.
"""
import ipaddress
import re

LABEL = "kubernetes.io/service-name"
LONG = "x" * 64


def meta(name, **more):
    out = {**({} if name is None else {"name": name}), "resourceVersion": "1", "uid": f"u-{name}", **more}
    return {k: v for k, v in out.items() if v != "absent"}


def svc(name, ip="10.0.0.1", ports=({"name": "http", "port": 80, "protocol": "TCP"},), **spec):
    base = {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": list(ports)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name),
            "spec": {k: v for k, v in {**base, **spec}.items() if v != "absent"}}


def headless(name="s", **spec):
    return svc(name, "None", **spec)


HTTP = {"name": "http", "port": 8080, "protocol": "TCP"}


def ends(*endpoints, of="s", name="s-1", ports=(HTTP,), kind="IPv4", **more):
    """An endpoint is a dict, or only an address."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": kind,
            "metadata": meta(name, labels={LABEL: of} if of is not None else {}),
            "endpoints": [e if isinstance(e, dict) else {"addresses": [e], "conditions": {"ready": True}}
                          for e in endpoints],
            "ports": ports if ports is None else list(ports), **more}


def pod(name, *ips, phase="Running", **status):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta(name), "spec": {"nodeName": "n"},
            "status": {"phase": phase, "podIP": ips[0] if ips else "", "podIPs": [{"ip": i} for i in ips], **status}}


def changed(obj, **parts):
    return {k: v for k, v in {**obj, **parts}.items() if v != "absent"}


def external(target, **spec):
    return svc("s", type="ExternalName", externalName=target, clusterIP="absent", clusterIPs="absent", ports=[], **spec)


PORTS = {
    "none": [], "nil": None,
    "unnamed": [{"port": 80, "protocol": "TCP"}],
    "two-unnamed": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "UDP"}],
    "same-number": [{"name": "a", "port": 80, "protocol": "TCP"}, {"name": "b", "port": 80, "protocol": "TCP"}],
    "same-twice": [{"name": "a", "port": 80, "protocol": "TCP"}] * 2,
    "null-name": [{"name": None, "port": 80, "protocol": "TCP"}],
    "no-number": [{"name": "a", "protocol": "TCP"}],
    "no-protocol": [{"name": "a", "port": 80}],
    "empty": [{}],
    "small-letters": [{"name": "a", "port": 80, "protocol": "tcp"}],
    "capitals": [{"name": "HTTP", "port": 80, "protocol": "TCP"}],
    "underscore": [{"name": "_a", "port": 80, "protocol": "TCP"}],
    "odd-protocol": [{"name": "a", "port": 80, "protocol": "QUIC"}],
    "zero": [{"name": "a", "port": 0, "protocol": "TCP"}],
    "negative": [{"name": "a", "port": -1, "protocol": "TCP"}],
    "large": [{"name": "a", "port": 70000, "protocol": "TCP"}],
    "very-large": [{"name": "a", "port": 2147483647, "protocol": "TCP"}],
    "dotted": [{"name": "a.b", "port": 80, "protocol": "TCP"}],
    "long": [{"name": LONG, "port": 80, "protocol": "TCP"}],
}
ADDRESSES = {
    "octal": "010.1.1.1", "too-large": "10.1.1.256", "short": "10.1.1", "blank": "10.1.1.1 ", "net": "10.1.1.1/32",
    "mapped": "::ffff:10.1.1.1", "capitals": "FD00::1F", "long-zeros": "fd00:0:0:0:0:0:0:1", "zoned": "fe80::1%eth0",
    "empty": "", "word": "foo", "host": "www.example.org", "ends-in-colons": "fd00::",
}
TARGETS = {
    "empty": "", "v4": "192.0.2.1", "v6": "2001:db8::1", "dash": "-x.example", "dots": "a..b", "blank": "a b.example",
    "capitals": "UPPER.Example", "dot": "x.example.", "root": ".", "long-label": LONG + ".example",
    "long": ".".join(["y" * 50] * 6), "underscores": "_a._tcp.example", "star": "*.example",
    "itself": "s.target-itself.svc.cluster.local",
    "one-label": "intranet", "not-ascii": "b\u00fccher.example", "escaped": "a\\.b.example", "colon": "a:80",
}
NAMES = {"dotted": "a.b", "long": LONG, "capitals": "Web", "underscore": "_x", "blank": "a b", "star": "*", "empty": "",
         "not-ascii": "b\u00fccher", "dash": "-", "zero": "0", "backslash": "a\\b"}

READY = {"nil": {"ready": None}, "none": {}, "yes": {"ready": True}, "no": {"ready": False},
         "terminating": {"ready": False, "serving": True, "terminating": True},
         "both": {"ready": True, "terminating": True}}


def combined():
    """A row for each combination of an object and an odd value."""
    for key, ports in PORTS.items():
        yield "ports-" + key, [svc("s", "10.0.1.1", ports=ports or []), headless("h", ports=ports or []),
                               ends("10.1.1.1", of="h", name="h-1", ports=ports)]
    for key, ip in ADDRESSES.items():
        yield "address-" + key, [svc("s", ip)]
        yield "second-address-" + key, [svc("s", "10.0.2.1", clusterIPs=["10.0.2.1", ip])]
        yield "endpoint-" + key, [headless("h"), ends(ip, "10.1.2.1", of="h", name="h-1")]
        yield "pod-" + key, [pod("p", ip), pod("q", "10.2.2.1", ip)]
    for key, target in TARGETS.items():
        yield "target-" + key, [external(target)]
    for key, name in NAMES.items():
        yield "service-" + key, [svc(name, "10.0.3.1"), ends("10.1.3.1", of=name)]
        yield "headless-" + key, [headless(name), ends("10.1.4.1", of=name)]
        yield "hostname-" + key, [headless(), ends({"addresses": ["10.1.5.1"], "hostname": name}, "10.1.5.2")]
        yield "target-pod-" + key, [headless(), ends({"addresses": ["10.1.6.1"],
                                                      "targetRef": {"kind": "Pod", "name": name}})]
        yield "slice-" + key, [headless(), ends("10.1.7.1", name=name)]
        yield "pod-name-" + key, [pod(name, "10.2.3.1")]
        yield "zone-" + key, [headless(), ends({"addresses": ["10.1.8.1"], "zone": name})]
    for key, conditions in READY.items():
        yield "ready-" + key, [headless(), ends({"addresses": ["10.1.9.1"], "conditions": conditions})]


ROWS = [
    ("plain", [svc("s"), ends("10.1.0.1")]),
    *combined(),
    ("ready-absent", [headless(), ends({"addresses": ["10.1.9.1"]})]),
    ("ready-null", [headless(), ends({"addresses": ["10.1.9.1"], "conditions": None})]),
    ("no-spec", [changed(svc("s"), spec="absent")]),
    ("null-spec", [changed(svc("s"), spec=None)]),
    ("empty-spec", [changed(svc("s"), spec={}), ends("10.1.10.1")]),
    ("no-type", [svc("s", type="absent")]),
    ("odd-type", [svc("s", type="Weird")]),
    ("load-balancer", [svc("s", type="LoadBalancer")]),
    ("no-cluster-ips", [svc("s", "10.0.4.1", clusterIPs="absent")]),
    ("null-cluster-ips", [svc("s", "10.0.4.2", clusterIPs=None)]),
    ("no-cluster-ips-headless", [headless(clusterIPs="absent"), ends("10.1.11.1")]),
    ("no-cluster-ip", [svc("s", "10.0.4.3", clusterIP="absent")]),
    ("no-addresses", [svc("s", clusterIP="absent", clusterIPs="absent"), ends("10.1.11.2")]),
    ("empty-addresses", [svc("s", clusterIP="", clusterIPs=[]), ends("10.1.11.3")]),
    ("none-is-second", [svc("s", "10.0.4.4", clusterIPs=["10.0.4.4", "None"]), ends("10.1.11.4")]),
    ("none-is-first", [svc("s", "10.0.4.5", clusterIPs=["None", "10.0.4.5"]), ends("10.1.11.5")]),
    ("none-contradicted", [svc("s", "None", clusterIPs=["10.0.4.6"]), ends("10.1.11.6")]),
    ("none-in-small", [svc("s", "none"), ends("10.1.11.7")]),
    ("same-address-twice", [svc("s", "10.0.4.7", clusterIPs=["10.0.4.7"] * 2)]),
    ("three-addresses", [svc("s", "10.0.4.8", clusterIPs=["10.0.4.8", "fd00:4::8", "10.0.4.9"])]),
    ("external-with-address", [changed(external("x.example"), spec={
        "type": "ExternalName", "externalName": "x.example", "clusterIP": "10.0.4.11", "clusterIPs": ["10.0.4.11"]})]),
    ("external-headless", [svc("s", "None", type="ExternalName", externalName="x.example"), ends("10.1.12.1")]),
    ("external-with-ports", [external("x.example"), ends("10.1.12.2")]),
    ("name-without-external", [svc("s", "10.0.4.12", externalName="x.example")]),
    ("headless-alone", [headless()]),
    ("slice-alone", [ends("10.1.13.1", of="none")]),
    ("slice-of-an-address", [svc("s", "10.0.5.1"), ends("10.1.13.2")]),
    ("no-label", [headless(), ends("10.1.13.3", of=None)]),
    ("no-labels", [headless(), changed(ends("10.1.13.4"),
                                       metadata={"name": "s-1", "resourceVersion": "1", "labels": None})]),
    ("empty-label", [headless(), ends("10.1.13.5", of="")]),
    ("two-slices-of-two", [headless(), headless("t"), ends("10.1.13.6"), ends("10.1.13.6", of="t", name="t-1")]),
    ("wrong-family-6-in-4", [headless(), ends("fd00:1::1", "10.1.14.1")]),
    ("wrong-family-4-in-6", [headless(), ends("10.1.14.2", "fd00:1::2", kind="IPv6")]),
    ("odd-family", [headless(), ends("10.1.14.3", kind="IPv5")]),
    ("no-family", [headless(), ends("10.1.14.4", kind="")]),
    ("names-as-addresses", [headless(), ends("www.example.org", kind="FQDN")]),
    ("twice-in-a-slice", [headless(), ends("10.1.15.1", "10.1.15.1")]),
    ("twice-in-an-endpoint", [headless(), ends({"addresses": ["10.1.15.2", "10.1.15.2"]})]),
    ("twice-in-two-slices", [headless(), ends("10.1.15.3"), ends("10.1.15.3", name="s-2")]),
    ("one-address-two-hostnames", [headless(), ends({"addresses": ["10.1.15.4"], "hostname": "a"},
                                                    {"addresses": ["10.1.15.4"], "hostname": "b"})]),
    ("two-addresses-one-hostname", [headless(), ends({"addresses": ["10.1.15.5", "10.1.15.6"], "hostname": "a"})]),
    ("a-hundred-addresses", [headless(), ends({"addresses": [f"10.1.16.{i}" for i in range(100)]})]),
    ("no-endpoints", [headless(), changed(ends(), endpoints="absent")]),
    ("null-endpoints", [headless(), changed(ends(), endpoints=None)]),
    ("empty-endpoint", [headless(), ends({}, "10.1.17.1")]),
    ("null-addresses", [headless(), ends({"addresses": None}, "10.1.17.2")]),
    ("empty-addresses-list", [headless(), ends({"addresses": []}, "10.1.17.3")]),
    ("hostname-null", [headless(), ends({"addresses": ["10.1.17.4"], "hostname": None})]),
    ("hostname-capitals-twice", [headless(), ends({"addresses": ["10.1.17.5"], "hostname": "DB-0"},
                                                  {"addresses": ["10.1.17.6"], "hostname": "db-0"})]),
    ("hostname-is-an-address", [headless(), ends({"addresses": ["10.1.17.7"], "hostname": "10-1-17-8"}, "10.1.17.8")]),
    ("ports-differ", [headless(), ends("10.1.18.1", ports=[{"name": "a", "port": 1, "protocol": "TCP"}]),
                      ends("10.1.18.1", name="s-2", ports=[{"name": "a", "port": 2, "protocol": "TCP"}])]),
    ("a-thousand", [headless(), ends(*[f"172.16.{i // 250}.{i % 250}" for i in range(1000)])]),
    ("twenty-ports", [svc("s", "10.0.6.1", ports=[{**HTTP, "name": f"p{i}", "port": i + 1} for i in range(20)])]),
    ("unknown-fields", [changed(svc("s", "10.0.6.2", novelty={"a": [1, {"b": None}]}), other=[True]),
                        changed(headless("h", surprise="x"), more={"x": 1}),
                        changed(ends({"addresses": ["10.1.19.1"], "weight": 3, "?": b"\xc2\x3e\x02hi"},
                                     of="h", name="h-1"),
                                tomorrow="yes", **{"?": b"\xfa\x3e\x03new\xf8\x3e\x96\x01"})]),
    ("pod-without-address", [pod("p"), changed(pod("q"), status="absent"), pod("r", phase="Pending")]),
    ("pod-ended", [pod("p", "10.2.4.1", phase="Succeeded"), pod("q", "10.2.4.2", phase="Failed")]),
    ("pod-odd-phase", [pod("p", "10.2.4.3", phase="Strange"), pod("q", "10.2.4.4", phase="")]),
    ("pod-podip-alone", [pod("p", "10.2.4.5", podIPs=[]), pod("q", "10.2.4.6", podIPs=None)]),
    ("pod-empty-ips", [pod("p", "10.2.4.7", podIPs=[{}, {"ip": ""}, {"ip": "10.2.4.7"}])]),
    ("pod-terminating", [changed(pod("p", "10.2.4.8"), metadata=meta("p", deletionTimestamp="2026-01-01T00:00:00Z"))]),
    ("pods-on-host", [changed(pod("p", "192.0.2.9"), spec={"hostNetwork": True}),
                      changed(pod("q", "192.0.2.9"), spec={"hostNetwork": True})]),
    ("pod-twice", [pod("p", "10.2.4.9", podIPs=[{"ip": "10.2.4.9"}, {"ip": "10.2.4.9"}])]),
    ("pod-many", [pod("p", *[f"10.2.5.{i}" for i in range(5)])]),
]


def moved(value, row):
    """Replaces addresses by those of the row: 10.X.Y.Z by 10.ROW.X.Z, and fd00: by fdROW:."""
    if isinstance(value, dict):
        return {k: moved(v, row) for k, v in value.items()}
    if isinstance(value, list):
        return [moved(v, row) for v in value]
    if not isinstance(value, str):
        return value
    value = re.sub(r"^(::ffff:|0?)10\.(\d+)\.\d+\.", fr"\g<1>10.{row}.\2.", value)
    return re.sub("^fd00:", f"fd{row:02x}:", re.sub("^FD00:", f"FD{row:02X}:", value))


def placed():
    """Returns [(name, objects)]: the rows, each in its namespace."""
    out = []
    for row, (name, objects) in enumerate(ROWS):
        mine = [{"apiVersion": "v1", "kind": "Namespace", "metadata": meta(name)}]
        for obj in moved(objects, row):
            mine.append({**obj, "metadata": {**obj["metadata"], "namespace": name}})
        out.append((name, mine))
    return out


def dashed(ip):
    return ip.replace(".", "-").replace(":", "-") + ("0" if ip.endswith(":") else "")


def reverse(ip):
    try:
        return ipaddress.ip_address(ip).reverse_pointer + "."
    except ValueError:
        return None
