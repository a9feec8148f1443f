# SPDX-License-Identifier: Apache-2.0
"""What the agent's rules do to packets, and to the rules of others: the node of nodenet.py, which needs root."""
import re
import socket
import subprocess
import time

import pytest

import nodenet
from nodenet import KUBE_DNS, LINK_LOCAL, PODS, lost, stop

WAYS = [proto + ":" + where for proto in ("udp", "tcp") for where in KUBE_DNS.values()]
TOOLS = {4: "iptables-nft", 6: "ip6tables-nft"}


@pytest.fixture(scope="module")
def why_not():
    return nodenet.refused()


@pytest.fixture
def node(tmp_path, why_not):
    if why_not:
        pytest.skip("no network namespaces here: %s" % why_not)
    n = nodenet.Node(tmp_path)
    try:
        yield n.open()
    finally:
        n.close()
    assert not re.search("Sanitizer|runtime error:|assertion", n.log("agent.log")), n.log("agent.log")


def assert_same(before, after):
    for what in before:
        assert after[what] == before[what], what


def test_host_clients_when_kube_proxy_knows_no_pods(node):
    """Without clusterCIDR kube-proxy masquerades nothing, and the DNS pod is on another node, where our address is
    that node's own. After SIGKILL host clients are answered all the same; the next agent's clean end leaves nothing."""
    for family, tool in TOOLS.items():
        for service in ("DNS", "UP"):
            for proto in ("UDP", "TCP"):
                node.do("node", tool, "-t", "nat", "-D", "KUBE-SVC-%s-%s" % (service, proto), "!", "-s", PODS[family], "-j",
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
    """A TCP connection that is kept; a question at a time."""

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
    """Those to a DNS pod that are open at our start go on; ours are reset by our death, and not left hanging."""
    old = connect_all(node)
    assert [c.ask() for c in old] == ["ok"] * 4
    agent = node.agent()
    asked = node.served()
    assert [c.ask() for c in old] == ["ok"] * 4
    assert node.served() == asked
    ours = connect_all(node)
    assert [c.ask() for c in ours] == ["ok"] * 4
    assert node.served() == asked + 4
    agent.kill()
    agent.wait()
    assert [c.ask() in ("reset", "closed") for c in ours] == [True] * 4
    assert [c.ask() for c in old] == ["ok"] * 4
    assert [c.ask() for c in connect_all(node)] == ["ok"] * 4


def tracked(node, proto):
    """The connection table's entries of our addresses, without what changes in them."""
    ours = (LINK_LOCAL, KUBE_DNS[4], "fd96:0000:0000:0000:0000:0000:0000:000a")
    lines = node.do("node", "cat", "/proc/net/nf_conntrack").splitlines()
    return {" ".join(re.findall(r"\b(?:src|dst|sport|dport)=\S+", x)) for x in lines
            if x.split()[2] == proto and any("dst=%s " % a in x for a in ours)}


def test_nothing_is_tracked(node):
    """UDP between pods, host and agent, and probes, leave no entry in the connection table; TCP has one that leads to
    the address itself."""
    agent = node.agent()
    before = tracked(node, "udp"), tracked(node, "tcp")    # the loop plugin's, from before the rules
    for place in ("pod", "node"):
        asked = node.ask(place, 0.2, 100, *["udp:" + w for w in KUBE_DNS.values()], "udp:" + LINK_LOCAL)
        assert lost(asked) == []
    node.do("node", "curl", "-sS", "--max-time", "5", "http://%s:8080/health" % LINK_LOCAL)
    assert (tracked(node, "udp"), tracked(node, "tcp")) == before
    node.ask("pod", 0.1, 100, "tcp:" + KUBE_DNS[4])
    tcp = tracked(node, "tcp")
    assert tcp and all("src=10.244.1.2 dst=%s" % KUBE_DNS[4] in x and "src=%s dst=10.244.1.2" % KUBE_DNS[4] in x
                       for x in tcp), tcp
    assert stop(agent) == 0
