# SPDX-License-Identifier: Apache-2.0
"""The same generated cluster and questions for CoreDNS and for nodens; answers compared record by record.

The order of records does not count, nor does a SOA's serial. Differences that are meant stand in
documented_differences.toml, each with its reason.
"""
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request

import cluster as made_up
import dnswire as dns
import questions
import standins

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "tests", "e2e")]
import apiserver  # noqa: E402
import gomodules  # noqa: E402

DOCUMENTED = os.path.join(HERE, "documented_differences.toml")
SHOWN = 20
# name -> zones, lines inside `kubernetes`, lines beside it
SET_UPS = {
    "insecure": ("cluster.local in-addr.arpa ip6.arpa", ["pods insecure", "ttl 30"], []),
    "verified": ("cluster.local in-addr.arpa ip6.arpa", ["pods verified", "endpoint_pod_names"], []),
    "disabled": ("cluster.local 244.10.in-addr.arpa", ["pods disabled", "ttl 0"], []),
    "zonal": ("cluster.local in-addr.arpa ip6.arpa", ["zonal", "ignore empty_service"], []),
    "namespaces": ("cluster.local in-addr.arpa ip6.arpa", ["namespaces shop default", "pods insecure"], []),
    "labels": ("cluster.local in-addr.arpa ip6.arpa", ["labels app=one", "namespace_labels tier=a"], []),
    "noendpoints": ("cluster.local in-addr.arpa ip6.arpa", ["noendpoints"], []),
}
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: x
"""


class Failed(Exception):
    """What kept it from comparing."""


def load_documented(path=DOCUMENTED):
    with open(path, "rb") as f:
        rows = tomllib.load(f).get("difference", [])
    for row in rows:
        for field in ("id", "reason", "parts"):
            if not row.get(field):
                raise Failed("%s: a difference without %s: %s" % (path, field, row))
    return rows


def documented_as(rows, set_up, case, parts):
    """The row that allows all of what differs, or None."""
    for row in rows:
        if (set(parts) <= set(row["parts"]) and set_up in row.get("set_ups", SET_UPS) and
                case["qtype"] in row.get("types", [case["qtype"]]) and
                case.get("qclass", "IN") in row.get("classes", [case.get("qclass", "IN")]) and
                re.search(row.get("name", ""), case["q"], re.I)):
            return row
    return None


def record(row):
    name, ttl, rclass, rtype, data = row
    if rtype == "SOA":
        words = data.split()
        words[2] = "*"
        data = " ".join(words)
    return name, ttl, rclass, rtype, data


def differences(theirs, ours):
    """{part of the message: (CoreDNS's, ours)} where the two are not the same."""
    out = {}
    for part in ("rcode", "aa", "tc", "ra", "ad", "qr", "question"):
        if theirs[part] != ours[part]:
            out[part] = theirs[part], ours[part]
    options = [r["opt"] and (r["opt"]["size"], r["opt"]["do"], r["opt"]["data"]) for r in (theirs, ours)]
    if options[0] != options[1]:
        out["opt"] = tuple(options)
    for part in ("answer", "ns", "extra"):
        a, b = (sorted(map(record, r[part])) for r in (theirs, ours))
        if a != b:
            out[part] = [r for r in a if a.count(r) > b.count(r)], [r for r in b if b.count(r) > a.count(r)]
    return out


class Server:
    def __init__(self, name, argv, folder, corefile, port, ready_port):
        self.name, self.folder, self.port, self.ready_port = name, folder, port, ready_port
        os.makedirs(folder)
        self.log = os.path.join(folder, "log")
        with open(os.path.join(folder, "Corefile"), "w", encoding="utf-8") as f:
            f.write(corefile)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv + ["-conf", "Corefile"], cwd=folder, stdout=log, stderr=log)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(("127.0.0.1", port))
        self.sock.settimeout(10)
        self.number = 0

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/ready" % self.ready_port, timeout=1) as reply:
                    if reply.status == 200:
                        dns.ask(self.port, {"q": "ready.invalid.", "qtype": "A"}, 1)     # CoreDNS's page comes first
                        return
            except OSError:     # not up yet, or 503
                pass
            time.sleep(.05)
        with open(self.log, encoding="utf-8", errors="replace") as f:
            raise Failed("%s is not ready:\n%s" % (self.name, f.read()[-2000:]))

    def send(self, case):
        self.number = self.number % 65535 + 1
        self.sock.send(dns.query(case, self.number))

    def receive(self):
        """The reply to the last question; earlier ones that come late are not taken for it."""
        while True:
            message = self.sock.recv(65535)
            if struct.unpack(">H", message[:2])[0] == self.number:
                return dns.parse(message)

    def close(self):
        self.sock.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def both(servers, case):
    try:
        if case.get("transport") == "tcp":
            return [dns.ask(s.port, case, 10) for s in servers]
        for s in servers:
            s.send(case)
        replies = [s.receive() for s in servers]
    except (OSError, EOFError, IndexError, struct.error) as e:
        raise Failed("%s %s: no answer: %r" % (case["q"], case["qtype"], e)) from None
    if not any(r["tc"] for r in replies):
        return replies
    # Which records still fit is a matter of order: the whole ones are compared.
    whole = both(servers, {**case, "transport": "tcp"})
    for reply, cut in zip(whole, replies):
        reply["tc"] = cut["tc"]
    return whole


def spoil(rng, reply):
    """Makes the reply wrong in one thing; what, or None if there is nothing to spoil."""
    if not reply["answer"]:
        return None
    rows, how = reply["answer"], rng.choice(["ttl", "lost", "twice", "data", "name", "rcode", "aa"])
    at = rng.randrange(len(rows))
    if how == "ttl":
        rows[at][1] += 1
    elif how == "lost":
        del rows[at]
    elif how == "twice":
        rows.append(list(rows[at]))
    elif how == "data":
        rows[at][4] += "0"
    elif how == "name":
        rows[at][0] = "x." + rows[at][0]
    elif how == "rcode":
        reply["rcode"] = 2
    else:
        reply["aa"] = not reply["aa"]
    return how


class Run:
    def __init__(self, args, coredns, nodens, free_port):
        self.args, self.free_port = args, free_port
        self.programs = {"coredns": coredns, "nodens": nodens}
        self.documented = load_documented()
        self.asked = self.answered = self.differing = self.allowed = self.spoilt = self.caught = 0
        self.reasons, self.kubeconfig = {}, None
        self.tmp = tempfile.mkdtemp(prefix="generated")

    def set_up(self, number, name, count):
        seed = "%s/%s" % (self.args.seed, name)
        cluster = made_up.Cluster(random.Random(seed))
        folder = os.path.join(self.tmp, str(number))
        os.makedirs(folder)
        api, servers = self.serve(cluster), []
        try:
            for program in ("coredns", "nodens"):
                where, port, ready = "kubeconfig " + self.kubeconfig, self.free_port(), self.free_port()
                if program == "nodens" and self.args.source:
                    where = "source " + self.write("objects.json", json.dumps(
                        {"apiVersion": "v1", "kind": "List", "items": cluster.items}))
                servers.append(Server(program, [self.programs[program]], os.path.join(folder, program),
                                      self.corefile(name, where, port, ready), port, ready))
            for s in servers:
                s.wait()
            self.compare(name, cluster, servers, random.Random(seed + "?"), count)
        finally:
            for s in servers:
                s.close()
            api.close()

    def write(self, name, text):
        path = os.path.join(self.tmp, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def serve(self, cluster):
        """What CoreDNS, and nodens without --source, get the objects from: the toy API for a file's sake, else a
        real API server."""
        if self.args.source:
            port = self.free_port()
            self.kubeconfig = self.write("kubeconfig", KUBECONFIG % port)
            return standins.API(port, cluster.items)
        try:
            api = apiserver.Cluster()
        except AssertionError as e:
            raise Failed(str(e)) from None
        self.kubeconfig = api.path("dns.kubeconfig")
        try:
            api.grant()
            api.create_all(cluster.items)
        except apiserver.APIError as e:
            api.close()
            raise Failed("the API server refuses what was generated: %s" % e) from None
        return api

    @staticmethod
    def corefile(name, where, port, ready):
        zones, inside, beside = SET_UPS[name]
        return ".:%d {\n  bind 127.0.0.1\n  ready 127.0.0.1:%d\n%s  kubernetes %s {\n%s  }\n}\n" % (
            port, ready, "".join("  %s\n" % x for x in beside), zones,
            "".join("    %s\n" % x for x in [where] + inside))

    def compare(self, name, cluster, servers, rng, count):
        make = questions.Questions(rng, cluster)
        for _ in range(count):
            case = make.next()
            theirs, ours = both(servers, case)
            self.asked += 1
            self.answered += bool(theirs["answer"])
            # A reply that differs already shows nothing when it is spoilt.
            if self.args.spoil and not differences(theirs, ours) and rng.random() < .05 and spoil(rng, ours):
                self.spoilt += 1
                self.caught += bool(differences(theirs, ours))
                continue
            found = differences(theirs, ours)
            if found:
                self.note(name, case, found)

    def note(self, name, case, found):
        row = documented_as(self.documented, name, case, found)
        if row:
            self.allowed += 1
            self.reasons[row["id"]] = self.reasons.get(row["id"], 0) + 1
            return
        self.differing += 1
        if self.differing <= SHOWN or self.args.verbose:
            print("DIFFERS in set-up %s: %s" % (name, json.dumps(case)))
            for part, (a, b) in found.items():
                print("    %-8s CoreDNS %s\n             nodens  %s" % (part, a, b))

    def close(self):
        shutil.rmtree(self.tmp, ignore_errors=True)


def main(args, nodens, free_port):
    """The exit status. args: queries, seed, source, spoil, verbose."""
    try:
        run = Run(args, gomodules.build("coredns"), nodens, free_port)
        if not args.source:
            gomodules.build("apiserver")
    except gomodules.Missing as e:
        print("generated questions cannot be compared: %s" % e)
        return 1
    try:
        for number, name in enumerate(SET_UPS):
            run.set_up(number, name, args.queries // len(SET_UPS) + (number < args.queries % len(SET_UPS)))
    except Failed as e:
        print(e)
        print("seed %s" % args.seed)
        print("%d passed, %d failed" % (run.asked - run.differing, run.differing + 1))
        return 1
    finally:
        run.close()
    print("seed %s: %d questions in %d set-ups, %d of them with an answer; %d differences, %d documented" % (
        args.seed, run.asked, len(SET_UPS), run.answered, run.differing, run.allowed))
    for row in run.documented:
        print("    %5d %s: %s" % (run.reasons.get(row["id"], 0), row["id"], row["reason"]))
    failed = run.differing
    if args.spoil:
        print("%d replies spoilt, %d of them caught" % (run.spoilt, run.caught))
        failed += run.spoilt - run.caught + (run.spoilt == 0)
    print("%d passed, %d failed" % (run.asked - run.differing, failed))
    return 1 if failed else 0
