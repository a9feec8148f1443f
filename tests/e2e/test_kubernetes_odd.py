# SPDX-License-Identifier: Apache-2.0
"""Broken and odd objects (oddities.py), in JSON and in protobuf: used or ignored as in CoreDNS 1.15.0, which gets the
same queries; counted, and logged once."""
import re
import socket

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import pytest

import oddities
from kubestub import Stub
from apiserver import gomodules
from serving import Server, wait_for

COREFILE = """.:@PORT {
  bind 127.0.0.1
  ready 127.0.0.1:@READY
  prometheus 127.0.0.1:@PROM
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    endpoint http://127.0.0.1:%d
    pods verified
    %s
  }
}
"""
ZONE = dns.name.from_text("cluster.local.")


def labels(*parts):
    return dns.name.Name([p.encode("utf-8") if isinstance(p, str) else p for p in parts]).concatenate(ZONE)


def try_names(*ways):
    """The labels that make a valid name, as given and in lower case."""
    out = []
    for way in ways:
        for parts in (way, tuple(p.lower() for p in way)):
            try:
                name = labels(*parts)
            except (dns.exception.DNSException, UnicodeError):
                continue
            if name not in out or all(o.to_text() != name.to_text() for o in out):
                out.append(name)
    return out


def split(name):
    """As one label, and split at its dots."""
    return [(name,)] + ([tuple(name.split("."))] if "." in name else [])


def of_service(obj, ns, slices):
    name, spec = obj["metadata"]["name"], obj.get("spec") or {}
    for base in split(name):
        tail = (*base, ns, "svc")
        for at in try_names(tail):
            yield from ((at, t) for t in ("A", "AAAA", "SRV", "TXT", "CNAME"))
        ports = list(spec.get("ports") or [])
        hosts = []
        for s in slices:
            ports += s.get("ports") or []
            for e in s.get("endpoints") or []:
                hosts += [oddities.dashed(a) for a in e.get("addresses") or []][:8]
                hosts += [x for x in (e.get("hostname"), (e.get("targetRef") or {}).get("name")) if x]
        for p in ports:
            for at in try_names(*(("_" + (p.get("name") or "any"), "_" + (p.get("protocol") or proto).lower(), *tail)
                                  for proto in ("tcp", "udp"))):
                yield at, "SRV"
        for host in hosts:
            for at in try_names(*((*h, *tail) for h in split(host))):
                yield from ((at, t) for t in ("A", "AAAA", "SRV"))
    for ip in [spec.get("clusterIP")] + list(spec.get("clusterIPs") or []):
        if oddities.reverse(ip or ""):
            yield dns.name.from_text(oddities.reverse(ip)), "PTR"


def questions(ns, objects):
    slices = [o for o in objects if o["kind"] == "EndpointSlice"]
    seen = set()

    def all_of():
        for o in objects:
            if o["kind"] == "Service":
                yield from of_service(o, ns, slices)
            elif o["kind"] == "EndpointSlice":
                for e in o.get("endpoints") or []:
                    for a in (e.get("addresses") or [])[:8]:
                        if oddities.reverse(a):
                            yield dns.name.from_text(oddities.reverse(a)), "PTR"
            elif o["kind"] == "Pod":
                for ip in [i.get("ip", "") for i in (o.get("status") or {}).get("podIPs") or []] + [
                        (o.get("status") or {}).get("podIP", "")]:
                    for at in try_names(*((*x, ns, "pod") for x in split(oddities.dashed(ip)))):
                        yield from ((at, t) for t in ("A", "AAAA"))
    for name, rdtype in all_of():
        if (name.to_text(), rdtype) not in seen:
            seen.add((name.to_text(), rdtype))
            yield name, rdtype


class Asker:
    """Sends the same queries to one server after the other, each on its own socket."""

    def __init__(self):
        self.sockets, self.number = [], 0

    def add(self, port):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", port))
        self.sockets.append(s)

    def close(self):
        for s in self.sockets:
            s.close()

    def receive(self, s, number):
        while True:     # a late reply to an earlier query
            try:
                reply = s.recv(65535)
            except socket.timeout:
                return b""
            if reply[:2] == number:
                return reply

    def ask(self, name, rdtype, timeout):
        """The content of each reply; the same object for both if they are equal byte by byte."""
        self.number = self.number % 65535 + 1
        m = dns.message.make_query(name, rdtype, use_edns=0, payload=4096, id=self.number)
        wire = m.to_wire()
        for s in self.sockets:
            s.settimeout(timeout)
            s.send(wire)
        replies = [self.receive(s, wire[:2]) for s in self.sockets]
        if replies[0] == replies[1] and replies[0] and not replies[0][2] & 2:   # and not truncated
            return True, True
        return [said(m, r, s.getpeername()[1]) for r, s in zip(replies, self.sockets)]


def said(question, wire, port):
    """The content of the reply, without order and serials."""
    if not wire:
        return NO_REPLY
    try:
        reply = dns.message.from_wire(wire)
        if reply.flags & dns.flags.TC:
            reply = dns.query.tcp(question, "127.0.0.1", timeout=5, port=port)
    except dns.exception.DNSException:
        return BROKEN
    sections = [sorted(re.sub(r"( SOA \S+ \S+) \d+", r"\1 *", f"{rr.name} {rr.ttl} {line.split(' ', 2)[2]}")
                       for rr in section for line in rr.to_text().split("\n"))
                for section in (reply.answer, reply.authority, reply.additional)]
    return int(reply.rcode()), bool(reply.flags & dns.flags.AA), *sections


# --- intended differences, as in src/plugin/kubernetes/README.md ---

NO_REPLY, BROKEN = (None, "no reply", [], [], []), (None, "a reply that cannot be read", [], [], [])


def no_alias(theirs, ours, _):
    """CoreDNS treats an invalid address as a host name and answers with a CNAME; nodens ignores it."""
    return [r for r in theirs[2] if " CNAME " not in r] == ours[2] and theirs[0] == 0 and ours[0] in (0, 3)


def found(theirs, ours, rdtype):
    """nodens has an answer, CoreDNS NXDOMAIN."""
    return theirs[0] == 3 and ours[0] == 0 and rdtype in ("A", "AAAA", "PTR", "SRV")


def lost(theirs, ours, _):
    return theirs[0] in (0, None) and ours[0] == 3


def unnamed(theirs, ours, _):
    """The same addresses under other names, or none from CoreDNS."""
    return ours[0] == 0 and (theirs[0] in (None, 3) or sorted(r.split()[-1] for r in theirs[4]) ==
                             sorted(r.split()[-1] for r in ours[4]))


def named(theirs, ours, _):
    """Under another name."""
    return theirs[0] in (None, 0) and ours[0] == 0


def no_service_record(theirs, ours, rdtype):
    return rdtype == "SRV" and theirs[0] == 0 and ours[0] == 0 and ours[2] == []


NONE = "octal|too-large|short|blank|net|zoned|empty|word|host"
DIFFERENT = [
    # rows, types (None: all), comparison
    (f"(address|second-address|endpoint)-({NONE})", None, no_alias),
    ("(no|null|empty)-spec|(no|empty)-addresses|none-is-second|none-in-small", None, no_alias),
    ("names-as-addresses", None, no_alias),
    (f"pod-({NONE})", None, lost),
    ("(address|second-address|endpoint)-(capitals|long-zeros|mapped)", "PTR", found),
    ("(address|second-address|endpoint)-mapped", "PTR", lost),
    ("endpoint-mapped", None, unnamed),
    ("pod-(capitals|long-zeros|ends-in-colons)", None, found),
    ("ports-no-protocol", "SRV", found),
    ("ports-(no-number|empty|large|very-large)", None, no_service_record),
    ("ports-dotted", "SRV", found),
    ("target-(empty|dots|long-label|long)", None, lost),
    ("(service|headless)-(dotted|long|blank|empty|not-ascii|backslash)", "PTR", lost),
    ("(hostname|target-pod)-(dotted|long|blank|not-ascii|backslash)|endpoint-mapped", "PTR", named),
    ("(hostname|target-pod)-(dotted|long|blank|not-ascii|backslash)", None, unnamed),
    ("(slice|pod-name)-empty", None, lost),
    ("none-is-first|external-with-address", "PTR", lost),
    ("no-labels?|empty-label", "PTR", lost),
]
SKIPPED = {("Service", "address"): 20, ("EndpointSlice", "address"): 10, ("Pod", "address"): 20,
           ("Service", "name"): 10, ("Service", "target"): 6, ("Service", "field"): 2,
           ("EndpointSlice", "field"): 1, ("Pod", "field"): 1}


def meant(row, rdtype, theirs, ours):
    """The indexes of the rows of DIFFERENT that allow it."""
    return [i for i, (rows, types, how) in enumerate(DIFFERENT) if re.fullmatch(rows, row) and
            types in (None, rdtype) and how(theirs, ours, rdtype)]


def started(folder, stub, argv, more):
    s = Server(folder, COREFILE % (stub.port, more))
    if argv:
        s.argv = argv
    s.start()
    wait_for(lambda: s.get("READY", "/ready")[0] == 200)
    return s


@pytest.mark.parametrize("protobuf,streams,more", [
    (False, False, ""), (True, True, ""), (True, False, "zonal\n    endpoint_pod_names"),
], ids=["JSON", "protobuf, a stream", "protobuf, pages, other options"])
def test_odd_objects(tmp_path, protobuf, streams, more):
    try:
        coredns = gomodules.build("coredns")
    except gomodules.Missing as e:
        pytest.skip(str(e))
    rows = oddities.placed()
    stub = Stub([o for _, objects in rows for o in objects], protobuf, streams)
    servers, asker, used, wrong, asked = [], Asker(), set(), [], 0
    try:
        servers.append(started(tmp_path / "coredns", stub, [coredns, "-conf", "Corefile"], more))
        servers.append(started(tmp_path / "nodens", stub, None, more))
        for s in servers:
            asker.add(s.port)
        for row, objects in rows:
            for name, rdtype in questions(row, objects):
                asked += 1
                for patience in (.3, 5):    # the long wait is only for missing answers
                    theirs, ours = asker.ask(name, rdtype, patience)
                    reasons = [] if theirs == ours else meant(row, rdtype, theirs, ours)
                    if theirs == ours or reasons:
                        break
                used.update(reasons)
                if theirs != ours and not reasons:
                    wrong.append(f"{row}: {name} {rdtype}\n    CoreDNS {theirs}\n    nodens  {ours}")
        page, log = servers[1].metrics(), servers[1].log()
    finally:
        asker.close()
        for s in servers:
            s.stop()
        stub.close()
    assert not wrong, "\n".join([f"{len(wrong)} of {asked}:", *wrong[:20]])
    assert asked > 3000
    if not more:
        assert not [DIFFERENT[i] for i in range(len(DIFFERENT)) if i not in used], "no longer different"
    counted = {m.groups(): page[m.group()] for m in (re.fullmatch(
        r'nodens_kubernetes_skipped_total\{kind="(\w+)",why="(\w+)"\}', line) for line in page) if m}
    assert counted == SKIPPED
    assert log.count("only counted, in nodens_kubernetes_skipped_total") == len(SKIPPED)
