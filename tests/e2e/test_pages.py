# SPDX-License-Identifier: Apache-2.0
"""The HTTP pages: /health, /ready, /metrics with CoreDNS's names and labels."""
import contextlib
import http.client
import os
import re
import socket
import time
import urllib.request

import pytest

from serving import wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    errors
    reload
    cache 30
    loadbalance
    hosts {
        192.0.2.1 one.test
        fallthrough
    }
    loop
    forward . 127.0.0.1:@UP
}
.:@UP {
    bind 127.0.0.1
    whoami
}
"""

# The metrics of CoreDNS 1.15.0 for this Corefile and these queries: name, kind, labels. Without those of the Go
# runtime, and local_localhost_requests_total, of a plugin that is not in the Corefile.
COREDNS = """
build_info gauge goversion revision version
cache_entries gauge server type view zones
cache_hits_total counter server type view zones
cache_misses_total counter server view zones
cache_requests_total counter server view zones
dns_do_requests_total counter server view zone
dns_request_duration_seconds histogram server view zone
dns_request_size_bytes histogram proto server view zone
dns_requests_total counter family proto server type view zone
dns_response_size_bytes histogram proto server view zone
dns_responses_total counter plugin rcode server view zone
forward_healthcheck_broken_total counter
forward_max_concurrent_rejects_total counter
health_request_duration_seconds histogram
health_request_failures_total counter
hosts_entries gauge hostsfile
hosts_reload_timestamp_seconds gauge
panics_total counter
plugin_enabled gauge name server view zone
proxy_conn_cache_misses_total counter proto proxy_name to
proxy_request_duration_seconds histogram proxy_name rcode to
reload_failed_total counter
"""
# CoreDNS has these too, after a reload, or after a socket to an upstream was reused.
LATER = {"coredns_reload_version_info", "coredns_proxy_conn_cache_hits_total"}


def families(page):
    """Returns {name: "name kind label..."}; also checks the format of the page."""
    kinds, found = {}, {}
    for line in page.splitlines():
        m = re.fullmatch(r"# (HELP|TYPE) (\S+) (.+)", line)
        if m:
            if m.group(1) == "TYPE":
                assert m.group(2) not in kinds, "described twice"
                kinds[m.group(2)] = m.group(3)
            continue
        m = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)', line)
        assert m, line
        float(m.group(3))
        name = m.group(1)
        if name not in kinds:
            name = re.sub("_(bucket|sum|count)$", "", name)
            assert kinds.get(name) == "histogram", line
        labels = sorted(set(re.findall(r'(\w+)="', m.group(2) or "")) - {"le"})
        row = " ".join([name, kinds[name], *labels])
        assert found.setdefault(name, row) == row
    return found


@pytest.fixture(name="server")
def server_fixture(serve):
    return serve(COREFILE)


def test_health(server):
    assert server.get("HEALTH", "/health") == (200, "OK")
    assert server.get("HEALTH", "/other")[0] == 404


def test_ready(server):
    assert server.get("READY", "/ready") == (200, "OK")
    assert server.get("READY", "/health")[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "DELETE"])
def test_any_method(server, method):
    """As in CoreDNS the method does not matter, and a body is ignored."""
    for page, path, body in (("HEALTH", "/health", "OK"), ("READY", "/ready", "OK"), ("PROM", "/metrics", "# HELP")):
        c = http.client.HTTPConnection("127.0.0.1", server.port_of(page), timeout=8)
        for _ in range(2):    # on one connection
            c.request(method, path, None if method == "HEAD" else b"body")
            r = c.getresponse()
            got = r.read().decode()
            assert r.status == 200
            assert got == "" if method == "HEAD" else got.startswith(body)
        c.close()


def listening(pid):
    """Ports of the TCP sockets on which the process listens."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}").strip("socket:[]"))
    with open(f"/proc/{pid}/net/tcp") as f:
        rows = [line.split() for line in f]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes}


@pytest.mark.parametrize("address", ["localhost:", "127.0.0.1:0"])
def test_free_port(serve, address):
    """As with Go's net.Listen; what a Corefile has by mistake serves on a port that the kernel chooses."""
    s = serve(f".:@PORT {{\n    bind 127.0.0.1\n    prometheus {address} {{\n        runtime_metrics\n    }}\n"
              "    whoami\n}\n")
    port, = listening(s.process.pid) - {s.port}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
        assert b"coredns_build_info" in r.read()
    s.wait_log("runtime_metrics has no effect")


def test_pages_share_an_address(serve):
    s = serve(".:@PORT {\n    health 127.0.0.1:@PROM\n    ready 127.0.0.1:@PROM\n    prometheus 127.0.0.1:@PROM\n"
              "    whoami\n}\n")
    assert s.get("PROM", "/health") == (200, "OK") and s.get("PROM", "/ready") == (200, "OK")
    assert "coredns_build_info" in s.metrics_page()


def test_blocks_share_an_address(serve):
    """One page, one check a second, one message."""
    begun = time.monotonic()
    s = serve("".join(f"{zone}:@PORT {{\n    health 127.0.0.1:@PROM\n    prometheus 127.0.0.1:@PROM\n    whoami\n}}\n"
                      for zone in ("a.test", "b.test", "c.test")))
    assert s.get("PROM", "/health") == (200, "OK")
    checks = wait_for(lambda: s.metrics()["coredns_health_request_duration_seconds_count"])
    assert checks <= time.monotonic() - begun + 1
    assert s.metrics()["coredns_build_info{version=\"1.15.0\",revision=\"\",goversion=\"\"}"] == 1


@pytest.mark.parametrize("request_text,status", [
    (b"GET /health HTTP/1.0\r\n\r\n", b"200"),
    (b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
    (b"GET /health?full HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"200"),
    (b"nonsense\r\n\r\n", b"400"),
    (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", None),
], ids=["old", "head", "with a query", "nonsense", "too long"])
def test_odd_requests(server, request_text, status):
    """Each is answered or refused, and the next one is served."""
    with socket.create_connection(("127.0.0.1", server.port_of("HEALTH")), timeout=8) as c:
        try:
            c.sendall(request_text)
            reply = c.recv(4096)
        except ConnectionError:
            reply = b""
    if status:
        assert reply.split(b" ")[1] == status
    else:
        assert not reply.startswith(b"HTTP/1.1 200")
    assert server.get("HEALTH", "/health") == (200, "OK")


def test_metric_families(server):
    for _ in range(2):
        server.ask("x.test.")
        server.ask("one.test.", "AAAA", tcp=True, want_dnssec=True)
    found = families(server.metrics_page())
    ours = {n: row for n, row in found.items() if n.startswith("coredns_") and n not in LATER}
    assert sorted(ours.values()) == ["coredns_" + row for row in COREDNS.split("\n") if row]
    for name in ("udp_overflowed_total", "udp_unsent_total", "udp_receive_buffer_bytes", "queries_shed_total",
                 "queries_timed_out_total", "tcp_refused_total"):
        assert "nodens_" + name in found


def test_metric_values(server):
    for _ in range(3):
        server.ask("one.test.")
    server.ask("one.test.", "TYPE300", tcp=True, want_dnssec=True)
    server.ask("x.test.", "MX")
    server.ask("one.test.", rdclass="CH", port=server.port_of("UP"))
    m = server.metrics()
    here = f'server="dns://127.0.0.1:{server.port}",zone=".",view=""'
    assert m[f'coredns_dns_requests_total{{{here},proto="udp",family="1",type="A"}}'] == 3
    assert m[f'coredns_dns_requests_total{{{here},proto="tcp",family="1",type="other"}}'] == 1
    assert m[f'coredns_dns_requests_total{{{here},proto="udp",family="1",type="MX"}}'] == 1
    assert m[f"coredns_dns_do_requests_total{{{here}}}"] == 1
    # loop's own query is counted too
    assert m[f'coredns_dns_request_duration_seconds_count{{{here}}}'] >= 5
    buckets = [v for k, v in m.items() if k.startswith("coredns_dns_request_duration_seconds_bucket{" + here)]
    assert buckets == sorted(buckets) and buckets[-1] == m[f'coredns_dns_request_duration_seconds_count{{{here}}}']
    assert m[f'coredns_dns_request_size_bytes_sum{{{here},proto="tcp"}}'] == 12 + 10 + 4 + 11
    assert m['coredns_hosts_entries{hostsfile="/etc/hosts"}'] >= 1
    assert m['coredns_build_info{version="1.15.0",revision="",goversion=""}'] == 1
    for plugin in ("prometheus", "errors", "loadbalance", "cache", "hosts", "loop", "forward"):
        assert m[f'coredns_plugin_enabled{{{here},name="{plugin}"}}'] == 1
    assert server.metrics()[f'coredns_dns_requests_total{{{here},proto="udp",family="1",type="A"}}'] == 3


def test_dropped(serve):
    """A query that no block answers is counted under zone "dropped"."""
    s = serve("a.test:@PORT {\n    bind 127.0.0.1\n    prometheus 127.0.0.1:@PROM\n    whoami\n}\n")
    s.ask("b.test.")
    m = s.metrics()
    here = f'server="dns://127.0.0.1:{s.port}",zone="dropped",view=""'
    assert m[f'coredns_dns_responses_total{{{here},rcode="REFUSED",plugin=""}}'] == 1
    assert m[f'coredns_dns_requests_total{{{here},proto="udp",family="1",type="A"}}'] == 1


def test_counts_survive_a_reload(server):
    server.ask("one.test.")
    server.write("Corefile", COREFILE.replace("192.0.2.1", "192.0.2.2"))
    server.reload()
    server.ask("one.test.")
    here = f'server="dns://127.0.0.1:{server.port}",zone=".",view=""'
    assert server.metrics()[f'coredns_dns_requests_total{{{here},proto="udp",family="1",type="A"}}'] == 2


def test_failed_reloads_are_counted(serve):
    """Counted once for any number of blocks."""
    s = serve(".:@PORT {\n    prometheus 127.0.0.1:@PROM\n    reload 2s 1s\n    whoami\n}\n"
              "a.test:@PORT {\n    reload 2s 1s\n    whoami\n}\n")
    assert s.metrics()["coredns_reload_failed_total"] == 0
    s.write("Corefile", ".:@PORT {\n    nonsense\n}\n")
    s.wait_log(r"\[ERROR\] Reload failed")
    time.sleep(3.2)  # the longest time that the other one could take
    assert s.metrics()["coredns_reload_failed_total"] == 1
    assert len(re.findall("Reload failed", s.log())) == 1
