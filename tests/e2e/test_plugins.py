# SPDX-License-Identifier: Apache-2.0
"""Plugins in a running server: log lines, and answers that change while it runs."""
import os
import re
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from serving import texts, wait_for

HOSTS = "hosts {\n        192.0.2.1 one.test\n    }\n"


def lines(server, pattern, count=1):
    return [m.group(0) for m in server.wait_log("(?m)^" + pattern + "$", count)]


# --- log ---

NUMBER, SECONDS = r"\d+", r"\d+\.\d{9}s"


def test_log_common(serve):
    """CoreDNS's line byte by byte, except port, id and time."""
    s = serve(".:@PORT {\n    log\n    " + HOSTS + "}\n")
    s.ask("one.test.")
    s.ask("ONE.test.", "AAAA", tcp=True, want_dnssec=True, payload=1400)
    s.ask("one.test.", where="::1", use_edns=0, payload=1400)
    s.ask("other.test.", "MX", flags=0)
    for line in (r'"A IN one\.test\. udp 26 false 512" NOERROR qr,aa,rd 42 ',
                 r'"AAAA IN one\.test\. tcp 37 true 65535" NOERROR qr,aa,rd 37 ',
                 r'"MX IN other\.test\. udp 28 false 512" SERVFAIL qr 28 '):
        lines(s, r"\[INFO\] 127\.0\.0\.1:\d+ - \d+ " + line + SECONDS)
    lines(s, r'\[INFO\] \[::1\]:\d+ - \d+ "A IN one\.test\. udp 37 false 1400" NOERROR qr,aa,rd 53 ' + SECONDS)
    assert len(re.findall(r"(?m)^\[INFO\] \S+ - ", s.log())) == 4


def test_log_formats(serve):
    s = serve(".:@PORT {\n    log b.test {combined}\n"
              '    log c.test "<{type}|{name}|{rcode}|{>opcode}|{local}|{/metadata}|{unknown}|{>bufsize}>"\n'
              "    log d.test. {\n        class denial error\n    }\n    bind 127.0.0.1\n    template IN A c.test {\n"
              '        answer "{{ .Name }} 5 IN A 192.0.2.9"\n    }\n    template IN ANY x.d.test {\n'
              "        rcode NXDOMAIN\n    }\n    whoami\n}\n")
    for name in ("a.test.", "b.test.", "c.test.", "d.test.", "x.d.test."):
        s.ask(name)
    assert lines(s, r'\[INFO\] \S+:\d+ - \d+ "A IN b\.test\. udp 24 false 512" NOERROR qr,aa,rd \d+ \S+s "0"')
    assert lines(s, re.escape("[INFO] <A|c.test.|NOERROR|0|127.0.0.1|-|{unknown}|512>"))
    assert lines(s, r"\[INFO\] .*x\.d\.test\. .*NXDOMAIN.*")
    assert " a.test." not in s.log() and " d.test." not in s.log()


@pytest.mark.parametrize("classes,logged", [("success", "ok"), ("denial", "nx nodata"), ("error", "fail"),
                                          ("success denial", "ok nx nodata"), ("all", "ok nx nodata fail"),
                                          ("denial error", "nx nodata fail")])
def test_log_classes(serve, classes, logged):
    soa = '"{{ .Zone }} 5 IN SOA ns.test. root.test. 1 2 3 4 5"'
    s = serve(".:@PORT {\n    log . {\n        class " + classes + "\n    }\n"
              '    template IN A ok.test {\n        answer "{{ .Name }} 5 IN A 192.0.2.9"\n    }\n'
              "    template IN A nx.test {\n        rcode NXDOMAIN\n        authority " + soa + "\n    }\n"
              "    template IN A nodata.test {\n        rcode NOERROR\n        authority " + soa + "\n    }\n"
              "    template IN A fail.test {\n        rcode SERVFAIL\n    }\n}\n")
    for name in ("ok", "nx", "nodata", "fail"):
        s.ask(name + ".test.")
    s.reload()  # earlier lines are in the log by then
    assert sorted(re.findall(r'"A IN (\w+)\.test\. ', s.log())) == sorted(logged.split())


def test_log_cannot_be_forged(serve):
    s = serve(".:@PORT {\n    log\n    whoami\n}\n")
    s.ask("a\\010[FATAL]\\032forged\\013b.test.")
    s.wait_log(r'A IN .*forged.*b\.test\. ')
    assert not re.search(r"(?m)^\[FATAL\]", s.log())
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", s.log())


# --- errors ---

def test_errors(serve):
    s = serve(".:@PORT {\n    errors\n    template IN A x.test {\n        rcode NXDOMAIN\n    }\n}\n")
    s.ask("x.test.")
    s.ask("none.test.", "TXT")
    assert lines(s, r"\[ERROR\] plugin/errors: 2 none\.test\. TXT: .*no next plugin found")
    assert len(re.findall("plugin/errors", s.log())) == 1


def test_errors_consolidate(serve):
    s = serve(".:@PORT {\n    errors {\n        consolidate 1s \"no next plugin\" warning show_first\n    }\n"
              "    template IN A x.test {\n        rcode NXDOMAIN\n    }\n}\n")
    for _ in range(5):
        s.ask("none.test.")
    lines(s, r"\[WARNING\] plugin/errors: 2 none\.test\. A: .*no next plugin found")
    lines(s, r"\[WARNING\] plugin/errors: 5 errors like 'no next plugin' occurred in last 1s")
    assert len(re.findall("plugin/errors", s.log())) == 2


# --- hosts ---

def test_hosts_follows_its_file(serve):
    s = serve(".:@PORT {\n    hosts @DIR/table {\n        reload 100ms\n        ttl 7\n    }\n}\n",
              files={"table": "192.0.2.1 www.test\n"})

    def now():
        return texts(s.ask("www.test."))
    assert now() == ["192.0.2.1"]
    assert s.ask("www.test.").answer[0].ttl == 7
    s.write("table", "192.0.2.2 www.test # changed\n192.0.2.3 www.test\n")
    wait_for(lambda: sorted(now()) == ["192.0.2.2", "192.0.2.3"])
    os.unlink(os.path.join(s.folder, "table"))
    time.sleep(0.4)
    assert sorted(now()) == ["192.0.2.2", "192.0.2.3"]
    s.write("table", "192.0.2.4 www.test\n")
    wait_for(lambda: now() == ["192.0.2.4"])
    assert "[ERROR]" not in s.log()


def test_hosts_waits_for_its_file(serve):
    s = serve(".:@PORT {\n    hosts @DIR/later {\n        reload 100ms\n    }\n}\n")
    assert s.ask("www.test.").rcode() == dns.rcode.SERVFAIL
    assert "File does not exist" in s.log()
    s.write("later", "192.0.2.1 www.test\n")
    wait_for(lambda: texts(s.ask("www.test.")) == ["192.0.2.1"])
    assert texts(s.ask("1.2.0.192.in-addr.arpa.", "PTR")) == ["www.test."]


# --- loadbalance ---

def test_loadbalance(serve):
    """Every address is first at times; none is lost or repeated; the CNAME precedes them."""
    table = "".join(f"        192.0.2.{i} www.test\n" for i in range(1, 5))
    s = serve(".:@PORT {\n    loadbalance\n    hosts {\n" + table + "    }\n}\n")
    firsts = set()
    for _ in range(100):
        got = texts(s.ask("www.test."))
        assert sorted(got) == [f"192.0.2.{i}" for i in range(1, 5)]
        firsts.add(got[0])
    assert len(firsts) == 4  # 100 draws miss one of four with a chance of 1 in 10^12
    s.write("Corefile", ".:@PORT {\n    hosts {\n" + table + "    }\n}\n")
    s.reload()
    assert len({texts(s.ask("www.test."))[0] for _ in range(20)}) == 1


# --- blocks ---

def test_blocks(serve):
    """The longest zone; the reverse zone of a network; a block without plugins."""
    s = serve(".:@PORT {\n    bind 127.0.0.1\n"
              "    hosts {\n        192.0.2.1 x.test\n        192.0.2.1 x.a.test\n    }\n}\n"
              "a.test:@PORT {\n    bind 127.0.0.1\n"
              "    hosts {\n        192.0.2.2 x.a.test\n        192.0.2.2 x.b.a.test\n    }\n}\n"
              "b.a.test:@PORT {\n    bind 127.0.0.1\n    hosts {\n        192.0.2.3 x.b.a.test\n    }\n}\n"
              "empty.test:@PORT {\n    bind 127.0.0.1\n}\n127.0.0.0/8:@PORT {\n    bind 127.0.0.1\n    whoami\n"
              "}\n")
    for name, address in (("x.test.", 1), ("x.a.test.", 2), ("X.B.a.test.", 3)):
        assert texts(s.ask(name)) == [f"192.0.2.{address}"]
    assert s.ask("3.2.1.127.in-addr.arpa.", "PTR").additional
    assert s.ask("3.2.1.128.in-addr.arpa.", "PTR").rcode() == dns.rcode.SERVFAIL
    assert s.ask("b.empty.test.").rcode() == dns.rcode.REFUSED


def test_whoami_and_any(serve):
    s = serve(".:@PORT {\n    any\n    whoami\n}\n")
    r = s.ask("who.test.", "ANY")
    assert texts(r) == ['"ANY obsoleted" "See RFC 8482"'] and r.answer[0].ttl == 8482
    r = s.ask("Who.test.", where="::1", tcp=True)
    assert [x.to_text().split()[3] for x in r.additional] == ["AAAA", "SRV"]
    assert r.additional[1].name.to_text() == "_tcp.Who.test." and r.flags & dns.flags.AA


def test_debug(serve):
    s = serve(".:@PORT {\n    debug\n    whoami\n}\n")
    assert s.ask("a.test.").rcode() == dns.rcode.NOERROR


# --- view ---

VIEWS = """.:@PORT {
    view inside {
        expr client_ip() == '127.0.0.2'
    }
    hosts {
        192.0.2.1 one.test
    }
}
.:@PORT {
    hosts {
        192.0.2.@LAST one.test
    }
}
"""


def test_views_share_a_zone(serve):
    """The zone is once in the banner; each client gets its block's answers, before and after a reload."""
    s = serve(VIEWS.replace("@LAST", "2"))
    assert len(re.findall(rf"(?m)^\.:{s.port}$", s.log())) == 1
    for last in ("2", "3"):
        for tcp in (False, True):
            ask = dns.query.tcp if tcp else dns.query.udp
            reply = ask(dns.message.make_query("one.test.", "A"), "127.0.0.1", port=s.port, timeout=8,
                        source="127.0.0.2")
            assert texts(reply) == ["192.0.2.1"]
            assert texts(s.ask("one.test.", tcp=tcp)) == ["192.0.2." + last]
        s.write("Corefile", VIEWS.replace("@LAST", "3"))
        s.reload()
