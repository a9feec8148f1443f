# SPDX-License-Identifier: Apache-2.0
"""Effects of the agent's rules on packets and on other rules, on the node of nodenet.py, which needs root."""
import os
import re
import subprocess
import time

import pytest

import nodenet
from nodenet import KUBE_DNS, LINK_LOCAL, PODS, WAYS, assert_same, lost, stop
from serving import wait_for

TOOLS = {4: "iptables-nft", 6: "ip6tables-nft"}


def test_host_clients_when_kube_proxy_knows_no_pods(node):
    """Without clusterCIDR kube-proxy masquerades nothing, and the DNS pod is on another node, where our address is that
    node's own. After SIGKILL host clients still get answers; the clean end of the next agent leaves nothing."""
    for family, tool in TOOLS.items():
        for service in ("DNS", "UP"):
            for proto in ("UDP", "TCP"):
                node.do("node", tool, "-t", "nat", "-D", f"KUBE-SVC-{service}-{proto}", "!", "-s", PODS[family], "-j",
                        "KUBE-MARK-MASQ")
        node.do("dns", "ip", "addr", "add", KUBE_DNS[family], "dev", "lo")
    before = node.host()
    agent = node.agent()
    asker = node.asker("node", 2, 1000, *WAYS)
    time.sleep(1)
    agent.kill()
    agent.wait()
    gone = time.monotonic()
    lookups = nodenet.answers(asker)
    assert len(lookups) == 2000
    assert lost(lookups, gone) == []
    assert {x[0] for x in lookups if x[1] > gone} == set(WAYS)
    assert "table inet nodens {" not in node.do("node", "nft", "list", "ruleset")
    agent = node.agent()
    assert lost(node.ask("node", 0.2, 200, *WAYS)) == []
    assert stop(agent) == 0
    assert_same(before, node.host())


CONNECTION = """
import socket, struct, sys
s = socket.create_connection((sys.argv[1], 53), timeout=5)
name = b"".join(bytes([len(x)]) + x.encode() for x in "www.default.svc.cluster.local".split(".")) + b"\\0"
for line in sys.stdin:
    q = struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + name + b"\\0\\1\\0\\1"
    try:
        s.sendall(struct.pack("!H", len(q)) + q)
        n = s.recv(2, socket.MSG_WAITALL)
        r = s.recv(struct.unpack("!H", n)[0], socket.MSG_WAITALL) if n else b""
        print("ok" if r[:2] == b"\\0\\7" and r[3] & 15 == 0 else "closed", flush=True)
    except OSError as e:
        print("reset" if isinstance(e, (ConnectionResetError, BrokenPipeError)) else e, flush=True)
"""


class Connection:
    """A persistent TCP connection with one query at a time."""

    def __init__(self, node, place, where):
        self.process = subprocess.Popen(node.within(place, "/usr/bin/python3", "-c", CONNECTION, where), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        node.children.append(self.process)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def connect_all(node):
    return [Connection(node, place, where) for place in ("pod", "node") for where in KUBE_DNS.values()]


def test_connections_through_start_and_death(node):
    """Connections to a DNS pod that are open at our start continue; ours are reset at our death and do not hang."""
    old = connect_all(node)
    assert [c.ask() for c in old] == ["ok"] * 4
    agent = node.agent(wait=False)
    while not node.figures().get("nodens_node_intercepting"):   # queried throughout: the pod closes idle ones
        assert [c.ask() for c in old] == ["ok"] * 4 and agent.poll() is None
    asked = node.served("tcp")     # without those of the loop plugin
    assert [c.ask() for c in old] == ["ok"] * 4
    assert node.served("tcp") == asked
    ours = connect_all(node)
    assert [c.ask() for c in ours] == ["ok"] * 4
    assert node.served("tcp") == asked + 4
    agent.kill()
    agent.wait()
    assert [c.ask() in ("reset", "closed") for c in ours] == [True] * 4
    assert [c.ask() for c in old] == ["ok"] * 4
    assert [c.ask() for c in connect_all(node)] == ["ok"] * 4


def tracked(node, proto):
    """The connection table's entries for our addresses, without their variable parts."""
    ours = (LINK_LOCAL, KUBE_DNS[4], "fd96:0000:0000:0000:0000:0000:0000:000a")
    lines = node.do("node", "cat", "/proc/net/nf_conntrack").splitlines()
    return {" ".join(re.findall(r"\b(?:src|dst|sport|dport)=\S+", x)) for x in lines
            if x.split()[2] == proto and any(f"dst={a} " in x for a in ours)}


def test_nothing_is_tracked(node):
    """Lookups of pods and host, over UDP and TCP, and probes, leave no entry in the connection table."""
    agent = node.agent()
    before = tracked(node, "udp"), tracked(node, "tcp")    # of the loop plugin, from before the rules
    for place in ("pod", "node"):
        asked = node.ask(place, 0.2, 100, *WAYS, "udp:" + LINK_LOCAL, "tcp:" + LINK_LOCAL)
        assert lost(asked) == []
    node.do("node", "curl", "-sS", "--max-time", "5", f"http://{LINK_LOCAL}:8080/health")
    assert (tracked(node, "udp"), tracked(node, "tcp")) == before
    assert stop(agent) == 0


def exempted(node):
    """The connections that are left to a DNS pod: "10.244.1.2 . 33000 . 10.96.0.10"."""
    listed = node.do("node", "nft", "list", "table", "inet", "nodens")
    return re.findall(r"\S+ \. \d+ \. [0-9a-f.:]+", "".join(re.findall(r"elements = \{[^}]*\}", listed)))


def test_exemptions_end(node):
    """A connection from before the start is in the rules' sets until it ends; then its port can be used again."""
    old = connect_all(node)
    assert [c.ask() for c in old] == ["ok"] * 4
    agent = node.agent("-syncinterval=1s")
    try:
        assert len(exempted(node)) == 4 and node.figures()["nodens_node_exempted_connections"] == 4
    finally:
        for c in old:
            c.process.stdin.close()
            c.process.wait()
    wait_for(lambda: exempted(node) == [] and node.figures()["nodens_node_exempted_connections"] == 0)
    asked = node.served("tcp")
    assert [c.ask() for c in connect_all(node)] == ["ok"] * 4
    assert node.served("tcp") == asked + 4
    assert stop(agent) == 0


def test_started_under_load(node):
    """Connections that begin and end while the rules come: none is reset, wherever its next packet arrives. (A host
    client may lose UDP over IPv6 between the address of the interface and the rules.)"""
    askers = [node.asker(place, 3, 700, *WAYS) for place in ("pod", "node")]
    time.sleep(0.5)
    agent = node.agent()
    asked = node.served()
    pods, host = [nodenet.answers(a) for a in askers]
    assert len(pods) == len(host) == 2100
    assert lost(pods) == [] and lost([x for x in host if x[0] != "udp:" + KUBE_DNS[6]]) == []
    assert node.served() > asked + 200
    assert stop(agent) == 0


# --- a full connection table ---

HERE = os.path.dirname(os.path.abspath(__file__))


def connects(node, place, where):
    """Whether a new TCP connection is possible."""
    return "yes" in node.do(place, "/usr/bin/python3", "-c", "import socket, sys; "
                            f"socket.create_connection(('{where}', 53), timeout=2); print('yes')", check=False)


def test_full_connection_table(node):
    """New connections of the node fail; pods and host get cached names over UDP and TCP; it is reported."""
    limit = int(node.do("node", "cat", "/proc/sys/net/netfilter/nf_conntrack_max"))
    if limit > 1 << 20:
        pytest.skip(f"the limit is too high to fill: {limit}")
    for hook in ("prerouting", "output"):       # the test's scrapes are new connections too
        node.do("node", "nft", "add table inet scrape; "
                f"add chain inet scrape {hook} {{ type filter hook {hook} priority raw; }}; "
                f"add rule inet scrape {hook} tcp dport {{ 9253, 9353 }} notrack; "
                f"add rule inet scrape {hook} tcp sport {{ 9253, 9353 }} notrack")
    agent = node.agent()
    ways = WAYS + ["udp:" + LINK_LOCAL, "tcp:" + LINK_LOCAL]
    assert lost(node.ask("pod", 0.2, 50, *ways)) == []      # cached now
    assert connects(node, "pod", nodenet.UPSTREAM[4]) and connects(node, "node", nodenet.UPSTREAM[4])
    assert node.figures()["nodens_node_conntrack_full"] == 0

    fill = ("/usr/bin/python3", os.path.join(HERE, "conntrackfill.py"))
    node.do("node", *fill, str(limit))
    assert not connects(node, "pod", nodenet.UPSTREAM[4]) and not connects(node, "node", nodenet.UPSTREAM[4])
    asked = node.served()
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.5, 240, *ways)) == []
    assert node.served() >= asked + 240
    assert "OK" in node.do("node", "curl", "-sS", "--max-time", "5", f"http://{LINK_LOCAL}:8080/health")
    figures = node.figures()
    assert figures["nodens_node_conntrack_full"] == 1 and figures["nodens_node_conntrack_limit"] == limit
    assert figures["nodens_node_conntrack_entries"] >= limit * 0.99
    assert f" of {limit} entries): new connections" in node.log("agent.log")

    node.do("node", *fill, "flush")
    wait_for(lambda: "the connection table has room again" in node.log("agent.log"))    # without a scrape
    assert node.figures()["nodens_node_conntrack_full"] == 0 and connects(node, "pod", nodenet.UPSTREAM[4])
    assert node.log("agent.log").count("the connection table is full") == 1
    assert stop(agent) == 0


# --- older kernels ---

OLD = {     # what nftables lacks: (in the rules, not in the rules, pods have DNS after SIGKILL)
    "": (["flags owner", "socket wildcard", "masquerade"], ["socket transparent"], True),
    "owner": (["socket wildcard", "socket transparent", "masquerade"], ["flags owner"], True),
    "owner wildcard nat": (["socket transparent"], ["flags owner", "socket wildcard", "masquerade"], True),
    "owner wildcard transparent nat": (["notrack"], ["socket"], False),
}


@pytest.mark.parametrize("lacks", OLD)
def test_older_kernels(node, lacks):
    """What the kernel lacks is found by trying, and reported; lookups are intercepted all the same. After a SIGKILL
    pods have DNS while the kernel knows sockets; a clean end, of the next agent, leaves nothing."""
    has, has_not, falls_back = OLD[lacks]
    library = node.path("oldkernel.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "oldkernel.c")], check=True)
    before = node.host()
    env = {"KUBE_DNS_UPSTREAM_SERVICE_HOST": nodenet.UPSTREAM[4], "LD_PRELOAD": library, "OLDKERNEL": lacks,
           "ASAN_OPTIONS": "verify_asan_link_order=0"}
    old = connect_all(node)
    assert [c.ask() for c in old] == ["ok"] * 4
    agent = node.agent(env=env)
    rules = node.do("node", "sh", "-c", "nft list table inet nodens; nft list table inet nodens-stay || true")
    assert [x for x in has if x not in rules] == [x for x in has_not if x in rules] == [], rules
    figures = node.figures()
    for feature, name in (("owned_tables", "owner"), ("socket_wildcard", "wildcard"),
                          ("socket_transparent", "transparent"), ("inet_nat", "nat")):
        assert figures[f'nodens_node_kernel_feature{{feature="{feature}"}}'] == (name not in lacks)
    assert ("no owned nftables tables" in node.log("agent.log")) == ("owner" in lacks)
    assert ("no `socket wildcard`" in node.log("agent.log")) == ("wildcard" in lacks)
    assert [c.ask() for c in old] == ["ok"] * 4
    asked = node.served()
    ways = WAYS + ["udp:" + LINK_LOCAL, "tcp:" + LINK_LOCAL]
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.3, 200, *ways)) == []
    assert node.served() == asked + 120
    agent.kill()
    agent.wait()
    assert (lost(node.ask("pod", 0.2, 100, *WAYS)) == []) == falls_back
    agent = node.agent(env=env)
    assert lost(node.ask("pod", 0.2, 100, *WAYS)) == []
    if "owner" in lacks:        # others can remove the table; it is restored
        node.do("node", "nft", "delete", "table", "inet", "nodens")
    assert stop(agent) == 0
    assert_same(before, node.host())


def test_flushed_without_an_owner(node):
    """Without owned tables the rules can be flushed by others: they are restored at the next check."""
    library = node.path("oldkernel.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "oldkernel.c")], check=True)
    agent = node.agent("-syncinterval=1s", "-skipteardown=true",
                       env={"KUBE_DNS_UPSTREAM_SERVICE_HOST": nodenet.UPSTREAM[4], "LD_PRELOAD": library,
                            "OLDKERNEL": "owner", "ASAN_OPTIONS": "verify_asan_link_order=0"})
    node.do("node", "nft", "delete", "table", "inet", "nodens")
    wait_for(lambda: node.figures()['nodens_node_restored_total{what="rules"}'] == 1)
    asked = node.served()
    assert lost(node.ask("pod", 0.2, 200, *WAYS)) == []
    assert node.served() == asked + 40
    assert stop(agent) == 0
    assert "table inet nodens {" not in node.do("node", "nft", "list", "ruleset")


# --- kube-proxy's checks ---

def refuse_new(node, what):
    """What kube-proxy has for Services without endpoints, or in nftables mode for any: new connections to a ClusterIP
    are refused, and its DNAT is gone."""
    for family, tool in TOOLS.items():
        if what == "no endpoints":
            for proto in ("UDP", "TCP"):
                node.do("node", tool, "-t", "nat", "-F", f"KUBE-SVC-DNS-{proto}")
            for chain in ("INPUT", "OUTPUT", "FORWARD"):
                node.do("node", tool, "-A", chain, "-d", KUBE_DNS[family], "-m", "conntrack", "--ctstate", "NEW", "-j",
                        "REJECT")
            continue
        ip, kind = ("ip", "ipv4_addr") if family == 4 else ("ip6", "ipv6_addr")
        node.write("check.nft", f"""table {ip} kube-proxy {{
            set cluster-ips {{ type {kind}; elements = {{ {KUBE_DNS[family]} }} }}
            chain cluster-ips-check {{ {ip} daddr @cluster-ips reject; }}
            chain filter-input {{ type filter hook input priority 0; ct state new jump cluster-ips-check; }}
            chain filter-output {{ type filter hook output priority -90; ct state new jump cluster-ips-check; }}
            chain filter-forward {{ type filter hook forward priority 0; ct state new jump cluster-ips-check; }}
        }}""")
        node.do("node", "nft", "-f", node.path("check.nft"))


@pytest.mark.parametrize("what", ["nftables mode", "no endpoints"])
def test_beside_checks_of_new_connections(node, what):
    """kube-proxy refuses new connections to the ClusterIP that its DNAT has not redirected: not those to the agent."""
    agent = node.agent()
    refuse_new(node, what)
    asked = node.served()
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.5, 200, *WAYS)) == []
    assert node.served() == asked + 200
    assert stop(agent) == 0


# --- other programs' rules ---

def original(tool, address, comment):
    """node-cache's rules for one address, as it passes them to iptables."""
    words = []
    for proto in ("tcp", "udp"):
        words += [("raw", "PREROUTING", proto, "-d", "--dport", "53", "NOTRACK"),
                  ("filter", "INPUT", proto, "-d", "--dport", "53", "ACCEPT"),
                  ("raw", "OUTPUT", proto, "-s", "--sport", "53", "NOTRACK"),
                  ("filter", "OUTPUT", proto, "-s", "--sport", "53", "ACCEPT"),
                  ("raw", "OUTPUT", proto, "-d", "--dport", "53", "NOTRACK")]
    words += [("raw", "OUTPUT", "tcp", "-d", "--dport", "8080", "NOTRACK"),
              ("raw", "OUTPUT", "tcp", "-s", "--sport", "8080", "NOTRACK")]
    for table, chain, proto, end, port, number, target in words:
        why = "NodeLocal DNS Cache: " + ("skip conntrack" if table == "raw" else "allow DNS traffic")
        yield (tool, "-w", "5", "-t", table, "-I", chain, "-p", proto, end, address, port, number, "-j", target) + \
            (("-m", "comment", "--comment", why) if comment else ())


def iptables_rules(node, what=""):
    saved = node.do("node", "sh", "-c", "iptables-nft-save; ip6tables-nft-save")
    return [x for x in saved.splitlines() if x.startswith("-A") and what in x]


@pytest.mark.parametrize("comment", [True, False])
def test_takes_over_from_a_killed_original(node, comment):
    """Its link and rules exist, nothing listens. The agent serves, and after its death so does kube-proxy, which the
    original's NOTRACK rules would have prevented."""
    for family, tool in TOOLS.items():
        node.do("node", tool, "-t", "filter", "-A", "INPUT", "-m", "comment", "--comment", "not ours", "-j", "ACCEPT")
        node.do("node", tool, "-t", "raw", "-A", "OUTPUT", "-d", "203.0.113.1" if family == 4 else "2001:db8::1",
                "-p", "udp", "--dport", "53", "-j", "NOTRACK")
    before, rules = node.host(), iptables_rules(node)
    run = ["ip link add nodelocaldns type bridge"]
    for address in (LINK_LOCAL, *KUBE_DNS.values()):
        run.append(f"ip addr add {address} dev nodelocaldns")
        tool = TOOLS[6 if ":" in address else 4]
        run += [" ".join(f"'{w}'" for w in words) for words in original(tool, address, comment)]
    node.do("node", "sh", "-ec", "\n".join(run))
    assert len(iptables_rules(node, "NOTRACK")) == 3 * 8 + 2

    agent = node.agent()
    wait_for(lambda: "removed 24 iptables rules of NodeLocal DNSCache" in node.log("agent.log"))
    assert len(iptables_rules(node, "NOTRACK")) == 2
    asked = node.served()
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.2, 100, *WAYS)) == []
    assert node.served() == asked + 40
    agent.kill()
    agent.wait()
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.2, 100, *WAYS)) == []
    agent = node.agent()
    assert stop(agent) == 0
    assert iptables_rules(node) == rules
    before.pop("rules")     # the original created chains, now empty
    assert_same(before, node.host())


def test_a_host_that_drops(node):
    """Where INPUT and OUTPUT drop by default, the agent allows DNS with iptables while it runs."""
    for tool in TOOLS.values():
        for chain in ("INPUT", "OUTPUT"):
            node.do("node", tool, "-A", chain, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT")
            node.do("node", tool, "-A", chain, "-p", "tcp", "--dport", "53", "-d", nodenet.UPSTREAM[4] if
                    tool == TOOLS[4] else nodenet.UPSTREAM[6], "-j", "ACCEPT")
        node.do("node", tool, "-A", "OUTPUT", "-p", "tcp", "--dport", "53", "-j", "ACCEPT")
        node.do("node", tool, "-A", "OUTPUT", "-o", "lo", "-j", "ACCEPT")
        node.do("node", tool, "-A", "INPUT", "-i", "lo", "-j", "ACCEPT")
        for chain in ("INPUT", "OUTPUT"):
            node.do("node", tool, "-P", chain, "DROP")
        if tool == TOOLS[6]:    # neighbour discovery
            for chain in ("INPUT", "OUTPUT"):
                node.do("node", tool, "-A", chain, "-p", "icmpv6", "-j", "ACCEPT")
    before = node.host()
    for end in ("kill", "stop"):    # the second agent finds the rules of the first and adds none twice
        agent = node.agent()
        assert len(iptables_rules(node, "nodens: allow DNS traffic")) == 3 * 4
        asked = node.served()
        ways = WAYS + ["udp:" + LINK_LOCAL, "tcp:" + LINK_LOCAL]
        assert lost(node.ask("pod", 0.5, 120, *ways)) == []
        assert node.served() == asked + 60
        if end == "kill":
            agent.kill()
            agent.wait()
    assert stop(agent) == 0
    assert_same(before, node.host())


def test_what_skipteardown_leaves_serves_host_clients(node):
    """The address remains, so kube-proxy's path to the DNS pod must work for clients with that source address."""
    for family, tool in TOOLS.items():
        node.do("node", tool, "-t", "nat", "-F", "KUBE-POSTROUTING")
        node.do("dns", "ip", "addr", "add", KUBE_DNS[family], "dev", "lo")
    before = node.host()
    assert stop(node.agent("-skipteardown=true")) == 0
    assert "table inet nodens {" not in node.do("node", "nft", "list", "ruleset")
    for place in ("pod", "node"):
        assert lost(node.ask(place, 0.2, 200, *WAYS)) == []
    assert stop(node.agent()) == 0
    assert_same(before, node.host())
