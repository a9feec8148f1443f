# SPDX-License-Identifier: Apache-2.0
"""The same generated cluster and queries for CoreDNS and nodens; answers are compared record by record.

The order of records and the serial of a SOA are ignored. Intended differences are in documented_differences.toml, each
with its reason.
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
import liveapi
import questions
import standins
from setups import SET_UPS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import gomodules  # noqa: E402

DOCUMENTED = os.path.join(HERE, "documented_differences.toml")
SHOWN = 20
TRANSFERS = ("AXFR", "IXFR")
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: x
"""


class Failed(Exception):
    """The comparison was impossible; the text says why."""


def load_documented(path=DOCUMENTED):
    with open(path, "rb") as f:
        rows = tomllib.load(f).get("difference", [])
    for row in rows:
        for field in ("id", "reason", "parts"):
            if field not in row or not row[field] and not row.get("records") and not row.get("letters"):
                raise Failed(f"{path}: a difference without {field}: {row}")
    return rows


def documented_as(rows, set_up, case, theirs, ours):
    """The row that allows all the differences, or None."""
    as_sets = case["qtype"] in TRANSFERS
    for row in rows:
        if (set_up in row.get("set_ups", [set_up]) and
                case["qtype"] in row.get("types", [case["qtype"]]) and
                case.get("qclass", "IN") in row.get("classes", [case.get("qclass", "IN")]) and
                re.search(row.get("name", ""), case["q"], re.I) and
                set(differences(theirs, ours, as_sets or row.get("repeats"), row.get("records", ()),
                                not row.get("letters"))) <= set(row["parts"])):
            return row
    return None


def record(row):
    name, ttl, rclass, rtype, data = row
    if rtype == "SOA":
        words = data.split()
        words[2] = "*"
        data = " ".join(words)
    return name, ttl, rclass, rtype, data


def in_small_letters(reply):
    return {**reply, **{part: [[name.lower(), ttl, rclass, rtype, data if rtype == "TXT" else data.lower()]
                               for name, ttl, rclass, rtype, data in reply[part]]
                        for part in ("answer", "ns", "extra")}}


def differences(theirs, ours, as_sets=False, without=(), letters=True):
    """{part of the message: (CoreDNS's, ours)} for the parts that differ. as_sets: repeats are ignored. Records of the
    types `without` are ignored; without `letters`, so is the case of names in records."""
    out = {}
    if not letters:
        theirs, ours = in_small_letters(theirs), in_small_letters(ours)
    for part in ("rcode", "aa", "tc", "ra", "ad", "qr", "question"):
        if theirs[part] != ours[part]:
            out[part] = theirs[part], ours[part]
    options = [r["opt"] and (r["opt"]["size"], r["opt"]["do"], r["opt"]["data"]) for r in (theirs, ours)]
    if options[0] != options[1]:
        out["opt"] = tuple(options)
    for part in ("answer", "ns", "extra"):
        a, b = (sorted((set if as_sets else list)(record(x) for x in r[part] if x[3] not in without)) for r in (
            theirs, ours))
        if a != b:
            out[part] = [r for r in a if a.count(r) > b.count(r)], [r for r in b if b.count(r) > a.count(r)]
    if ours.get("astray"):
        out["astray"] = [], ours["astray"]
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
        self.sockets, self.number = {}, 0       # by source address

    def socket_of(self, case):
        address = case.get("from", "127.0.0.1")
        if address not in self.sockets:
            s = self.sockets[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((address, 0))
            s.connect(("127.0.0.1", self.port))
            s.settimeout(10)
        return self.sockets[address]

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ready_port}/ready", timeout=1) as reply:
                    if reply.status == 200:
                        dns.ask(self.port, {"q": "ready.invalid.", "qtype": "A"}, 1)  # /ready of CoreDNS is up earlier
                        return
            except OSError:     # not listening yet, or 503
                pass
            time.sleep(.05)
        with open(self.log, encoding="utf-8", errors="replace") as f:
            raise Failed(f"{self.name} is not ready:\n{f.read()[-2000:]}")

    def send(self, case):
        self.number = self.number % 65535 + 1
        self.socket_of(case).send(dns.query(case, self.number))

    def receive(self, case):
        """The reply to the last query; late replies to earlier ones are skipped."""
        while True:
            message = self.socket_of(case).recv(65535)
            if struct.unpack(">H", message[:2])[0] == self.number:
                reply = dns.parse(message)
                if len(message) > max(512, case.get("bufsize") or 0):
                    reply["astray"] = [f"{len(message)} bytes"]
                return reply

    def ask(self, case):
        """Queries over TCP."""
        if case.get("serial") in ("old", "none"):
            case = {**case, "serial": 1 if case["serial"] == "old" else None}
        elif case.get("serial"):
            soa = dns.ask(self.port, {"q": case["q"], "qtype": "SOA", "transport": "tcp"}, 10)["answer"]
            case = {**case, "serial": int(soa[0][4].split()[2]) if soa else 1}
        return dns.ask(self.port, case, 10)

    def close(self):
        for s in self.sockets.values():
            s.close()
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
            return [s.ask(case) for s in servers]
        for s in servers:
            s.send(case)
        replies = [s.receive(case) for s in servers]
    except (OSError, EOFError, IndexError, struct.error) as e:
        raise Failed(f"{json.dumps(case)}: no answer: {e!r}") from None
    if not any(r["tc"] for r in replies):
        return replies
    # Which records fit depends on their order: compares the full replies; records that fitted must be in them.
    whole = both(servers, {**case, "transport": "tcp"})
    for reply, cut in zip(whole, replies):
        reply["tc"] = cut["tc"]
        reply["astray"] = cut.get("astray", []) + [
            row for part in ("answer", "ns", "extra") for row in map(record, cut[part])
            if row not in map(record, reply[part])]
    return whole


def spoil(rng, reply, as_set=False):
    """Makes one thing in the reply wrong; returns which, or None if there is nothing to change."""
    parts = [part for part in ("answer", "answer", "ns", "extra") if reply[part]]
    if not parts:
        return None
    rows, how = reply[rng.choice(parts)], rng.choice(["ttl", "lost", "twice", "data", "name", "rcode", "aa"])
    at = rng.randrange(len(rows))
    if how == "twice" and as_set or how == "lost" and as_set and rows.count(rows[at]) > 1:
        how = "ttl"
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
        reply["rcode"] += 1
    else:
        reply["aa"] = not reply["aa"]
    return how


class Run:
    def __init__(self, args, coredns, nodens, free_port, local_ips):
        self.args, self.free_port, self.local_ips = args, free_port, local_ips
        self.programs = {"coredns": coredns, "nodens": nodens}
        self.documented = load_documented()
        self.asked = self.answered = self.differing = self.allowed = self.spoilt = self.caught = 0
        self.reasons, self.kubeconfig, self.api = {}, None, None
        self.tmp = tempfile.mkdtemp(prefix="generated")

    def start(self):
        """The objects, and the servers' source of them: a real API server; with --source the toy API for CoreDNS and
        a file for nodens."""
        self.cluster = made_up.Cluster(random.Random(self.args.seed), local=self.local_ips or [made_up.LOCAL])
        if self.args.source:
            port = self.free_port()
            self.kubeconfig = self.write("kubeconfig", KUBECONFIG % port)
            self.source = self.write("objects.json", json.dumps(
                {"apiVersion": "v1", "kind": "List", "items": self.cluster.items}))
            self.api = standins.API(port, self.cluster.items)
            return
        self.api = liveapi.Live()
        self.api.load(self.cluster.items)
        self.kubeconfig = self.api.kubeconfig

    def set_up(self, name, count):
        up, servers = SET_UPS[name], []
        folder = os.path.join(self.tmp, name)
        os.makedirs(folder)
        try:
            for program in ("coredns", "nodens"):
                where, port, ready = "kubeconfig " + self.kubeconfig, self.free_port(), self.free_port()
                if program == "nodens" and self.args.source:
                    where = "source " + self.source
                servers.append(Server(program, [self.programs[program]], os.path.join(folder, program),
                                      up.corefile(where, port, ready), port, ready))
            for s in servers:
                s.wait()
            self.compare(name, servers, random.Random(f"{self.args.seed}/{name}"), count)
        finally:
            for s in servers:
                s.close()

    def write(self, name, text):
        path = os.path.join(self.tmp, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def change(self, up, servers):
        """Deletes, changes and creates objects; returns when both servers have seen it. Not with --source: the toy API
        has no watch that CoreDNS would learn it by."""
        self.api.change(self.cluster.change())
        marks, names = self.cluster.mark()
        self.api.change(("create", obj) for obj in marks)
        wanted = [("cluster.local.", names["service"]), ("cluster.local.", names["endpoint"])]
        if "pods verified" in up.inside:
            wanted.append(("cluster.local.", names["pod"]))
        wanted += [(zone, names["import"]) for zone in up.ask.get("multi", ())]
        end = time.monotonic() + 30
        for s in servers:
            for zone, (name, address) in wanted:
                case = {"q": name + "." + zone, "qtype": "A"}
                while [r[4] for r in dns.ask(s.port, case)["answer"]] != [address]:
                    if time.monotonic() > end:
                        raise Failed(f"{s.name} does not see {case['q']}")
                    time.sleep(.02)

    def compare(self, name, servers, rng, count):
        up, answered, dice = SET_UPS[name], 0, random.Random(name)
        make = questions.Questions(rng, self.cluster, **up.ask)
        changes = range(count // 4, count, count // 4) if up.changes and not self.args.source and count > 40 else ()
        for n in range(count):
            if n in changes:
                self.change(up, servers)
                make = questions.Questions(rng, self.cluster, **up.ask)
            case = make.next()
            theirs, ours = both(servers, case)
            whole = case["qtype"] in TRANSFERS
            answered += bool(theirs["answer"])
            # Spoiling a reply that differs already would prove nothing.
            if self.args.spoil and not differences(theirs, ours, whole) and dice.random() < .05 and spoil(
                    dice, ours, whole):
                self.spoilt += 1
                self.caught += bool(differences(theirs, ours, whole))
                continue
            found = differences(theirs, ours, whole)
            if found:
                self.note(name, case, found, theirs, ours)
        self.asked += count
        self.answered += answered
        if self.args.verbose:
            print(f"set-up {name:16} {count:5d} queries, {answered:5d} with an answer", flush=True)

    def note(self, name, case, found, theirs, ours):
        row = documented_as(self.documented, name, case, theirs, ours)
        if row:
            self.allowed += 1
            self.reasons[row["id"]] = self.reasons.get(row["id"], 0) + 1
            return
        self.differing += 1
        if self.differing <= SHOWN or self.args.verbose:
            print(f"DIFFERS in set-up {name}: {json.dumps(case)}")
            for part, (a, b) in found.items():
                print(f"    {part:8} CoreDNS {a}\n             nodens  {b}")

    def close(self):
        if self.api:
            self.api.close()
        shutil.rmtree(self.tmp, ignore_errors=True)


def main(args, nodens, free_port, local_ips):
    """Returns the exit status. args: queries, seed, source, spoil, verbose."""
    try:
        run = Run(args, gomodules.build("coredns"), nodens, free_port, local_ips)
    except gomodules.Missing as e:
        print(f"generated queries cannot be compared: {e}")
        return 1
    try:
        run.start()
        for number, name in enumerate(SET_UPS):
            run.set_up(name, args.queries // len(SET_UPS) + (number < args.queries % len(SET_UPS)))
    except (Failed, liveapi.Failed) as e:
        print(e)
        print(f"seed {args.seed}")
        print(f"{run.asked - run.differing} passed, {run.differing + 1} failed")
        return 1
    finally:
        run.close()
    print(f"seed {args.seed}: {run.asked} queries in {len(SET_UPS)} set-ups, {run.answered} of them with an answer; "
          f"{run.differing} differences, {run.allowed} documented")
    for row in run.documented:
        print(f"    {run.reasons.get(row['id'], 0):5d} {row['id']}: {row['reason']}")
    failed = run.differing
    if args.spoil:
        print(f"{run.spoilt} replies spoilt, {run.caught} of them caught")
        failed += run.spoilt - run.caught + (run.spoilt == 0)
    print(f"{run.asked - run.differing} passed, {failed} failed")
    return 1 if failed else 0
