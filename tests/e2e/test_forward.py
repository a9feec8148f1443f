# SPDX-License-Identifier: Apache-2.0
"""forward and loop, over sockets, against upstreams that drop, delay, forge, truncate and refuse."""
import concurrent.futures
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty import NODENS, Nodens, Upstream, free_port  # noqa: E402


@pytest.fixture(name="up")
def up_fixture():
    u = Upstream()
    yield u
    u.close()


@pytest.fixture(name="up2")
def up2_fixture():
    u = Upstream("192.0.2.2")
    yield u
    u.close()


def corefile(*upstreams, options="", more=""):
    to = " ".join(f"127.0.0.1:{getattr(u, 'port', u)}" for u in upstreams)
    return f".:PORT {{\n errors\n forward . {to} {{\n{options}\n }}\n{more}\n}}\n"


def addresses(reply):
    return [r.to_text() for rrset in reply.answer for r in rrset]


def test_passes_on_what_comes(up):
    with Nodens(corefile(up)) as n:
        r = n.ask("www.example.org.")
        assert addresses(r) == ["192.0.2.1"]
        assert r.flags & dns.flags.RA and not r.flags & dns.flags.AA
        assert n.ask("nxdomain.test.").rcode() == dns.rcode.NXDOMAIN
        r = n.ask("www.example.org.", tcp=True)
        assert addresses(r) == ["192.0.2.1"]
    assert len(up.asked("www.example.org.", "tcp")) == 1


def test_what_is_sent(up):
    cookie = dns.edns.GenericOption(10, b"12345678")
    with Nodens(corefile(up)) as n:
        n.ask("EXAMPLE.org.", edns=True, payload=1400, want_dnssec=True, options=[cookie],
              flags=dns.flags.RD | dns.flags.CD | dns.flags.AD)
        n.ask("plain.test.", flags=0)
    sent = up.asked("example.org.")[0][3]
    assert sent.question[0].name.to_text() == "EXAMPLE.org."
    assert sent.payload == 1400 and sent.ednsflags & dns.flags.DO
    assert [(int(o.otype), o.to_wire()) for o in sent.options] == [(10, b"12345678")]
    assert sent.flags & dns.flags.RD and sent.flags & dns.flags.CD and sent.flags & dns.flags.AD
    plain = up.asked("plain.test.")[0][3]
    assert plain.edns == -1 and plain.flags == 0


@pytest.mark.parametrize("label,rcode,tc", [
    ("wrongname", dns.rcode.SERVFAIL, False),
    ("noqr", dns.rcode.SERVFAIL, False),
    ("wrongid", dns.rcode.SERVFAIL, False),
    ("short", dns.rcode.SERVFAIL, False),
    ("forged", dns.rcode.NOERROR, False),
    ("tc", dns.rcode.NOERROR, True),
    ("cut", dns.rcode.NOERROR, True),
    ("long", dns.rcode.NOERROR, True),
])
def test_lies(up, label, rcode, tc):
    with Nodens(corefile(up, options="read_timeout 300ms\nmax_connect_attempts 1")) as n:
        r = n.ask(label + ".test.")
        assert r.rcode() == rcode
        assert bool(r.flags & dns.flags.TC) == tc
        if rcode != dns.rcode.NOERROR or tc:
            assert not r.answer
        assert addresses(n.ask("good.test.")) == ["192.0.2.1"]
    if rcode == dns.rcode.SERVFAIL:
        assert len(up.asked(label + ".test.")) >= 1


def test_prefer_udp_retries_truncated(up):
    with Nodens(corefile(up, options="prefer_udp")) as n:
        r = n.ask("tc.test.", tcp=True)
        assert addresses(r) == ["192.0.2.1"]
        r = n.ask("tc.test.")
        assert addresses(r) == ["192.0.2.1"] and not r.flags & dns.flags.TC
    assert len(up.asked("tc.test.", "udp")) == 2
    assert len(up.asked("tc.test.", "tcp")) == 2


def test_force_tcp_uses_one_connection(up):
    with Nodens(corefile(up, options="force_tcp")) as n:
        for i in range(20):
            assert addresses(n.ask(f"n{i}.test.")) == ["192.0.2.1"]
    assert not up.asked(protocol="udp")
    assert 1 <= up.connections <= (os.cpu_count() or 1)  # at most one per worker


def test_hangup_is_retried_then_fails(up):
    with Nodens(corefile(up, options="force_tcp\nmax_connect_attempts 2")) as n:
        assert addresses(n.ask("good.test.")) == ["192.0.2.1"]
        assert n.ask("hangup.test.").rcode() == dns.rcode.SERVFAIL
        assert addresses(n.ask("good.test.")) == ["192.0.2.1"]
        n.wait_log("EOF")


def test_one_silent_upstream_of_two(up):
    silent = Upstream(mode="silent")
    try:
        with Nodens(corefile(silent, up, options="policy sequential")) as n:
            for i in range(10):
                start = time.monotonic()
                assert addresses(n.ask(f"n{i}.test.")) == ["192.0.2.1"]
                assert time.monotonic() - start < 1.5  # read_timeout is 2 s
        assert silent.asked(".")  # it was probed
    finally:
        silent.close()


def test_silent_upstream_alone(up):
    up.mode = "silent"
    with Nodens(corefile(up, options="read_timeout 500ms")) as n:
        start = time.monotonic()
        r = n.ask("a.test.")
        took = time.monotonic() - start
        assert r.rcode() == dns.rcode.SERVFAIL
        assert 0.9 < took < 3  # two tries of half a second
        n.wait_log(rf"\[ERROR\] plugin/errors: 2 a\.test\. A: read udp 127\.0\.0\.1:\d+->127\.0\.0\.1:{up.port}: "
                   "i/o timeout")


def test_closed_port_fails_at_once():
    with Nodens(corefile(free_port())) as n:
        start = time.monotonic()
        assert n.ask("a.test.").rcode() == dns.rcode.SERVFAIL
        assert time.monotonic() - start < 1.5
        n.wait_log("connection refused")


def test_closed_port_of_two(up):
    with Nodens(corefile(free_port(), up, options="policy sequential")) as n:
        for i in range(5):
            assert addresses(n.ask(f"n{i}.test.")) == ["192.0.2.1"]


def test_comes_back(up):
    port = free_port()
    with Nodens(corefile(port, options="health_check 50ms")) as n:
        assert n.ask("a.test.").rcode() == dns.rcode.SERVFAIL
        late = Upstream("192.0.2.9", port=port)
        try:
            deadline = time.monotonic() + 5
            while not late.asked(".") and time.monotonic() < deadline:
                time.sleep(0.02)
            assert late.asked(".")[0][2] == 2  # NS
            assert addresses(n.ask("b.test.")) == ["192.0.2.9"]
        finally:
            late.close()


def test_health_check_options():
    port = free_port()
    with Nodens(corefile(port, options="health_check 50ms no_rec domain Probe.Test")) as n:
        n.ask("a.test.")
        late = Upstream(port=port)
        try:
            deadline = time.monotonic() + 5
            while not late.seen and time.monotonic() < deadline:
                time.sleep(0.02)
            probe = late.asked("probe.test.")[0]
            assert probe[2] == 2 and not probe[3].flags & dns.flags.RD
        finally:
            late.close()


def test_failfast():
    with Nodens(corefile(free_port(), options="health_check 20ms\nfailfast_all_unhealthy_upstreams")) as n:
        n.ask("a.test.")
        deadline = time.monotonic() + 5
        while "no healthy proxies" not in n.log() and time.monotonic() < deadline:
            assert n.ask("b.test.").rcode() == dns.rcode.SERVFAIL
            time.sleep(0.05)
        assert "no healthy proxies" in n.log()


def test_equal_questions_are_asked_once(up):
    with Nodens(corefile(up, options="policy sequential")) as n, \
            concurrent.futures.ThreadPoolExecutor(30) as pool:
        n.ask("warm.test.")
        replies = list(pool.map(lambda _: n.ask("delay400.test."), range(30)))
    assert all(addresses(r) == ["192.0.2.1"] for r in replies)
    # One per worker, and at most two retransmissions each.
    assert len(up.asked("delay400.test.")) <= 4 * (os.cpu_count() or 1)


def test_round_robin_starts_with_the_second(up, up2):
    with Nodens(corefile(up, up2, options="policy round_robin")) as n:
        got = [addresses(n.ask(f"n{i}.test."))[0] for i in range(6)]
    assert got == ["192.0.2.2", "192.0.2.1"] * 3


def test_sequential(up, up2):
    with Nodens(corefile(up, up2, options="policy sequential")) as n:
        assert {addresses(n.ask(f"n{i}.test."))[0] for i in range(10)} == {"192.0.2.1"}


def test_random_uses_both(up, up2):
    with Nodens(corefile(up, up2)) as n:
        assert {addresses(n.ask(f"n{i}.test."))[0] for i in range(40)} == {"192.0.2.1", "192.0.2.2"}


def test_except_and_from(up):
    text = f"test.:PORT {{\n forward example.test 127.0.0.1:{up.port} {{\n except no.example.test\n }}\n whoami\n}}\n"
    with Nodens(text) as n:
        assert addresses(n.ask("www.example.test.")) == ["192.0.2.1"]
        for name in ("no.example.test.", "www.no.example.test.", "other.test."):
            assert not n.ask(name).answer
    assert {s[1] for s in up.asked()} == {"www.example.test."}


def test_max_concurrent(up):
    with Nodens(corefile(up, options="max_concurrent 3")) as n, \
            concurrent.futures.ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda i: n.ask(f"delay600-{i}.test."), range(12)))
        codes = sorted(r.rcode() for r in replies)
        assert codes.count(dns.rcode.NOERROR) == 3 and codes.count(dns.rcode.REFUSED) == 9
        n.wait_log("concurrent queries exceeded maximum 3")
        assert addresses(n.ask("after.test.")) == ["192.0.2.1"]  # all slots are free again


def test_next_and_next_on_nodata(up, up2):
    text = (f".:PORT {{\n forward . 127.0.0.1:{up.port} {{\n next NXDOMAIN SERVFAIL\n next_on_nodata\n }}\n"
            f" forward . 127.0.0.1:{up2.port} {{\n next NXDOMAIN\n }}\n}}\n")
    up.mode = "nxdomain"
    with Nodens(text) as n:
        assert addresses(n.ask("a.test.")) == ["192.0.2.2"]
        up.mode = ""
        assert addresses(n.ask("b.test.")) == ["192.0.2.1"]
        assert n.ask("nodata.test.").rcode() == dns.rcode.NOERROR
        assert n.ask("nxdomain.test.").rcode() == dns.rcode.NXDOMAIN  # the last forward's answer is used
    assert up2.asked("nodata.test.") and up2.asked("nxdomain.test.")


def test_failover(up, up2):
    up.mode = "refused"
    with Nodens(corefile(up, up2, options="policy sequential\nfailover REFUSED SERVFAIL")) as n:
        assert addresses(n.ask("a.test.")) == ["192.0.2.2"]
        up2.mode = "refused"
        assert n.ask("b.test.").rcode() == dns.rcode.REFUSED


def test_source_address(up):
    with Nodens(corefile(up, options="source_address 127.0.0.77")) as n:
        n.ask("a.test.")
    assert up.asked("a.test.")[0][4][0] == "127.0.0.77"


def test_resolv_conf(up, tmp_path):
    """Such a file has no ports: its servers are queried on port 53, where nothing listens here."""
    conf = tmp_path / "resolv.conf"
    conf.write_text("# comment\nsearch a.test\nnameserver 127.9.8.7\nnameserver not-an-address\n")
    with Nodens(f".:PORT {{\n errors\n forward . {conf}\n}}\n") as n:
        assert n.ask("a.test.").rcode() == dns.rcode.SERVFAIL
        n.wait_log("127.9.8.7:53")
        n.wait_log("not-an-address")


def test_ports_and_ids_differ(up):
    with Nodens(corefile(up)) as n:
        for i in range(300):
            n.ask(f"n{i}.test.")
    seen = up.asked()
    assert len({s[3].id for s in seen}) > 280
    ports = [s[4][1] for s in seen]
    assert len(set(ports)) >= 5
    assert max(ports.count(p) for p in set(ports)) <= 64


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
        return dict(line.rsplit(" ", 1) for line in r.read().decode().splitlines() if line[0] != "#")


def test_metrics(up):
    port = free_port()
    text = corefile(up, more=f" prometheus 127.0.0.1:{port}")
    text += f"b.test.:PORT {{\n forward . 127.0.0.1:{up.port}\n}}\n"  # the same upstream: counted once
    with Nodens(text) as n:
        for i in range(5):
            n.ask(f"n{i}.test.")
        n.ask("nxdomain.b.test.")
        m = metrics(port)
    to = f'proxy_name="forward",to="127.0.0.1:{up.port}"'
    assert m[f'coredns_proxy_request_duration_seconds_count{{{to},rcode="NOERROR"}}'] == "5"
    assert m[f'coredns_proxy_request_duration_seconds_count{{{to},rcode="NXDOMAIN"}}'] == "1"
    assert m[f'coredns_proxy_request_duration_seconds_bucket{{{to},rcode="NOERROR",le="+Inf"}}'] == "5"
    assert sum(int(v) for k, v in m.items() if re.match(r"coredns_proxy_conn_cache_(hits|misses)_total", k)) == 6
    assert m["coredns_forward_healthcheck_broken_total"] == "0"
    assert m["coredns_forward_max_concurrent_rejects_total"] == "0"


@pytest.mark.parametrize("options,text", [
    ("policy", "policy"),
    ("policy best", 'invalid policy "best"'),
    ("health_check -1s", 'invalid health_check "-1s"'),
    ("health_check 1s often", 'invalid health_check option "often"'),
    ("expire 10", "expire"),
    ("max_age 1s", "must not be less than expire"),
    ("read_timeout 0s", 'invalid read_timeout "0s": must be positive'),
    ("max_concurrent many", "max_concurrent"),
    ("max_fails 1 2", "max_fails"),
    ("next NONESUCH", 'invalid response code "NONESUCH"'),
    ("failover NOERROR", "NoError cannot be used in failover"),
    ("source_address host", 'invalid IP address "host"'),
    ("doh_method PUT", 'invalid doh_method "PUT": must be POST or GET'),
    ("resolver host", 'invalid resolver "host": must be an IP address'),
    ("tls_servername a b", "tls_servername"),
    ("tls none.pem", "none.pem"),
    ("tls none.pem none.key", "none.pem"),
    ("tls a b c d", "tls"),
    ("nonesuch", "nonesuch"),
])
def test_refused_options(options, text):
    refused(corefile(53, options=" " + options), text)


CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUHIoSZPi+JNFgxyDSyNg4SvrreMIwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFdGVzdHMwIBcNMjYxMTI0MjAwNzU1WhgPMjEyNjEwMzEyMDA3
NTVaMBAxDjAMBgNVBAMMBXRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
anQxHE4V10l80RPuECoeBUWwkzJFyIOrmHQMJToR+InQk7xzMC8AaikVFHIPqhhF
aCU7VjvesEmL4Jh/0NKgpaNTMFEwHQYDVR0OBBYEFKYNx5t4KNsOIljtfmhA5hWk
uh/bMB8GA1UdIwQYMBaAFKYNx5t4KNsOIljtfmhA5hWkuh/bMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOyqX+E/MHNZV64R8n/VjDPvrzZyqyaS
S0suRhCwqYNtAiBrgbV294UJHVy4YL9K2+h1lvdYTA367hK0Ilq6lPg6XQ==
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize("words", ["tls", "tls %s"])
def test_tls_is_of_no_use_to_plain_upstreams(up, tmp_path, words):
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    options = (words % (tmp_path / "ca.pem") if "%" in words else words) + "\n tls_servername a.test"
    with Nodens(corefile(up, options=options)) as n:
        assert addresses(n.ask("www.example.org.")) == ["192.0.2.1"]


def test_files_of_tls_are_read(tmp_path):
    (tmp_path / "cert.pem").write_text(CERTIFICATE)
    (tmp_path / "key.pem").write_text("none")
    refused(corefile(53, options=f"tls {tmp_path}/cert.pem {tmp_path}/key.pem"), "key.pem")
    refused(corefile(53, options=f"tls {tmp_path}/key.pem"), "key.pem")


@pytest.mark.parametrize("to,text", [
    ("https://127.0.0.1/dns-query", "paths are not allowed"),
    ("quic://127.0.0.1", "not supported yet"),
    ("grpc://127.0.0.1", "not supported as a destination protocol"),
    ("ns.invalid {\n resolver 127.0.0.1:1\n }", "failed to resolve \"ns.invalid\": 127.0.0.1:1: i/o timeout"),
    ("a..b", "not an IP address, file, or valid domain"),
    ("ns.test:0", "not an IP address, file, or valid domain"),
    ("127.0.0.1 {\n resolver ns.test\n }", "invalid resolver \"ns.test\": must be an IP address or IP:port"),
    ("/nonexistent/resolv.conf", "not an IP address, file, or valid domain"),
    (" ".join(f"127.0.0.{i}" for i in range(1, 17)), "more than 15 TOs"),
    ("", "forward takes FROM TO..."),
])
def test_refused_upstreams(to, text):
    refused(f".:PORT {{\n forward . {to}\n}}\n", text)


def refused(conf, text):
    with Nodens(conf) as n:
        n.process.wait(20)
        assert n.process.returncode == 1
        assert "Corefile:" in n.log() and text in n.log(), n.log()


def test_reload_keeps_sockets(up):
    with Nodens(corefile(up, options="force_tcp")) as n:
        for i in range(8):
            n.ask(f"a{i}.test.")
        before = up.connections
        path = os.path.join(n.dir.name, "Corefile")
        with open(path, "a") as f:
            f.write("\nother.test:PORT {\n whoami\n}\n".replace("PORT", str(n.port)))
        n.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 10
        while not n.ask("x.other.test.").additional and time.monotonic() < deadline:
            time.sleep(0.05)
        for i in range(8):
            assert addresses(n.ask(f"b{i}.test.")) == ["192.0.2.1"]
        assert up.connections <= max(before, os.cpu_count() or 1)


def test_stop_with_questions_under_way(up):
    up.mode = "silent"
    with Nodens(corefile(up)) as n, concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(lambda i=i: n.ask(f"a{i}.test.", timeout=3)) for i in range(8)]
        time.sleep(0.3)
        n.process.terminate()
        n.process.wait(15)
        assert n.process.returncode == 0
        for a in asking:
            try:
                a.result()
            except Exception:
                pass  # a missing answer is acceptable here


def test_loop_is_fatal():
    port = free_port()
    text = f".:{port} {{\n errors\n loop\n forward . 127.0.0.1:{port}\n}}\n"
    with Nodens(text) as n:
        assert n.process.wait(20) == 1
        assert re.search(fr"\[FATAL\] plugin/loop: Loop \(127\.0\.0\.1:\d+ -> :{port}\) detected for zone \"\.\", see "
                         r"https://coredns\.io/plugins/loop#troubleshooting\. Query: \"HINFO \d+\.\d+\.\"",
                         n.log()), n.log()


def test_loop_is_fatal_at_once():
    """Queries that wait are not waited for."""
    port = free_port()
    silent = Upstream(mode="silent")
    text = f"example.org:{port} {{\n loop\n forward . 127.0.0.1:{port}\n}}\n" \
           f".:{port} {{\n forward . 127.0.0.1:{silent.port}\n}}\n"
    with Nodens(text) as n, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        found = None
        while n.process.poll() is None:
            s.sendto(dns.message.make_query("waits.test.", "A").to_wire(), ("127.0.0.1", port))
            time.sleep(0.01)
            if not found and 'detected for zone "example.org."' in n.log():
                found = time.monotonic()
        assert n.process.returncode == 1
        assert not found or time.monotonic() - found < 3    # waiting for them takes 5 s
        assert '[FATAL] plugin/loop: Loop (' in n.log()
    silent.close()


def test_no_loop(up):
    with Nodens(corefile(up, more=" loop")) as n:
        deadline = time.monotonic() + 5
        while not [s for s in up.asked() if s[2] == 13] and time.monotonic() < deadline:
            time.sleep(0.02)
        hinfo = [s for s in up.asked() if s[2] == 13]
        assert len(hinfo) >= 1 and re.fullmatch(r"\d+\.\d+\.", hinfo[0][1])
        assert addresses(n.ask("a.test.")) == ["192.0.2.1"]
        assert n.process.poll() is None


def test_loop_takes_nothing():
    refused(".:PORT {\n loop argument\n}\n", "loop takes no argument")
    refused(".:PORT {\n loop\n loop\n}\n", "only be used once")


def test_binary_is_there():
    assert subprocess.run([NODENS, "serve", "-version"], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_half_closed_client_gets_its_answer(up):
    """RFC 7766 s6.2.4: a client that has closed its sending side still gets its answer."""
    with Nodens(corefile(up)) as n:
        with socket.create_connection(("127.0.0.1", n.port), 5) as s:
            wire = dns.message.make_query("delay300.test.", "A").to_wire()
            s.sendall(len(wire).to_bytes(2, "big") + wire)
            s.shutdown(socket.SHUT_WR)
            got = b""
            while chunk := s.recv(4096):
                got += chunk
    m = dns.message.from_wire(got[2:])
    assert m.answer and len(got) == 2 + int.from_bytes(got[:2], "big")
