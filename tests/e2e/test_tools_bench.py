# SPDX-License-Identifier: Apache-2.0
"""nodens bench: each style sends the queries of its resolver; figures, files, Ctrl-C, errors."""
import json
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from observer import DROP, Observer
from serving import NODENS, free_port, wait_for

STYLES = ["go", "glibc", "musl", "parallel"]
OK = (0, "ok")


@pytest.fixture(name="observe")
def observe_fixture():
    made = []

    def make(*args, **more):
        made.append(Observer(*args, **more))
        return made[-1]

    yield make
    for o in made:
        o.close()


def run(*args, timeout=40):
    """Runs a bench until it exits; returns (status, output, errors)."""
    p = subprocess.run([NODENS, "bench", *map(str, args)], capture_output=True, text=True, timeout=timeout, check=False)
    return p.returncode, p.stdout, p.stderr


def bench(server, *args, style="go", host="www.test.", n=1, clients=1, options="timeout:1"):
    """The figures of n lookups."""
    status, out, err = run("-host", host, "-style", style, "-server", f"127.0.0.1:{server.port}", "-c", clients,
                           "-n", n, "-options", options, "-json", "-q", *args)
    assert status == 0, err
    return json.loads(out)


def near(seconds, wanted):
    """Not early, and late at most by the delay of a busy machine."""
    return wanted - 0.05 <= seconds < wanted + 0.9


# --- one lookup, nothing lost ---

@pytest.mark.parametrize("style,ports", [("go", 2), ("glibc", 1), ("musl", 1), ("parallel", 1)])
def test_sockets(observe, style, ports):
    o = observe()
    got = bench(o, style=style)
    assert (got["requests"], got["errors"], got["causes"]) == (1, 0, [])
    assert sorted(o.types()) == ["A", "AAAA"]
    assert len(set(o.ports())) == ports == got["sockets"]
    assert len({a.message.id for a in o.asks}) == 2


@pytest.mark.parametrize("style", STYLES)
def test_both_are_sent_before_an_answer_comes(observe, style):
    o = observe(lambda ask: (0.4, "ok"))
    got = bench(o, style=style)
    assert o.asks[1].at < 0.35
    assert 400 <= got["ms"]["max"] < 800     # in parallel


@pytest.mark.parametrize("style,option,ports", [
    ("glibc", "single-request", 1), ("glibc", "single-request-reopen", 2), ("parallel", "single-request", 1),
    ("parallel", "single-request-reopen", 2), ("go", "single-request", 2), ("go", "single-request-reopen", 2)])
def test_single_request(observe, style, option, ports):
    o = observe(lambda ask: (0.2, "ok"))
    got = bench(o, style=style, options=option)
    assert o.types() == ["A", "AAAA"]
    assert o.asks[1].at >= 0.15              # after the first answer
    assert len(set(o.ports())) == ports
    assert (got["errors"], got["queries"]) == (0, 2)


def test_musl_ignores_single_request(observe):
    o = observe(lambda ask: (0.4, "ok"))
    bench(o, style="musl", options="single-request")
    assert o.asks[1].at < 0.35


@pytest.mark.parametrize("style,bytes_, plain", [
    ("go", 1232, 1232), ("glibc", 1200, None), ("musl", None, None), ("parallel", 1200, None)])
def test_edns(observe, style, bytes_, plain):
    for options, wanted in (("edns0", bytes_), ("timeout:1", plain)):
        o = observe()
        bench(o, style=style, options=options)
        assert {a.message.payload if a.message.edns >= 0 else None for a in o.asks} == {wanted}


@pytest.mark.parametrize("style,types", [("glibc", ["A"]), ("go", ["A", "AAAA"]), ("musl", ["A", "AAAA"])])
def test_no_aaaa(observe, style, types):
    o = observe()
    bench(o, style=style, options="no-aaaa")
    assert sorted(o.types()) == types


@pytest.mark.parametrize("style,proto", [("go", "tcp"), ("glibc", "tcp"), ("parallel", "tcp"), ("musl", "udp")])
def test_use_vc(observe, style, proto):
    o = observe()
    got = bench(o, style=style, options="use-vc")
    assert {a.proto for a in o.asks} == {proto}
    assert got["errors"] == 0


@pytest.mark.parametrize("style", STYLES)
def test_truncated_goes_over_tcp(observe, style):
    o = observe(lambda ask: (0, "tc") if ask.proto == "udp" else OK)
    got = bench(o, style=style)
    assert got["errors"] == 0
    assert {(a.proto, a.type) for a in o.asks} >= {("tcp", "A"), ("tcp", "AAAA")}


# --- a server that streams garbage ---

SOL_UDP, UDP_SEGMENT = 17, 103


class Garbage:
    """Answers a query with messages to other questions, without end, faster than they are read."""

    def __init__(self):
        self.port, self.sockets, self.end = free_port(), [], threading.Event()
        self.udp = self.listen(socket.SOCK_DGRAM)
        self.udp.setsockopt(SOL_UDP, UDP_SEGMENT, 16)
        self.tcp = self.listen(socket.SOCK_STREAM)
        self.tcp.listen(8)
        self.peers = set()
        self.threads = [threading.Thread(target=f)
                        for f in (self.stream_udp, self.stream_udp, self.stream_udp, self.stream_tcp)]
        for t in self.threads:
            t.start()

    def listen(self, kind):
        s = socket.socket(socket.AF_INET, kind)
        self.sockets.append(s)
        s.bind(("127.0.0.1", self.port))
        s.settimeout(0.2)
        return s

    def stream_udp(self):
        garbage = b"\xff" * 16 * 60     # 60 datagrams
        while not self.end.is_set():
            try:
                if not self.peers:
                    self.peers.add(self.udp.recvfrom(4096)[1])
                for peer in list(self.peers):
                    self.udp.sendto(garbage, peer)
            except OSError:
                pass

    def stream_tcp(self):
        while not self.end.is_set():
            try:
                conn, _ = self.tcp.accept()
                with conn:
                    conn.settimeout(5)
                    while not self.end.is_set():
                        conn.sendall(b"\0\0" * 100000)
            except OSError:
                pass

    def close(self):
        self.end.set()
        for t in self.threads:
            t.join()
        for s in self.sockets:
            s.close()


@pytest.mark.parametrize("style,options", [
    ("go", "timeout:1 attempts:1"), ("musl", "timeout:1 attempts:1"), ("glibc", "timeout:1 attempts:1 use-vc"),
    ("go", "timeout:1 attempts:1 use-vc")])
def test_garbage_does_not_extend_the_timeout(style, options):
    server = Garbage()
    try:
        got = bench(server, style=style, options=options)
    finally:
        server.close()
    assert (got["requests"], got["errors"]) == (1, 1)
    assert near(got["ms"]["max"] / 1000, 1)


# --- lost messages ---

def late(ask):
    """The first AAAA is lost."""
    return DROP if ask.type == "AAAA" and ask.nth == 0 else OK


def test_glibc_stalls_once_and_then_asks_one_at_a_time(observe):
    o = observe(late)
    got = bench(o, "-l", 1000, style="glibc", n=3)
    assert o.types()[2:] == ["A", "AAAA"] * 3             # the stalled one is repeated, then two more
    assert near(o.asks[2].at, 1) and o.asks[4].at < o.asks[2].at + 0.9
    assert (got["timeouts"], got["errors"], got["fallbacks"]) == (1, 0, 1)
    assert len(set(o.ports()[:4])) == 1                   # all from one socket


def test_glibc_opens_a_second_socket_if_that_does_not_help(observe):
    ports = {}

    def second_of_a_socket_is_lost(ask):
        return DROP if ports.setdefault(ask.port, ask.type) != ask.type else OK

    o = observe(second_of_a_socket_is_lost)
    got = bench(o, style="glibc", n=2)
    assert (got["errors"], got["fallbacks"]) == (0, 2)
    assert got["ms"]["max"] >= 2000 and got["ms"]["min"] < 900
    *_, a, aaaa = o.asks
    assert (a.type, aaaa.type) == ("A", "AAAA") and a.port != aaaa.port


def test_glibc_memory_is_the_clients_own(observe):
    """Each of the two clients has its own first stall."""
    seen = set()

    def rule(ask):
        if ask.type == "AAAA" and ask.port not in seen and len(seen) < 2:
            seen.add(ask.port)
            return DROP
        return OK

    got = bench(observe(rule), "-l", 1000, style="glibc", n=8, clients=2)
    assert (got["fallbacks"], got["timeouts"]) == (2, 2)


def test_parallel_never_learns(observe):
    o = observe(lambda ask: DROP if ask.type == "AAAA" and ask.nth % 2 == 0 else OK)
    got = bench(o, "-l", 1000, style="parallel", n=2)
    assert (got["timeouts"], got["errors"], got["fallbacks"]) == (2, 0, 0)
    assert o.types().count("A") == o.types().count("AAAA") == 4   # both are repeated after each stall


def test_go_asks_again_for_what_is_missing_alone(observe):
    o = observe(late)
    got = bench(o, "-l", 1000, n=2)
    assert o.types().count("A") == 2
    missing = [a for a in o.asks if a.type == "AAAA"]
    assert len(missing) == 3 and near(missing[1].at, 1)
    assert missing[0].port != missing[1].port
    assert (got["timeouts"], got["errors"]) == (1, 0)


def test_musl_resends_at_half_of_the_time(observe):
    o = observe(late)
    got = bench(o, style="musl", options="timeout:2 attempts:2")
    assert sorted(o.types()) == ["A", "AAAA", "AAAA"]
    assert near(o.asks[2].at, 1) and len(set(o.ports())) == 1
    assert got["errors"] == 0


@pytest.mark.parametrize("style,seconds", [("go", 2), ("glibc", 2), ("parallel", 2), ("musl", 1)])
def test_silence(observe, style, seconds):
    """Two attempts of a second each; in musl, of half a second each."""
    o = observe(lambda ask: DROP)
    got = bench(o, "-l", 900, style=style)
    assert near(got["ms"]["max"] / 1000, seconds)
    assert sorted(o.types()) == ["A", "A", "AAAA", "AAAA"]
    assert (got["errors"], got["timeouts"]) == (1, 1)
    assert got["causes"][0]["cause"] == f"no answer from 127.0.0.1:{o.port} (timeout:1 attempts:2)"


@pytest.mark.parametrize("style", ["go", "glibc"])
def test_attempts(observe, style):
    o = observe(lambda ask: DROP)
    got = bench(o, style=style, options="timeout:1 attempts:1")
    assert len(o.asks) == 2 and near(got["ms"]["max"] / 1000, 1)


def test_musl_asks_again_at_once_after_servfail(observe):
    o = observe(lambda ask: (0, "SERVFAIL") if ask.nth == 0 else OK)
    got = bench(o, style="musl")
    assert len(o.asks) == 4 and o.asks[3].at < 0.4
    assert got["errors"] == 0


@pytest.mark.parametrize("what,cause", [
    ("NXDOMAIN", "answered NXDOMAIN"), ("SERVFAIL", "answered SERVFAIL"), ("REFUSED", "answered REFUSED"),
    ("empty", "the name exists but has no records of the requested type")])
@pytest.mark.parametrize("style", ["go", "glibc"])
def test_errors_have_causes(observe, style, what, cause):
    got = bench(observe(lambda ask: (0, what)), style=style, n=2)
    assert got["causes"] == [{"count": 2, "cause": cause}]


# --- several servers ---

@pytest.fixture(name="two")
def two_fixture(observe, tmp_path):
    """Two servers on one port, and a resolv.conf that names them."""
    def make(first, second, options=""):
        a = observe(first)
        b = observe(second, address="127.0.0.2", port=a.port)
        path = tmp_path / "resolv.conf"
        path.write_text(f"nameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1 {options}\n")

        def go(style, n=1):
            status, out, err = run("-host", "www.test.", "-resolv", path, "-port", a.port, "-style", style, "-c", 1,
                                   "-n", n, "-json", "-q")
            assert status == 0, err
            return json.loads(out)
        return a, b, go
    return make


@pytest.mark.parametrize("style", ["go", "glibc", "parallel"])
def test_next_server_after_a_timeout(two, style):
    a, b, go = two(lambda ask: DROP, lambda ask: OK)
    got = go(style)
    assert (len(a.asks), len(b.asks), got["errors"]) == (2, 2, 0)
    assert near(got["ms"]["max"] / 1000, 1)


def test_musl_asks_all_at_once(two):
    a, b, go = two(lambda ask: DROP, lambda ask: OK)
    got = go("musl")
    assert (len(a.asks), len(b.asks), got["errors"]) == (2, 2, 0)
    assert got["ms"]["max"] < 900


@pytest.mark.parametrize("style", ["go", "glibc"])
def test_servfail_goes_to_the_next_server_at_once(two, style):
    a, b, go = two(lambda ask: (0, "SERVFAIL"), lambda ask: OK)
    got = go(style)
    assert (len(a.asks), len(b.asks), got["errors"]) == (2, 2, 0)
    assert got["ms"]["max"] < 900


@pytest.mark.parametrize("style", ["go", "glibc"])
def test_rotate(two, style):
    a, b, go = two(lambda ask: OK, lambda ask: OK, "rotate")
    go(style, n=4)
    assert (len(a.asks), len(b.asks)) == (4, 4)
    a, b, go = two(lambda ask: OK, lambda ask: OK)
    go(style, n=4)
    assert (len(a.asks), len(b.asks)) == (8, 0)


# --- search list ---

POD = "nameserver 127.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1\n"
SEARCHED = ["www.test.ns.svc.cluster.local.", "www.test.svc.cluster.local.", "www.test.cluster.local."]


def searched(observe, tmp_path, style, host, text=POD, rule=None):
    o = observe(rule or (lambda ask: (0, "NXDOMAIN")))
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    status, out, err = run("-host", host, "-resolv", path, "-port", o.port, "-style", style, "-c", 1, "-n", 1, "-json",
                           "-q")
    assert status == 0, err
    return o, json.loads(out)


@pytest.mark.parametrize("style", STYLES)
def test_search_list(observe, tmp_path, style):
    o, got = searched(observe, tmp_path, style, "www.test")
    assert o.names() == o.names("AAAA") == SEARCHED + ["www.test."]
    assert got["causes"] == [{"count": 1, "cause": "answered NXDOMAIN"}]


@pytest.mark.parametrize("style", STYLES)
def test_rooted_name_is_asked_alone(observe, tmp_path, style):
    o, _ = searched(observe, tmp_path, style, "www.test.")
    assert o.names() == ["www.test."]


@pytest.mark.parametrize("style,then", [("go", SEARCHED), ("glibc", SEARCHED), ("parallel", SEARCHED), ("musl", [])])
def test_name_with_dots(observe, tmp_path, style, then):
    o, _ = searched(observe, tmp_path, style, "www.test", POD.replace("ndots:5", "ndots:1"))
    assert o.names() == ["www.test."] + then


def fails_at_first(ask):
    return (0, "SERVFAIL") if ask.name == SEARCHED[0] else OK


@pytest.mark.parametrize("style", ["go", "glibc", "parallel"])
def test_servfail_leads_on(observe, tmp_path, style):
    o, got = searched(observe, tmp_path, style, "www.test", rule=fails_at_first)
    assert set(o.names()) == set(SEARCHED[:2]) and got["errors"] == 0


def test_musl_gives_up_after_servfail(observe, tmp_path):
    o, got = searched(observe, tmp_path, "musl", "www.test", rule=fails_at_first)
    assert set(o.names()) == {SEARCHED[0]}
    assert got["causes"] == [{"count": 1, "cause": "answered SERVFAIL"}]


# --- the figures ---

CLASSIC = re.compile(r"\Arequest count：(\d+)\nerror count：(\d+)\n"
                     r"request time：min\((\d+)ms\) max\((\d+)ms\) avg\((\d+)ms\) timeout\((\d+)n\)\n")


def test_classic_lines(observe):
    o = observe(late)
    status, out, _ = run("-host", "www.test.", "-server", f"127.0.0.1:{o.port}", "-c", 1, "-d", 5, "-n", 4, "-l", 1000,
                         "-options", "timeout:1")
    m = CLASSIC.match(out)
    assert status == 0 and m, out
    count, errors, least, most, average, slow = map(int, m.groups())
    assert (count, errors, slow) == (4, 0, 1)
    assert least < 900 <= most and least <= average <= most
    assert "percentiles: p50 " in out


def test_progress_and_duration(observe):
    o = observe(lambda ask: (0.05, "ok"))
    begin = time.monotonic()
    status, out, err = run("-host", "www.test.", "-server", f"127.0.0.1:{o.port}", "-c", 2, "-d", 2)
    assert status == 0 and near(time.monotonic() - begin, 2)
    assert re.match(r"   1s: \d+ requests, 0 errors, 0 timeouts\n", err), err
    assert int(CLASSIC.match(out).group(1)) * 2 == len(o.asks)


def test_a_stall_at_the_end_is_counted_whole(observe):
    o = observe(late)
    status, out, _ = run("-host", "www.test.", "-server", f"127.0.0.1:{o.port}", "-c", 1, "-d", 1, "-l", 2000,
                         "-options", "timeout:2", "-q")
    assert status == 0 and CLASSIC.match(out).group(1, 6) == ("1", "1"), out


def test_open_loop_counts_from_when_it_was_due(observe):
    """One client, ten lookups due within half a second, the first takes a second: the wait of the others counts too."""
    o = observe(lambda ask: (1, "ok") if ask.nth == 0 else OK)
    got = bench(o, "-rate", 20, n=10)
    assert (got["requests"], got["errors"]) == (10, 0)
    assert got["ms"]["p50"] > 700 and got["ms"]["min"] > 400


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_gives_the_figures(observe, number):
    o = observe(lambda ask: OK if ask.nth < 3 else DROP)
    p = subprocess.Popen([NODENS, "bench", "-host", "www.test.", "-server", f"127.0.0.1:{o.port}", "-c", "1", "-d",
                          "60"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(o.asks) >= 8)
    p.send_signal(number)
    out, _ = p.communicate(timeout=5)
    assert p.returncode == 0 and CLASSIC.match(out).group(1, 2) == ("3", "0"), out
    assert "unfinished: 1\n" in out


def test_system_style(tmp_path):
    status, out, err = run("-host", "localhost", "-style", "system", "-c", 2, "-n", 10, "-q")
    assert status == 0 and CLASSIC.match(out).group(1, 2) == ("10", "0"), out + err


# --- files and errors ---

def test_query_file(observe, tmp_path):
    o = observe()
    path = tmp_path / "queries"
    path.write_text("; of dnsperf\na.test A\nb.test. AAAA\n\n# so is this\nc.test\tA\n")
    status, out, err = run("-queries", path, "-server", f"127.0.0.1:{o.port}", "-c", 1, "-n", 4, "-q")
    assert status == 0, err
    assert [(a.name, a.type) for a in o.asks] == [
        ("a.test.", "A"), ("b.test.", "AAAA"), ("c.test.", "A"), ("a.test.", "A")]
    assert CLASSIC.match(out).group(1, 2) == ("4", "0")


@pytest.mark.parametrize("args,status,says", [
    ([], 2, "either -host NAME or -queries FILE is required"),
    (["-host", "x", "-queries", "y"], 2, "either -host NAME or -queries FILE is required"),
    (["-host"], 2, "-host: missing value"),
    (["-host", "x", "-c", "0"], 2, '-c: invalid value "0": must be a whole number from 1 to 20000'),
    (["-host", "x", "-d", "1s"], 2, '-d: invalid value "1s": must be a whole number'),
    (["-host", "x", "-json=1"], 2, '"-json=1": this option takes no value'),
    (["-host", "x", "-frob"], 2, 'unknown option "-frob"'),
    (["-host", "x", "-style", "bind"], 2, '-style: invalid style "bind"'),
    (["-host", "a..b", "-server", "127.0.0.1"], 2, '-host: invalid domain name "a..b"'),
    (["-host", "x", "-server", "nowhere"], 2, '-server: invalid address "nowhere": must be an IP address'),
    (["-host", "x", "-server", "127.0.0.1", "-options", "frob"], 2, '-options: unknown option "frob"'),
    (["-host", "x", "-server", "127.0.0.1", "-options", "timeout:0"], 2,
     '-options: invalid option "timeout:0": must be a number of at least 1'),
    (["-host", "x", "-style", "system", "-server", "127.0.0.1"], 2, "style system uses this machine's"),
    (["-host", "x", "-resolv", "/nowhere/resolv.conf"], 1, "/nowhere/resolv.conf: No such file"),
    (["-queries", "/nowhere/queries", "-server", "127.0.0.1"], 1, "/nowhere/queries: No such file"),
])
def test_mistakes(args, status, says):
    got, out, err = run(*args)
    assert (got, out) == (status, "") and says in err, err


@pytest.mark.parametrize("text,says", [
    ("a.test\n", ":1: no type after the name"), ("a.test A\nb.test FROB\n", ":2: unknown type"),
    ("a..b A\n", ":1: not a domain name"), ("# none\n", "/queries: contains no queries")])
def test_bad_query_files(tmp_path, text, says):
    path = tmp_path / "queries"
    path.write_text(text)
    status, _, err = run("-queries", path, "-server", "127.0.0.1")
    assert status == 1 and says in err, err


def test_odd_resolv_conf_lines_are_reported(observe, tmp_path):
    text = POD + "nameserver nowhere\nfrob\noptions frob ndots:x\n"
    o = observe()
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    status, _, err = run("-host", "www.test", "-resolv", path, "-port", o.port, "-c", 1, "-n", 1, "-q")
    assert status == 0 and len(o.asks) == 2
    for line, says in ((4, "nowhere"), (5, "frob"), (6, "frob"), (6, "ndots:x")):
        assert re.search(fr"resolv\.conf:{line}: .*{re.escape(says)}", err), err


def test_refused_port_is_named(observe):
    o = observe()
    o.close()
    got = bench(o)
    assert got["causes"] == [{"count": 1, "cause": "socket: Connection refused"}]


def test_nodens_lists_its_tools():
    p = subprocess.run([NODENS], capture_output=True, text=True, timeout=10, check=False)
    assert p.returncode == 2 and re.search(r"^  bench  +look names up", p.stderr, re.M)
    p = subprocess.run([NODENS, "../bench"], capture_output=True, text=True, timeout=10, check=False)
    assert p.returncode == 2 and 'unknown command "../bench"' in p.stderr
