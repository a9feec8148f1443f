# SPDX-License-Identifier: Apache-2.0
"""Generated zones, and the same questions about them to CoreDNS and nodens; whole answers are compared.

Zones have wildcards, delegations, DNAME, CNAME, empty non-terminals, records outside of the zone, mixed letters and
escapes; half of them have (false) signatures and NSEC records. The order of records is ignored.
"""
import collections
import os
import random
import subprocess
import sys
import tempfile
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts"))
import gomodules  # noqa: E402

SHOWN = 20
COREFILE = """example.org:%d {
    bind 127.0.0.1
    transfer {
        to *
    }
    file db {
        %s
    }
}
other.test:%d {
    bind 127.0.0.1
    template IN A {
        answer "a.other.test. 60 IN A 10.0.0.1"
    }
    template IN AAAA {
        rcode NXDOMAIN
    }
}
"""
LABELS = (("a", "b", "*"), ("a", "b", "c", "*", "w"), ("a", "b", "c", "d", "*", "www", "ns1", "mx", "x1"),
          ("a", "*", "A", "B\\046x"))
TYPES = ("A", "NS", "TXT", "CNAME", "MX", "SRV", "SOA", "DS", "DNAME", "NSEC", "HTTPS", "AAAA", "ANY")
DIGEST = "0123456789ABCDEF" * 4
SIGNATURE = "8 3 60 20300101000000 20200101000000 1 example.org. AAAA"


class Zone:
    """The text of a zone, and questions about it."""

    def __init__(self, rng):
        self.rng = rng
        self.labels = rng.choice(LABELS)
        self.lines = [f"example.org. 300 IN SOA {self.target()} host.example.org. 7 3600 600 86400 60",
                      "example.org. 300 IN NS ns1.example.org.", f"example.org. 300 IN NS {self.target()}"]
        for part, line in ((0.5, "A 192.0.2.1"), (0.2, f"MX 10 {self.target()}"), (0.1, f"DNAME {self.target()}")):
            if rng.random() < part:
                self.lines.append(f"example.org. 60 IN {line}")
        for _ in range(rng.choice((2, 4, 8, 16, 40))):
            self.lines.append(self.record())
        if rng.random() < 0.5:
            self.sign()
        rng.shuffle(self.lines)

    def name(self, origin="example.org."):
        return ".".join(self.rng.choice(self.labels) for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4)))) + "." + origin

    def target(self):
        where = self.rng.random()
        if where < 0.65:   # CoreDNS compares targets as text: it must be the usual one
            return self.name().replace("\\046", "\\.")
        if where < 0.75:
            return "example.org."
        # In lower case: the owners that template makes are not what is compared here.
        return "a.other.test." if where < 0.9 else "b.nowhere.invalid."

    def record(self):
        n, ttl, what = self.name(), self.rng.choice((5, 60, 300)), self.rng.random()
        for limit, data in ((0.30, f"A 192.0.2.{self.rng.randint(1, 250)}"), (0.38, "AAAA 2001:db8::1"),
                            (0.55, f"CNAME {self.target()}"), (0.60, f"NS {self.target()}"),
                            (0.62, f"DS 1 8 2 {DIGEST}"), (0.67, f"DNAME {self.target()}"),
                            (0.76, f"MX {self.rng.randint(1, 20)} {self.target()}"),
                            (0.84, f"SRV 1 2 80 {self.target().lower()}"), (0.87, f"HTTPS 1 {self.target()} alpn=h2"),
                            (0.92, "TXT x"), (0.95, f"PTR {self.target()}")):
            if what < limit:
                # CoreDNS keeps the text of these owners (src/plugin/file/README.md).
                if data.startswith("SRV"):
                    n = n.lower().replace("\\046", "\\.")
                return f"{n} {ttl} IN {data}"
        return f"{self.name('other.test.')} {ttl} IN A 192.0.2.77"

    def sign(self):
        owners = sorted({line.split()[0].lower() for line in self.lines if ".org. " in line}, key=dns.name.from_text)
        records = [line.split() for line in self.lines]
        for i, owner in enumerate(owners):
            self.lines.append(f"{owner} 60 IN NSEC {owners[(i + 1) % len(owners)]} A NS RRSIG NSEC")
            self.lines.append(f"{owner} 60 IN RRSIG NSEC {SIGNATURE}")
        for owner, ttl, _, kind, *_ in records:
            if self.rng.random() < 0.7:
                self.lines.append(f"{owner} {ttl} IN RRSIG {kind} {SIGNATURE}")

    def questions(self):
        """(name, type, DO); about the names of the zone, those above and beside them, and others."""
        names = {self.name() for _ in range(10)} | {"example.org."}
        for n in [line.split()[0] for line in self.lines if " IN NSEC " not in line]:
            if n.endswith(".example.org."):
                names |= {n, n.replace("*", "zz"), n.split(".", 1)[1]}
        for n in sorted(names):
            if not n.endswith("example.org."):
                continue
            for kind in self.rng.sample(TYPES, 6):
                yield n, kind, self.rng.random() < 0.4
        yield "example.org.", "AXFR", False


class Servers:
    """CoreDNS and nodens with the same zone, on two ports."""

    def __init__(self, programs, folder, zone, options, free_port):
        self.ports, self.processes = [], []
        with open(os.path.join(folder, "db"), "w", encoding="ascii") as f:
            f.write("\n".join(zone.lines) + "\n")
        for program in programs:
            port = free_port()
            corefile = os.path.join(folder, f"Corefile{port}")
            with open(corefile, "w", encoding="ascii") as f:
                f.write(COREFILE % (port, options, port))
            with open(corefile + ".log", "wb") as out:
                self.processes.append(subprocess.Popen([program, "-conf", corefile], cwd=folder, stdout=out,
                                                       stderr=subprocess.STDOUT))
            self.ports.append(port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in self.processes:
            p.kill()
            p.wait()

    def ready(self):
        """Which of the two serve."""
        return [self.wait(port, p) for port, p in zip(self.ports, self.processes)]

    @staticmethod
    def wait(port, process):
        end = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end:
            try:
                dns.query.tcp(dns.message.make_query("example.org.", "SOA"), "127.0.0.1", port=port, timeout=5)
                return True
            except (OSError, EOFError, dns.exception.DNSException):
                time.sleep(0.05)
        return False

    def ask(self, i, name, kind, want_dnssec):
        if kind == "AXFR":
            q = dns.message.make_query(name, kind)
            records = []
            for m in dns.query.xfr("127.0.0.1", name, port=self.ports[i], lifetime=10, relativize=False):
                records += texts(m.answer)
            return 0, q.flags, sorted(records), [], []
        q = dns.message.make_query(name, kind, use_edns=0 if want_dnssec else False, want_dnssec=want_dnssec,
                                   payload=4096 if want_dnssec else None)
        m = dns.query.tcp(q, "127.0.0.1", port=self.ports[i], timeout=10, one_rr_per_rrset=True)
        return m.rcode(), m.flags, *(texts(section) for section in (m.answer, m.authority, m.additional))


def texts(section):
    return sorted(f"{rr.name} {rr.ttl} {dns.rdatatype.to_text(rr.rdtype)} {rd}" for rr in section for rd in rr)


def spoil(rng, answer):
    """One record less in a section, or other flags."""
    parts = list(answer)
    full = [i for i in (2, 3, 4) if parts[i]]
    if full and rng.random() < 0.8:
        i = rng.choice(full)
        parts[i] = parts[i][:-1]
    else:
        parts[1] ^= dns.flags.AA
    return tuple(parts)


class Run:
    def __init__(self, args, programs, free_port):
        self.args, self.programs, self.free_port = args, programs, free_port
        self.asked = self.differing = self.spoilt = self.caught = 0

    def compare(self, number):
        rng = random.Random(f"{self.args.seed}-{number}")
        zone = Zone(rng)
        options = "fallthrough" if rng.random() < 0.2 else ""
        with tempfile.TemporaryDirectory(prefix="zones") as folder, \
                Servers(self.programs, folder, zone, options, self.free_port) as servers:
            serving = servers.ready()
            if serving[0] != serving[1]:
                self.report(number, "is it served?", serving[:1], serving[1:])
                return
            for question in zone.questions() if serving[0] else ():
                theirs, ours = servers.ask(0, *question), servers.ask(1, *question)
                self.asked += 1
                if theirs != ours:
                    self.report(number, question, theirs, ours)
                elif self.args.spoil and rng.random() < 0.02:
                    self.spoilt += 1
                    self.caught += spoil(rng, ours) != theirs

    def report(self, number, question, theirs, ours):
        self.differing += 1
        if self.differing <= SHOWN:
            print(f"DIFFERS in zone {number}: {question}")
            for part, a, b in zip(("rcode", "flags", "answer", "authority", "additional"), theirs, ours):
                if isinstance(a, list):
                    a, b = (sorted((collections.Counter(x) - collections.Counter(y)).elements())[:4]
                            for x, y in ((a, b), (b, a)))
                if a != b:
                    print(f"    {part:10} CoreDNS {a}\n               nodens  {b}")


def main(args, nodens, free_port):
    """Returns the exit status. args: zones, seed, spoil."""
    try:
        run = Run(args, (gomodules.build("coredns"), nodens), free_port)
    except gomodules.Missing as e:
        print(f"generated zones cannot be compared: {e}")
        return 1
    for number in range(args.zones):
        run.compare(number)
    print(f"seed {args.seed}: {run.asked} questions about {args.zones} zones; {run.differing} differences")
    failed = run.differing + (run.asked == 0)
    if args.spoil:
        print(f"{run.spoilt} answers spoilt, {run.caught} of them caught")
        failed += run.spoilt - run.caught + (run.spoilt == 0)
    print(f"{run.asked - run.differing} passed, {failed} failed")
    return 1 if failed else 0
