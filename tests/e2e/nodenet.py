# SPDX-License-Identifier: Apache-2.0
"""A node in network namespaces: a pod, the node with kube-proxy's chains, a DNS pod. Creates and removes all of them.

    pod 10.244.1.2 --- node --- 10.244.2.2 dns        Services, UDP and TCP, both families:
    fd44:1::2         (both ::1)     fd44:2::2        kube-dns, kube-dns-upstream -> the DNS pod
"""
import itertools
import json
import os
import re
import shutil
import signal
import subprocess

from serving import NODENS, Scraper, values, wait_for

LINK_LOCAL = "169.254.20.10"
KUBE_DNS = {4: "10.96.0.10", 6: "fd96::a"}
WAYS = [proto + ":" + where for proto in ("udp", "tcp") for where in KUBE_DNS.values()]
UPSTREAM = {4: "10.96.0.11", 6: "fd96::b"}
DNS_POD = {4: "10.244.2.2", 6: "fd44:2::2"}
PODS = {4: "10.244.0.0/16", 6: "fd44::/16"}
LINK = "nodelocaldns"
LOCALIP = ",".join((LINK_LOCAL, KUBE_DNS[4], KUBE_DNS[6]))
_count = itertools.count()

DNS_COREFILE = """cluster.local:53 {
    errors
    hosts {
        10.1.2.3 www.default.svc.cluster.local
    }
}
"""

BIND = LOCALIP.replace(",", " ")
# The base Corefile of the DaemonSet's ConfigMap, as an installer writes it for kube-proxy's iptables mode: domain and
# addresses are filled in; the two variables whose values only the agent knows are not.
BASE = f"""cluster.local:53 {{
    errors
    cache {{
            success 9984 30
            denial 9984 5
    }}
    reload
    loop
    bind {BIND}
    forward . __PILLAR__CLUSTER__DNS__ {{
            force_tcp
    }}
    prometheus :9253
    health {LINK_LOCAL}:8080
    }}
in-addr.arpa:53 {{
    errors
    cache 30
    reload
    loop
    bind {BIND}
    forward . __PILLAR__CLUSTER__DNS__ {{
            force_tcp
    }}
    prometheus :9253
    }}
ip6.arpa:53 {{
    errors
    cache 30
    reload
    loop
    bind {BIND}
    forward . __PILLAR__CLUSTER__DNS__ {{
            force_tcp
    }}
    prometheus :9253
    }}
.:53 {{
    errors
    cache 30
    reload
    loop
    bind {BIND}
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
    }}
"""


def run(*argv, check=True):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=30)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {p.stdout}")
    return p.stdout


def refused():
    """Why a node is impossible here; "" if it is possible."""
    if os.geteuid():
        return "not root"
    for tool in ("ip", "iptables-nft", "ip6tables-nft", "nft", "sysctl"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    name = f"nodens-try-{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
    except RuntimeError as e:
        return str(e)
    try:
        for family, tool in ((4, "iptables-nft"), (6, "ip6tables-nft")):
            run("ip", "netns", "exec", name, tool, "-t", "nat", "-A", "PREROUTING", "-d", KUBE_DNS[family], "-p",
                "udp", "-j", "DNAT", "--to-destination", DNS_POD[family])
        run("ip", "-n", name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
    except RuntimeError as e:
        return str(e)
    finally:
        run("ip", "netns", "del", name)
    return ""


class Node:
    def __init__(self, folder):
        self.folder = str(folder)
        self.prefix = f"nodens-{os.getpid()}-{next(_count)}-"
        self.children = []
        self.scraper = Scraper(lambda: self.read_metrics(9253))
        os.makedirs(self.folder, exist_ok=True)

    # --- namespaces ---

    def within(self, place, *argv):
        return ("ip", "netns", "exec", self.prefix + place) + argv

    def do(self, place, *argv, check=True):
        return run(*self.within(place, *argv), check=check)

    def open(self):
        for place in ("pod", "node", "dns"):
            run("ip", "netns", "add", self.prefix + place)
            self.do(place, "ip", "link", "set", "lo", "up")
            self.do(place, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        self.do("node", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for n, place in ((1, "pod"), (2, "dns")):
            run("ip", "-n", self.prefix + "node", "link", "add", "to-" + place, "type", "veth", "peer", "name", "eth0",
                "netns", self.prefix + place)
            for at, link, last in ((place, "eth0", 2), ("node", "to-" + place, 1)):
                self.do(at, "ip", "link", "set", link, "up")
                self.do(at, "ip", "addr", "add", f"10.244.{n}.{last}/24", "dev", link)
                self.do(at, "ip", "addr", "add", f"fd44:{n}::{last}/64", "dev", link, "nodad")
            self.do(place, "ip", "route", "add", "default", "via", f"10.244.{n}.1")
            self.do(place, "ip", "-6", "route", "add", "default", "via", f"fd44:{n}::1")
        # An uplink, which gives the host a route to addresses that do not exist.
        self.do("node", "ip", "route", "add", "default", "via", DNS_POD[4])
        self.do("node", "ip", "-6", "route", "add", "default", "via", DNS_POD[6])
        self.proxy()
        self.serve_dns()
        return self

    def proxy(self):
        """The rules of kube-proxy in iptables mode for two Services with one endpoint each."""
        for family, tool in ((4, "iptables-nft"), (6, "ip6tables-nft")):
            def rule(*words, tool=tool):
                self.do("node", tool, "-w", "-t", "nat", *words)
            for chain in ("KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"):
                rule("-N", chain)
            rule("-A", "PREROUTING", "-j", "KUBE-SERVICES")
            rule("-A", "OUTPUT", "-j", "KUBE-SERVICES")
            rule("-A", "POSTROUTING", "-j", "KUBE-POSTROUTING")
            rule("-A", "KUBE-MARK-MASQ", "-j", "MARK", "--set-xmark", "0x4000/0x4000")
            rule("-A", "KUBE-POSTROUTING", "-m", "mark", "!", "--mark", "0x4000/0x4000", "-j", "RETURN")
            rule("-A", "KUBE-POSTROUTING", "-j", "MASQUERADE")
            pod = f"[{DNS_POD[6]}]:53" if family == 6 else DNS_POD[4] + ":53"
            for service, address in (("DNS", KUBE_DNS[family]), ("UP", UPSTREAM[family])):
                for proto in ("udp", "tcp"):
                    name = f"{service}-{proto.upper()}"
                    rule("-N", "KUBE-SVC-" + name)
                    rule("-N", "KUBE-SEP-" + name)
                    rule("-A", "KUBE-SERVICES", "-d", address, "-p", proto, "--dport", "53", "-j", "KUBE-SVC-" + name)
                    rule("-A", "KUBE-SVC-" + name, "!", "-s", PODS[family], "-j", "KUBE-MARK-MASQ")
                    rule("-A", "KUBE-SVC-" + name, "-j", "KUBE-SEP-" + name)
                    rule("-A", "KUBE-SEP-" + name, "-p", proto, "-j", "DNAT", "--to-destination", pod)

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.kill()
                p.wait()
        for place in ("pod", "node", "dns"):
            run("ip", "netns", "del", self.prefix + place, check=False)

    # --- programs ---

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def spawn(self, place, log, *argv, env=None):
        with open(self.path(log), "ab") as out:
            p = subprocess.Popen(self.within(place, *argv), stdout=out, stderr=subprocess.STDOUT, cwd=self.folder,
                                 stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        self.children.append(p)
        return p

    def log(self, name):
        with open(self.path(name), errors="replace") as f:
            return f.read()

    def serve_dns(self):
        self.write("dns.conf", DNS_COREFILE)
        self.spawn("dns", "dns.log", NODENS, "serve", "-conf", "dns.conf")
        wait_for(lambda: "CoreDNS-" in self.log("dns.log"))

    def agent(self, *more, localip=LOCALIP, env=None, wait=True):
        """Starts an agent with the DaemonSet's command line; returns when it intercepts lookups."""
        link = self.path("node-cache")
        if not os.path.exists(link):
            os.symlink(NODENS, link)
        if not os.path.exists(self.path("Corefile.base")):
            self.write("Corefile.base", BASE)
        if not os.path.exists(self.path("kube-dns")):   # external names go to a server that does not answer
            os.mkdir(self.path("kube-dns"))
            self.write("kube-dns/upstreamNameservers", '["10.255.255.53"]')
        if os.path.exists(self.path("agent.pid")):
            os.unlink(self.path("agent.pid"))
        p = self.spawn("node", "agent.log", link, "-localip", localip, "-conf", self.path("Corefile"),
                       "-basecorefile", self.path("Corefile.base"), "-upstreamsvc", "kube-dns-upstream",
                       "-kubednscm", self.path("kube-dns"), "-pidfile", self.path("agent.pid"), *more,
                       env={"KUBE_DNS_UPSTREAM_SERVICE_HOST": UPSTREAM[4]} if env is None else env)
        if wait:
            wait_for(lambda: p.poll() is not None or os.path.exists(self.path("agent.pid")) and
                     self.figures().get("nodens_node_intercepting"))
            assert p.poll() is None, self.log("agent.log")
        return p

    def read_metrics(self, port):
        """The page at this port; "" without a server."""
        return self.do("node", "curl", "-s", "--max-time", "5", f"http://127.0.0.1:{port}/metrics", check=False)

    def figures(self):
        """The agent's own metrics, which are rendered on each request."""
        return values(self.read_metrics(9353))

    def served(self, proto=""):
        """The number of queries that the agent's server has answered: all, or those over "tcp" or "udp"."""
        return sum(v for k, v in values(self.scraper.page()).items()
                   if k.startswith("coredns_dns_requests_total") and f'proto="{proto}' in k)

    def asker(self, place, seconds, rate, *ways, name="www.default.svc.cluster.local"):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lookups.py")
        p = subprocess.Popen(self.within(place, "/usr/bin/python3", here, str(seconds), str(rate), name, *ways),
                             stdout=subprocess.PIPE, text=True)
        self.children.append(p)
        return p

    def ask(self, place, seconds, rate, *ways, **more):
        return answers(self.asker(place, seconds, rate, *ways, **more))

    # --- state of the host ---

    def host(self):
        """Links, addresses, rules, routes and sysctls of the node, without counters and timers."""
        def json_of(*argv):
            return json.loads(self.do("node", "ip", "-j", *argv) or "[]")
        rules = re.sub(r"\bcounter packets \d+ bytes \d+", "", self.do("node", "nft", "list", "ruleset"))
        sysctls = "\n".join(sorted(
            x for x in self.do("node", "sysctl", "-a", "--pattern", "^net").split("\n")
            if not re.search(r"nf_conntrack_count|\.stable_secret|sysctl: |route\.flush|tcp_fastopen_key", x)))
        return {
            "links": json_of("link"),
            "addresses": json_of("addr"),
            "routes": json_of("route", "show", "table", "all") + json_of("-6", "route", "show", "table", "all"),
            "policy": json_of("rule") + json_of("-6", "rule"),
            "rules": rules,
            "sysctls": sysctls,
        }


def answers(asker):
    out, _ = asker.communicate(timeout=60)
    assert asker.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def lost(lookups, since=0.0):
    """Lookups sent after a time and not answered with an address."""
    return [x for x in lookups if x[3] != "ok" and x[1] >= since]


def assert_same(before, after):
    for what in before:
        assert after[what] == before[what], what


def stop(process, number=signal.SIGTERM, seconds=20):
    process.send_signal(number)
    return process.wait(seconds)
