# SPDX-License-Identifier: Apache-2.0
"""Hostile messages and files: malformed records from an upstream, replies that UDP cannot carry, names of files that
are not regular files."""
import os
import socket
import struct
import subprocess
import sys

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty import NODENS, Nodens, Upstream, free_port  # noqa: E402
from serving import wait_for  # noqa: E402


class Raw(Upstream):
    """Replies with records given as bytes: {first label of the question: (type, rdata)}."""

    def __init__(self, records, **more):
        self.records = records
        super().__init__(**more)

    def replies(self, m, protocol):
        row = self.records.get(self.label(m))
        if row is None:
            return super().replies(m, protocol)
        r = dns.message.make_response(m, recursion_available=True)
        r.use_edns(False)
        wire = bytearray(r.to_wire())
        rdtype, rdata = row
        wire[6:8] = b"\0\1"
        return [(0, bytes(wire) + b"\xc0\x0c" + struct.pack("!HHIH", rdtype, 1, 60, len(rdata)) + rdata)]


def ask_raw(port, name, rdtype, tcp=False, payload=None):
    """The reply's bytes."""
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    m = dns.message.make_query(name, rdtype, **edns)
    wire = m.to_wire()
    if tcp:
        with socket.create_connection(("127.0.0.1", port), timeout=8) as s, s.makefile("rb") as f:
            s.sendall(struct.pack("!H", len(wire)) + wire)
            return f.read(struct.unpack("!H", f.read(2))[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(8)
        s.connect(("127.0.0.1", port))
        s.send(wire)
        return s.recv(65535)


def head(reply):
    """(rcode, TC, number of answers)"""
    flags, _, answers = struct.unpack("!HHH", reply[2:8])
    return flags & 15, bool(flags & dns.flags.TC), answers


A, CNAME, SOA, MX, TXT, SRV, NAPTR, OPT, RRSIG, NSEC, NSEC3, SVCB, HTTPS, CAA = \
    1, 5, 6, 15, 16, 33, 35, 41, 46, 47, 50, 64, 65, 257
NOERROR, SERVFAIL = dns.rcode.NOERROR, dns.rcode.SERVFAIL

# Each with what CoreDNS replies over UDP: TC where miekg/dns reports an overflow, else SERVFAIL.
BROKEN = {
    "a3": (A, b"\1\2\3", True),
    "a5": (A, b"\1\2\3\4\5", False),
    "aaaa15": (28, b"x" * 15, True),
    "txt": (TXT, b"\2hi\x20short", True),
    "soa": (SOA, b"\0\0" + b"x" * 21, False),
    "srv": (SRV, b"\0\1\0\2\0\x35\7short", True),
    "mx": (MX, b"\0\1\x80\0", False),
    "naptr": (NAPTR, b"\0\1\0\2\1S\x90x", True),
    "loop": (CNAME, b"\xc0\x27", False),
    "caa": (CAA, b"\0\x20issue", True),
    "rrsig": (RRSIG, b"\0\1\10\2" + b"\0" * 14 + b"\x30abc", True),
    "nsec": (NSEC, b"\1a\0\0\0", False),
    "nsecorder": (NSEC, b"\1a\0\1\1\x80\0\1\x80", False),
    "nsec3": (NSEC3, b"\1\0\0\0\x20salt", True),
    "svcb": (SVCB, b"\0\1\0\0\3\0\1\1", False),
    "https": (HTTPS, b"\0\1\0\0\3\0\2\1\xbb\0\1\0\3\2h2", False),
    "httpscut": (HTTPS, b"\0\1\0\0\1\0\x20\2h2", True),
    "opt": (OPT, b"", False),
}


@pytest.fixture(name="broken", scope="module")
def broken_fixture():
    up = Raw({label: row[:2] for label, row in BROKEN.items()})
    text = f".:PORT {{\n errors\n cache\n forward . 127.0.0.1:{up.port} {{\n  max_connect_attempts 1\n }}\n}}\n"
    with Nodens(text) as n:
        yield n, up
    up.close()


@pytest.mark.parametrize("label", sorted(BROKEN))
def test_malformed_record(broken, label):
    n, _ = broken
    rdtype, _, cut = BROKEN[label]
    rdtype = A if rdtype == OPT else rdtype
    name = label + ".test."
    want = (NOERROR, True, 0) if cut else (SERVFAIL, False, 0)
    assert head(ask_raw(n.port, name, rdtype)) == want
    assert head(ask_raw(n.port, name, rdtype, tcp=True)) == (SERVFAIL, False, 0)
    assert n.ask(f"good-{label}.test.").rcode() == NOERROR  # the upstream is still used


def test_malformed_record_is_not_kept():
    """When the upstream recovers, so does the answer; a record with many parts passes unchanged."""
    up = Raw({"x": (A, b"\1\2\3")})
    whole = (HTTPS, b"\0\1\0\0\1\0\3\2h2\0\4\0\4\x7f\0\0\1")
    try:
        with Nodens(f".:PORT {{\n cache {{\n  servfail 0\n }}\n forward . 127.0.0.1:{up.port}\n}}\n") as n:
            assert head(ask_raw(n.port, "x.test.", A))[2] == 0
            up.records = {"x": (A, b"\1\2\3\4"), "whole": whole}
            assert head(ask_raw(n.port, "x.test.", A)) == (NOERROR, False, 1)
            assert ask_raw(n.port, "whole.test.", HTTPS).endswith(whole[1])
    finally:
        up.close()


def test_next_upstream_is_asked():
    bad, good = Raw({"x": (NSEC, b"\1a\0\0\0")}), Raw({"x": (NSEC, b"\1a\0\0\1\x40")})
    try:
        to = f"127.0.0.1:{bad.port} 127.0.0.1:{good.port}"
        with Nodens(f".:PORT {{\n forward . {to} {{\n  policy sequential\n }}\n}}\n") as n:
            assert ask_raw(n.port, "x.test.", NSEC).endswith(b"\1a\0\0\1\x40")
        assert bad.asked("x.test.")
    finally:
        bad.close()
        good.close()


# --- sizes ---

class Long(Upstream):
    """Replies with as many bytes as the first label says."""

    def replies(self, m, protocol):
        if not self.label(m).isdigit():
            return super().replies(m, protocol)
        r = dns.message.make_response(m, recursion_available=True)
        r.use_edns(False)
        wire, size, count = bytearray(r.to_wire()), int(self.label(m)), 0
        while len(wire) < size:
            left = size - len(wire)
            text = b"\xc8" + b"x" * 200 if left > 500 else b"\0" * (left - 12)
            wire += b"\xc0\x0c" + struct.pack("!HHIH", TXT, 1, 60, len(text)) + text
            count += 1
        wire[6:8] = struct.pack("!H", count)
        return [(0, bytes(wire))]


@pytest.mark.parametrize("args,sizes,largest", [
    ((), [1000, 65000, 65496, 65497, 65507, 65508, 65520, 65524], 65507),
    (("-max-udp-size", "1232"), [1000, 1221, 1222, 4000, 65524], 1232),
])
def test_answer_longer_than_udp_carries(args, sizes, largest):
    up = Long()
    try:
        with Nodens(f".:PORT {{\n forward . 127.0.0.1:{up.port} {{\n  force_tcp\n }}\n}}\n", args=args) as n:
            for size in sizes:
                reply = ask_raw(n.port, f"{size}.test.", TXT, payload=65535)
                assert len(reply) <= largest
                rcode, tc, answers = head(reply)
                assert rcode == NOERROR and answers > 0 and tc == (size + 11 > largest), size
                assert len(ask_raw(n.port, f"{size}.test.", TXT, tcp=True, payload=65535)) == size + 11
    finally:
        up.close()


@pytest.mark.parametrize("value", ["1231", "4097", "0", "x"])
def test_invalid_max_udp_size(value, tmp_path):
    r = subprocess.run([NODENS, "serve", "-max-udp-size", value], capture_output=True, text=True, timeout=20,
                       cwd=tmp_path, check=False)
    assert r.returncode == 1
    assert f'-max-udp-size: invalid size "{value}": must be 1232 to 4096 bytes' in r.stderr


# --- files ---

def wait_log(n, text):
    wait_for(lambda: text in n.log())


def fails_to_start(folder, corefile, *args):
    """The log of a server that must not start."""
    with open(os.path.join(folder, "Corefile"), "w") as f:
        f.write(corefile)
    r = subprocess.run([NODENS, "serve", "-conf", *(args or ["Corefile"])], capture_output=True, text=True, timeout=20,
                       cwd=folder, check=False)
    assert r.returncode == 1, r.stdout + r.stderr
    return r.stdout + r.stderr


def test_files_that_are_not_regular(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "m").mkdir()
    os.mkfifo(tmp_path / "m" / "a.yaml")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "socket"))
    block = f".:{free_port()} {{{{\n bind 127.0.0.1\n {{}}\n}}}}\n"
    for text, args in [("import fifo\n" + block.format("whoami"), ()),
                       ("import socket\n" + block.format("whoami"), ()),
                       ("import /dev/zero\n" + block.format("whoami"), ()),
                       ("", ("fifo",)), ("", ("/dev/zero",)),
                       (block.format(f"forward . {tmp_path}/fifo"), ()),
                       (block.format("kubernetes cluster.local {\n  source m\n }"), ()),
                       (block.format("kubernetes cluster.local {\n  source fifo\n }"), ()),
                       (block.format("kubernetes cluster.local {\n  kubeconfig fifo\n }"), ())]:
        log = fails_to_start(tmp_path, text, *args)
        assert "not a regular file" in log, (text, log)


def test_hosts_file_that_becomes_a_fifo(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.7 a.test\n")
    with Nodens(f".:PORT {{\n hosts {hosts} {{\n  reload 50ms\n }}\n}}\n") as n:
        assert n.ask("a.test.").answer
        os.mkfifo(tmp_path / "fifo")
        os.rename(tmp_path / "fifo", hosts)
        wait_log(n, "not a regular file")
        assert n.ask("a.test.").answer
    assert n.status == 0


def test_files_behind_links_are_read(tmp_path):
    """Kubernetes mounts a ConfigMap as links into a folder that it exchanges."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "zone").write_text("log\n")
    os.symlink("..data/zone", tmp_path / "zone")
    with Nodens(f".:PORT {{\n import {tmp_path}/zone\n whoami\n}}\n") as n:
        n.ask("a.test.")
        wait_log(n, '"A IN a.test.')


def test_pid_file_follows_no_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("whole")
    for name in ("pid", "pid.new"):
        os.symlink(victim, tmp_path / name)
    with Nodens(".:PORT {\n whoami\n}\n", args=("-pidfile", str(tmp_path / "pid"))) as n:
        wait_for(lambda: (tmp_path / "pid").read_text() == f"{n.process.pid}\n")
    assert victim.read_text() == "whole"
    os.mkfifo(tmp_path / "fifo")
    with Nodens(".:PORT {\n whoami\n}\n", args=("-pidfile", str(tmp_path / "fifo"))) as n:
        wait_log(n, "cannot write the pid file")
    assert (tmp_path / "fifo").is_fifo()
