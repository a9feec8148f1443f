#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev conformance [--source | --api real] [FOLDER...] [--only ID_PREFIX] [--update] [-v]

Runs the cases against a server over real sockets; README.md describes a case. Exit status 1 if a case of
passing.txt fails. Failures of other cases are only counted: they need features that are missing (-v shows
all).
"""
import argparse
import concurrent.futures
import functools
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import cases as case_files
import compare
import dnswire as dns
import generated
import liveapi
import standins
import zones

POLL_S = 0.01
START_S = 12
KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: x
"""
# Refused because a feature is missing, not because of the mistake.
NOT_YET = "not supported yet", "not in this build"

# Held while a port is tested and while a server is started: a child has our sockets until its exec.
ports_lock, ports_given = threading.Lock(), set()


def free_port():
    """A port that is free for UDP and TCP on loopback, different at each call, and below the kernel's ephemeral
    range."""
    with ports_lock:
        for _ in range(200):
            port = random.randint(10000, 32000)
            if port in ports_given:
                continue
            ports_given.add(port)
            with socket.socket() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                try:
                    t.bind(("127.0.0.1", port))
                    u.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
    raise OSError("no free port")


def local_ips():
    out = subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True, check=False).stdout
    return [a["local"] for link in json.loads(out or "[]") for a in link.get("addr_info", [])
            if a["scope"] != "host"]


class Group:
    """The cases of one set-up: its files, its stand-ins, its server."""

    def __init__(self, args, server, live, ips, cases):
        self.source, self.live = args.source, live
        self.server, self.ips, self.cases = server, ips, cases
        self.dir = tempfile.mkdtemp(prefix="conformance")
        self.port = free_port()
        self.upstream = self.api = self.process = None
        self.corefile = ""

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def prepare(self):
        case = self.cases[0]
        upstream_port = free_port()
        if case.get("upstream"):
            self.upstream = standins.Upstream(upstream_port)
        if "corefile" in case:
            for name, text in (case.get("files") or {}).items():
                self.write(name, text.replace("@PORT@", str(self.port)))
            self.corefile = case["corefile"].replace("@PORT@", str(self.port)).replace(
                "@UPSTREAM@", f"127.0.0.1:{upstream_port}").replace("@DIR@", self.dir)
        else:
            self.corefile = case_files.kubernetes_corefile(
                case, self.port, upstream_port if self.upstream else None, self.prepare_cluster(case))
        self.write("Corefile", self.corefile)

    def prepare_cluster(self, case):
        text = case_files.cluster_text(case, self.ips)
        if self.source:
            return "source " + self.write("cluster.json", text)
        if self.live and case.get("cluster"):
            return "kubeconfig " + self.live.kubeconfig
        api_port = free_port()
        if case.get("api") != "unreachable":
            self.api = standins.API(api_port, json.loads(text)["items"])
        return "kubeconfig " + self.write("kubeconfig", KUBECONFIG % api_port)

    def log(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def start(self):
        """Returns when the server answers (anything), has ended, or after START_S."""
        with ports_lock, open(os.path.join(self.dir, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.server, "-conf", os.path.join(self.dir, "Corefile")], stdout=log,
                stderr=subprocess.STDOUT, cwd=self.dir, env={**os.environ, **self.cases[0].get("env", {})})
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                dns.ask(self.port, {"q": "ready.probe.invalid.", "qtype": "A"}, 0.3)
                return
            except (OSError, EOFError, IndexError, struct.error):
                time.sleep(POLL_S)

    def check_refusal(self, case, own_texts):
        if self.process.poll() is None:
            return ["the server accepted a Corefile that CoreDNS refuses"]
        if self.process.returncode <= 0:
            return [f"exit status {self.process.returncode}"]
        log = self.log()
        if not own_texts:
            return []
        if any(text in log for text in NOT_YET):
            return ["refused because a feature is missing: " + log.strip()]
        if not case.get("error"):
            return ["the case has no text for the error: " + log.strip()]
        for part in case["error"]:
            if part not in log:
                return [f"the error does not contain {part!r}: {log.strip()}"]
        return []

    def check_answer(self, case):
        if self.upstream:
            self.upstream.load(case.get("upstream"))
        try:
            for step in case.get("before") or []:
                if "sleep" in step:
                    time.sleep(step["sleep"])
                else:
                    dns.ask(self.port, step)
            if case.get("no_reply"):
                try:
                    dns.ask(self.port, case, 1.0)
                    bad = ["a reply came"]
                except socket.timeout:
                    bad = []
            else:
                bad = compare.check(case, dns.ask(self.port, case), self.ips)
        except (OSError, EOFError, IndexError, ValueError, struct.error) as e:
            return [f"no answer: {e!r}"]
        if case.get("upstream_hits") is not None:
            n = sum(self.upstream.hits.values())
            if n != case["upstream_hits"]:
                bad.append(f"upstream saw {n} queries, want {case['upstream_hits']}")
        return bad

    def run(self, own_texts):
        """Returns [(case, errors)]."""
        try:
            self.prepare()
            self.start()
            return [(c, self.check_refusal(c, own_texts) if c.get("config_error") else self.check_answer(c))
                    for c in self.cases]
        finally:
            self.end()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for standin in (self.upstream, self.api):
            if standin:
                standin.close()


def as_coredns(path, folder):
    """CoreDNS's own command line, for a program that takes its role from the name it is started by."""
    path = os.path.abspath(path)
    if os.path.basename(path) != "nodens":
        return path
    link = os.path.join(folder, "coredns")
    os.symlink(path, link)
    return link


NETNS = ("ip link set lo up; ip link add d0 type veth peer name d1; "
         "for i in d0 d1; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done; "
         'ip addr add 198.51.100.7/24 dev d0; ip link set d0 up; ip link set d1 up; exec "$@"')


def in_own_netns():
    """As root: continues in a network namespace with exactly one address outside loopback, which the @LOCALIP@ cases
    need."""
    if os.geteuid() or os.environ.get("CONFORMANCE_NETNS") or not shutil.which("unshare"):
        return
    os.environ["CONFORMANCE_NETNS"] = "1"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0:
        os.execvp("unshare", ["unshare", "-n", "bash", "-c", NETNS, "_", sys.executable] + sys.argv)


def select(args):
    groups, chosen = {}, []
    for folder in args.folder or case_files.folders():
        cases = case_files.load(folder)
        if args.api == "real" and not args.folder and not any(c.get("cluster") for c in cases):
            continue
        for c in cases:
            if not c["id"].startswith(args.only) or args.source and c.get("api"):
                continue
            if args.quick and any("sleep" in step for step in c.get("before") or []):
                continue
            chosen.append(c)
            groups.setdefault(case_files.group_key(c), []).append(c)
    # Cases that sleep come first: at the end nothing would run in parallel with them.
    return chosen, sorted(groups.values(), key=lambda g: -sum(
        step.get("sleep", 0) for c in g for step in c.get("before") or []))


def main():
    p = argparse.ArgumentParser(prog="./dev conformance", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("server", help="the program; build/nodens with ./dev")
    p.add_argument("folder", nargs="*", help=" ".join(case_files.folders()))
    p.add_argument("--source", action="store_true", help="read the cluster from a file, not from an API server")
    p.add_argument("--api", choices=("toy", "real"), default="toy", help="source of the clusters' objects: plain "
                   "HTTP and JSON of the tests, or a real API server (by default only folders with clusters)")
    p.add_argument("--queries", type=int, metavar="N", help="instead of the cases: send this many generated queries to "
                   "CoreDNS and to the server, about the same generated objects")
    p.add_argument("--zones", type=int, metavar="N", help="instead of the cases: this many generated zones, and the "
                   "same questions about them to CoreDNS and to the server")
    p.add_argument("--seed", default="1", help="of what is generated (1)")
    p.add_argument("--spoil", action="store_true", help="make some answers wrong, and fail unless each is caught")
    p.add_argument("--only", default="", metavar="ID_PREFIX")
    p.add_argument("--quick", action="store_true", help="skip the cases that sleep")
    p.add_argument("--peer", action="store_true", help="the server is another program: do not check error texts")
    p.add_argument("--update", action="store_true", help="add the newly passing cases to passing.txt")
    p.add_argument("--expected", action="store_true", help="the cases in scope must pass, not those in passing.txt")
    p.add_argument("--jobs", type=int, default=4, help="set-ups at a time (4)")
    p.add_argument("-v", "--verbose", action="store_true", help="print every case; Corefile and log of failed ones")
    args = p.parse_intermixed_args()
    for folder in args.folder:
        if folder not in case_files.folders() and not os.path.isabs(folder):
            p.error(f"invalid folder {folder}: must be one of {' '.join(case_files.folders())}")
    if args.source and args.api == "real":
        p.error("--source and --api cannot be combined")
    if args.spoil and not args.queries and not args.zones:
        p.error("--spoil needs --queries N or --zones N")
    in_own_netns()
    with tempfile.TemporaryDirectory(prefix="conformance") as tmp:
        server = as_coredns(args.server, tmp)
        if args.zones:
            return zones.main(args, server, free_port)
        if args.queries:
            return generated.main(args, server, free_port, local_ips())
        try:
            return run(args, server)
        except liveapi.Failed as e:
            print(e)
            print("0 passed, 1 failed")
            return 1


def in_turn(args, pool, groups, ips, one):
    """Calls one(...) for each set-up. A real API server has one cluster at a time: its set-ups run in parallel."""
    if args.api != "real":
        yield from pool.map(functools.partial(one, None), groups)
        return
    clusters = {}
    for g in groups:
        clusters.setdefault(g[0].get("cluster") and (g[0]["_folder"], g[0]["cluster"]), []).append(g)
    live = liveapi.Live()
    try:
        for those in clusters.values():
            live.load(json.loads(case_files.cluster_text(those[0][0], ips))["items"])
            yield from pool.map(functools.partial(one, live), those)
    finally:
        live.close()


def run(args, server):
    chosen, groups = select(args)
    must = case_files.read_passing()
    if args.expected:
        must = {c["id"] for c in chosen if case_files.in_scope(c)}
    if args.peer:
        must = {c["id"] for c in chosen}
    wrong, passed, ips = {}, set(), local_ips()

    def one(live, cases):
        g = Group(args, server, live, ips, cases)
        try:
            return [(c, bad, g.corefile, g.log() if bad else "") for c, bad in g.run(not args.peer)]
        finally:
            shutil.rmtree(g.dir, ignore_errors=True)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for results in in_turn(args, pool, groups, ips, one):
            for c, bad, corefile, log in results:
                if not bad:
                    passed.add(c["id"])
                    if args.verbose:
                        print(f"ok   {c['id']}")
                    continue
                wrong[c["id"]] = bad
                if c["id"] in must or args.verbose:
                    print(f"FAIL {c['id']} ({c['kind']}) {c.get('q', '')} {c.get('qtype', '')}")
                    print("".join(f"    {b}\n" for b in bad), end="")
                if args.verbose:
                    print(f"    Corefile:\n{corefile}    log: {log[-600:]}", flush=True)

    for folder in dict.fromkeys(os.path.basename(c["_folder"]) for c in chosen):
        ids = {c["id"] for c in chosen if os.path.basename(c["_folder"]) == folder}
        print(f"{folder:12} {len(ids):3d} cases, {len(ids & passed):3d} pass, "
              f"{len(ids & must & set(wrong)):3d} of {len(ids & must):3d} that must pass fail")
    new = sorted(passed - must)
    if args.update:
        case_files.write_passing(case_files.read_passing() | passed)
    elif new and not args.peer and not args.expected:
        print(f"newly passing (--update adds them to passing.txt): {' '.join(new)}")
    partial = args.folder or args.only or args.quick or args.api == "real"
    missing = set() if partial else must - {c["id"] for c in chosen}
    if missing and args.source:
        print(f"in passing.txt, but no such case: {' '.join(sorted(missing))}")
    failed = len(must & set(wrong)) + len(missing)
    others = len(set(wrong) - must)
    if others:
        print(f"{others} more cases need features that are missing")
    print(f"{len(must & passed)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
