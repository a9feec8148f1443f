# SPDX-License-Identifier: Apache-2.0
"""From the command line to the last signal: flags, start, reload, stop."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import dns.exception
import dns.message
import dns.rcode
import pytest

from serving import NODENS, frame, free_port, read_frame, texts, wait_for

ALL_PLUGINS = """acl any auto autopath azure bind bufsize cache cancel chaos clouddns debug dns64 dnssec dnstap
    dynupdate erratic errors etcd file forward geoip grpc grpc_server header health hosts https https3 k8s_external kubernetes
    loadbalance local log loop metadata minimal multisocket nomad nsid pprof prometheus proxyproto quic ready reload
    rewrite root route53 secondary shed sign siit template timeouts tls trace transfer tsig view whoami on"""
ONE = ".:@PORT {\n    errors\n    hosts {\n        192.0.2.%d www.test\n    }\n}\n"


def run(*args, cwd=None, stdin=None, program=(NODENS, "serve")):
    """Runs nodens until it exits; returns (status, output, errors)."""
    p = subprocess.run([*program, *args], capture_output=True, text=True, cwd=cwd, input=stdin, timeout=20, check=False)
    return p.returncode, p.stdout, p.stderr


# --- the command line ---

def test_conf_and_port(serve):
    s = serve(". {\n    bind 127.0.0.1\n    whoami\n}\n", args=("-conf", "Corefile", "-dns.port", "@PORT"))
    assert s.ask("x.test.").rcode() == dns.rcode.NOERROR
    assert f".:{s.port} on 127.0.0.1\n" in s.log()


@pytest.mark.parametrize("flags", [("-p", "@PORT"), ("-p=@PORT",), ("--dns.port=@PORT",)])
def test_other_ways_to_say_it(serve, flags):
    s = serve(". {\n    whoami\n}\n", args=("--conf=Corefile", *flags), name="coredns")
    assert s.ask("x.test.").rcode() == dns.rcode.NOERROR
    assert f".:{s.port}\n" in s.log()


def test_corefile_from_a_pipe(serve):
    s = serve(args=("-conf", "stdin"), stdin=ONE % 1)
    assert texts(s.ask("www.test.")) == ["192.0.2.1"]


def test_pidfile(serve):
    s = serve(ONE % 1, args=("-conf", "Corefile", "-pidfile", "@DIR/pid"))
    path = os.path.join(s.folder, "pid")
    with open(path) as f:
        assert f.read() == f"{s.process.pid}\n"
    s.signal(signal.SIGTERM)
    assert s.wait() == 0
    assert not os.path.exists(path)


def test_quiet(serve):
    s = serve(ONE % 1, args=("-conf", "Corefile", "-quiet"), wait=False)

    def answered():
        try:
            return texts(s.ask("www.test.", timeout=0.2)) == ["192.0.2.1"]
        except (dns.exception.Timeout, OSError):
            return False
    wait_for(answered)
    assert s.log() == ""


def test_version():
    status, out, err = run("-version")
    assert status == 0 and err == ""
    assert re.fullmatch(r"nodens-\d+\.\d+\.\d+ \(CoreDNS-1\.15\.0\)\nlinux/\S+\n", out)


@pytest.fixture(name="coredns")
def coredns_fixture(tmp_path):
    os.symlink(NODENS, tmp_path / "coredns")
    return str(tmp_path / "coredns")


def test_version_of_coredns(coredns):
    status, out, err = run("-version", program=(coredns,))
    assert status == 0 and err == ""
    assert re.fullmatch(r"CoreDNS-1\.15\.0\nlinux/\S+, \S+, nodens-\S+\n", out)


def test_plugins_of_coredns(coredns):
    """All names of 1.15.0, sorted, "on" last, and an empty line."""
    status, out, _ = run("-plugins", program=(coredns,))
    assert status == 0
    assert out == "\n".join(ALL_PLUGINS.split()) + "\n\n"


def test_banner_of_coredns(serve):
    """Its lines and no others; the zones of a port are sorted."""
    s = serve("example.org:@PORT {\n    whoami\n}\n.:@OTHER {\n    whoami\n}\n"
              "a.org:@PORT b.org:@OTHER {\n    whoami\n}\n", name="coredns")
    s.wait_log("nodens-")
    assert re.fullmatch(fr"a\.org\.:{s.port}\nexample\.org\.:{s.port}\n\.:{s.port_of('OTHER')}\n"
                        fr"b\.org\.:{s.port_of('OTHER')}\nCoreDNS-1\.15\.0\nlinux/\S+, \S+, \S+\n", s.log())


def test_plugins():
    status, out, _ = run("-plugins")
    assert status == 0
    names = re.findall(r"^  dns\.(\S+)$", out, re.M)
    assert {"errors", "cache", "hosts", "forward", "whoami"} <= set(names) and len(set(names)) == len(names)


@pytest.mark.parametrize("args,status,text", [
    (("extra",), 1, "extra command line arguments: extra"),
    (("-quiet", "more"), 1, "extra command line arguments: more"),
    (("-unknown",), 2, "flag provided but not defined: -unknown"),
    (("-conf",), 2, "flag needs an argument: -conf"),
    (("-log-format", "xml"), 1, 'unknown log format "xml": expected text or json'),
    (("-log-format", "json"), 1, 'log format "json" is not supported yet'),
    (("-p", "70000"), 1, 'invalid port "70000"'),
    (("-p", "x"), 1, 'invalid port "x"'),
    (("-conf", "/nonexistent/Corefile"), 1, "/nonexistent/Corefile"),
])
def test_refused(args, status, text):
    got, out, err = run(*args)
    assert got == status and text in err and "CoreDNS-" not in out


def test_no_corefile(serve):
    """Then CoreDNS's default: whoami and log on the default port."""
    s = serve(args=("-p", "@PORT"))
    r = s.ask("a.test.", tcp=True)
    assert r.rcode() == dns.rcode.NOERROR
    assert "_tcp.a.test." in r.to_text()
    s.wait_log(r'\[INFO\] 127\.0\.0\.1:\d+ - \d+ "A IN a\.test\. tcp ')


@pytest.mark.parametrize("corefile,text", [
    (".:1053 {\n    whoami\n    nonsense\n}\n", "Corefile:3 - Unknown directive 'nonsense'"),
    (".:1053 {\n    ready x y\n}\n", "Corefile:2 - plugin/ready"),
    (".:1053 {\n    whoami\n}\n.:1053 {\n    whoami\n}\n", "Corefile:4 - cannot serve dns://.:1053"),
    (".:1053 {\n    whoami\n", "Corefile:2"),
])
def test_broken_corefile(tmp_path, corefile, text):
    (tmp_path / "Corefile").write_text(corefile)
    status, out, err = run("-conf", "Corefile", cwd=tmp_path)
    assert status == 1 and text in err and "CoreDNS-" not in out, err


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_port_in_use(tmp_path, kind):
    port = free_port()
    (tmp_path / "Corefile").write_text(f".:{port} {{\n    bind 127.0.0.1\n    whoami\n}}\n")
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        status, out, err = run("-conf", "Corefile", cwd=tmp_path)
    assert status == 1 and "CoreDNS-" not in out
    assert re.search(fr"can't listen on dns://127\.0\.0\.1:{port}: .*in use", err)


def test_page_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()[1]
        (tmp_path / "Corefile").write_text(f".:{free_port()} {{\n    health 127.0.0.1:{busy}\n}}\n")
        status, _, err = run("-conf", "Corefile", cwd=tmp_path)
    assert status == 1 and f"Corefile:2 - plugin/health: can't listen on 127.0.0.1:{busy}" in err


# --- reload ---

class Asker(threading.Thread):
    """Sends one query after another from new sockets, over UDP and TCP, until finish()."""

    def __init__(self, server):
        super().__init__()
        self.server, self.over = server, threading.Event()
        self.answers, self.lost = [], []
        self.start()

    def run(self):
        i = 0
        while not self.over.is_set():
            i += 1
            try:
                asked = time.monotonic()
                r = self.server.ask("www.test.", tcp=i % 5 == 0, timeout=3)
                self.answers.append((asked, int(texts(r)[0].rpartition(".")[2])))
            except Exception as e:
                self.lost.append((i, repr(e)))

    def finish(self):
        self.over.set()
        self.join()
        return self.answers


def test_reload_under_questions(serve):
    """No query is lost; a query after a reload gets the new answer. (During the reload one worker may still give the
    old answer after another has switched.)"""
    s = serve(ONE % 1)
    done = []
    askers = [Asker(s) for _ in range(3)]
    with s.connect() as kept:
        for n in range(2, 7):
            time.sleep(0.15)
            s.write("Corefile", ONE % n)
            s.reload()
            done.append((time.monotonic(), n))
            kept.sendall(frame(dns.message.make_query("www.test.", "A").to_wire()))
            assert read_frame(kept)[-1] == n  # an older connection gets answers of the new generation
    for a in askers:
        answers = a.finish()
        assert a.lost == []
        assert len({n for _, n in answers}) >= 3
        for asked, got in answers:
            assert got >= max([n for over, n in done if over < asked], default=1)


def test_broken_reload_leaves_the_old_one(serve):
    s = serve(ONE % 1)
    for text, where in [(ONE % 2 + "broken {\n    nonsense\n}\n", "Corefile:8 - Unknown directive 'nonsense'"),
                        (".:@PORT {\n    health 256.0.0.1:x\n}\n", "Corefile:2 - plugin/health"),
                        ("a {", "Corefile:")]:
        s.write("Corefile", text)
        s.signal(signal.SIGUSR1)
        s.wait_log(r"\[ERROR\] .*" + re.escape(where))
        assert texts(s.ask("www.test.")) == ["192.0.2.1"]
    s.write("Corefile", ONE % 3)
    s.reload()
    assert texts(s.ask("www.test.")) == ["192.0.2.3"]


def test_reload_to_a_port_in_use(serve):
    """Its sockets are closed again, and it succeeds once the port is free."""
    s = serve(ONE % 1)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::", s.port_of("BUSY")))
        s.write("Corefile", (ONE % 2).replace(".:@PORT", ".:@PORT .:@NEW .:@BUSY"))
        s.signal(signal.SIGUSR1)
        s.wait_log(fr"\[ERROR\] .*dns://:{s.port_of('BUSY')}")
        assert texts(s.ask("www.test.")) == ["192.0.2.1"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", s.port_of("NEW")), timeout=8)
    s.reload()
    for port in ("PORT", "NEW", "BUSY"):
        assert texts(s.ask("www.test.", port=s.port_of(port))) == ["192.0.2.2"]


def test_reload_changes_the_port(serve):
    s = serve(ONE % 1)
    s.write("Corefile", (ONE % 2).replace("@PORT", "@NEW"))
    s.reload()
    assert texts(s.ask("www.test.", port=s.port_of("NEW"))) == ["192.0.2.2"]
    with pytest.raises(ConnectionRefusedError):
        s.connect()
    s.write("Corefile", ONE % 3)
    s.reload()
    assert texts(s.ask("www.test.")) == ["192.0.2.3"]


def test_reload_plugin(serve):
    """Detects a change of the file and of an imported file; reports a broken one once."""
    text = (ONE % 1).replace("errors", "errors\n    reload 2s 1s\n    import more")
    s = serve(text, files={"more": "\n"})
    s.write("Corefile", text.replace("192.0.2.1", "192.0.2.2"))
    wait_for(lambda: texts(s.ask("www.test.")) == ["192.0.2.2"])
    s.write("more", "nonsense\n")
    s.wait_log(r"\[ERROR\] .*more:1 - Unknown directive 'nonsense'")
    assert texts(s.ask("www.test.")) == ["192.0.2.2"]
    s.write("more", "whoami\n")
    s.wait_log("Reloading complete", 2)
    assert len(re.findall("Unknown directive", s.log())) == 1


# --- shutdown ---

def test_lameduck(serve):
    """After SIGTERM it keeps serving for a while; /ready reports it at once."""
    s = serve(ONE.replace("errors", "errors\n    ready 127.0.0.1:@READY\n    health 127.0.0.1:@HEALTH {\n"
                          "        lameduck 1500ms\n    }") % 1)
    assert s.get("READY", "/ready") == (200, "OK")
    began = time.monotonic()
    s.signal(signal.SIGTERM)
    s.wait_log("lameduck")
    assert texts(s.ask("www.test.")) == ["192.0.2.1"] and texts(s.ask("www.test.", tcp=True)) == ["192.0.2.1"]
    assert s.get("HEALTH", "/health") == (200, "OK")
    with pytest.raises(OSError):
        s.get("READY", "/ready")
    assert s.wait() == 0
    assert 1.4 <= time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_clean_stop(serve, number):
    s = serve(ONE % 1)
    with s.connect():
        s.signal(number)
        assert s.wait(5) == 0


def test_waiting_questions_get_their_time(serve):
    """A query that waits for an upstream at SIGTERM is still answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as c:
        for x in (upstream, c):
            x.bind(("127.0.0.1", 0))
            x.settimeout(8)
        s = serve(f".:@PORT {{\n    forward . 127.0.0.1:{upstream.getsockname()[1]}\n}}\n")
        q = dns.message.make_query("late.test.", "A")
        c.sendto(q.to_wire(), ("127.0.0.1", s.port))
        while True:  # health checks may arrive too
            wire, peer = upstream.recvfrom(512)
            asked = dns.message.from_wire(wire)
            if asked.question[0].name.to_text() == "late.test.":
                break
        s.signal(signal.SIGTERM)
        s.wait_log("SIGTERM")
        time.sleep(0.3)
        upstream.sendto(dns.message.make_response(asked).to_wire(), peer)
        r = dns.message.from_wire(c.recv(512))
        assert q.is_response(r) and r.rcode() == dns.rcode.NOERROR
        assert s.wait() == 0


def test_second_interrupt(serve):
    s = serve(ONE.replace("errors", "health 127.0.0.1:@HEALTH {\n        lameduck 20s\n    }") % 1)
    s.signal(signal.SIGINT)
    s.wait_log("SIGINT: Shutting down")
    s.signal(signal.SIGINT)
    assert s.wait(5) == 2


def test_quit(serve):
    s = serve(ONE.replace("errors", "health 127.0.0.1:@HEALTH {\n        lameduck 20s\n    }") % 1)
    s.signal(signal.SIGQUIT)
    assert s.wait(5) == 0


def test_hangup_is_ignored(serve):
    s = serve(ONE % 1)
    s.signal(signal.SIGHUP)
    assert texts(s.ask("www.test.")) == ["192.0.2.1"]
    assert s.process.poll() is None


# --- everything at once ---

BUSY = """.:@PORT {
    prometheus 127.0.0.1:@PROM
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    errors {
        consolidate 1s failed
    }
    log . {
        class error denial
    }
    any
    cache %d {
        servfail 1s
    }
    loadbalance
    hosts @DIR/table {
        reload 50ms
        fallthrough
    }
    loop
    forward . 127.0.0.1:@UP
}
.:@UP {
    bind 127.0.0.1
    template IN ANY nx.test {
        rcode NXDOMAIN
        authority "test. 2 IN SOA ns.test. root.test. 1 2 3 4 5"
    }
    template IN A {
        answer "{{ .Name }} 1 IN A 192.0.2.77"
    }
}
"""


def test_everything_at_once(serve):
    """Reloads, changes of files, HTTP pages and queries in parallel: every query is answered. Under a sanitizer this
    tests the interaction of threads."""
    s = serve(BUSY % 30, files={"table": "192.0.2.1 www.test\n"})
    over, failed, asked = threading.Event(), [], [0] * 4

    def ask(number):
        names = ["www.test.", f"a{number}.test.", "b.nx.test.", "shared.test."]
        while not over.is_set():
            for i, name in enumerate(names):
                try:
                    r = s.ask(name, "ANY" if asked[number] % 50 == 49 else "A", tcp=i == number, timeout=5)
                    assert r.rcode() == (dns.rcode.NXDOMAIN if "nx" in name and r.question[0].rdtype == 1 else
                                         dns.rcode.NOERROR)
                    asked[number] += 1
                except Exception as e:
                    failed.append((name, repr(e), s.port))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(asked))]
    for t in threads:
        t.start()
    try:
        for i in range(10):
            s.write("table", f"192.0.2.{i + 2} www.test\n")
            time.sleep(0.12)  # it is picked up while only queries arrive
            assert s.get("HEALTH", "/health")[0] == 200
            assert s.metrics()["nodens_udp_overflowed_total"] == 0
            assert s.get("READY", "/ready")[0] == 200
            s.write("Corefile", BUSY % (30 + i % 3))
            s.reload()
            time.sleep(0.05)
    finally:
        over.set()
        for t in threads:
            t.join()
    assert failed == [] and min(asked) > 8
    s.signal(signal.SIGTERM)
    assert s.wait() == 0
