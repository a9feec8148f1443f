# SPDX-License-Identifier: Apache-2.0
"""An upstream whose behaviour is set by the first label of QNAME, over UDP and TCP on one loopback port; and a nodens
that forwards to such upstreams."""
import os
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from serving import NODENS, free_port


def after(delay, call, *args):
    """Calls it after `delay` seconds in another thread, or at once if delay is 0."""
    if delay:
        threading.Timer(delay, call, args).start()
    else:
        call(*args)


class Upstream:
    """mode "silent": never answers, but records queries. address: the address in its A records."""

    def __init__(self, address="192.0.2.1", mode="", port=None, tcp=True):
        self.address, self.mode = address, mode
        self.seen = []  # (protocol, name, type, message, peer)
        self.lock = threading.Lock()
        self.connections = 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = port or free_port()
        self.udp.bind(("127.0.0.1", self.port))
        self.listener = None
        self.closed = False
        threading.Thread(target=self.serve_udp, daemon=True).start()
        if tcp:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.listener.listen(64)
            threading.Thread(target=self.serve_tcp, daemon=True).start()

    def close(self):
        self.closed = True
        for s in (self.udp, self.listener):
            if s:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                s.close()

    def asked(self, name=None, protocol=None):
        with self.lock:
            return [s for s in self.seen if (name is None or s[1] == name) and
                    (protocol is None or s[0] == protocol)]

    def note(self, protocol, wire, peer):
        try:
            m = dns.message.from_wire(wire)
        except Exception:
            return None
        q = m.question[0]
        with self.lock:
            self.seen.append((protocol, q.name.to_text().lower(), q.rdtype, m, peer))
        return m

    def serve_udp(self):
        while not self.closed:
            try:
                wire, peer = self.udp.recvfrom(65535)
            except OSError:
                return
            m = self.note("udp", wire, peer)
            if m and not self.closed:
                for delay, reply in self.replies(m, "udp"):
                    after(delay, self.send_udp, reply, peer)

    def send_udp(self, reply, peer):
        try:
            self.udp.sendto(reply, peer)
        except OSError:
            pass

    def serve_tcp(self):
        while not self.closed:
            try:
                conn, peer = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve_conn, args=(conn, peer), daemon=True).start()

    def serve_conn(self, conn, peer):
        data, lock = b"", threading.Lock()

        def send(reply):
            with lock:
                try:
                    conn.sendall(struct.pack("!H", len(reply)) + reply)
                except OSError:
                    pass

        with conn:
            while True:
                try:
                    more = conn.recv(65536)
                except OSError:
                    return
                if not more:
                    return
                data += more
                while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
                    n = struct.unpack("!H", data[:2])[0]
                    wire, data = data[2:2 + n], data[2 + n:]
                    m = self.note("tcp", wire, peer)
                    if not m:
                        continue
                    if self.label(m).startswith("hangup"):
                        return
                    for delay, reply in self.replies(m, "tcp"):
                        after(delay, send, reply)

    @staticmethod
    def label(m):
        labels = m.question[0].name.labels
        return labels[0].decode().lower()

    def replies(self, m, protocol):
        """[(seconds, bytes)]"""
        label = self.label(m)
        if self.mode == "silent" or label.startswith("silent"):
            return []
        if self.mode.startswith("delay"):
            label = self.mode
        r = dns.message.make_response(m, recursion_available=True)
        q = m.question[0]
        delay = int(re.search(r"\d+", label).group()) / 1000 if label.startswith("delay") else 0
        rcodes = {"nxdomain": dns.rcode.NXDOMAIN, "servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}
        mode = label if not self.mode or delay else self.mode
        if mode in rcodes:
            r.set_rcode(rcodes[mode])
        elif label.startswith("tc") and protocol == "udp":
            r.flags |= dns.flags.TC
        elif q.rdtype == dns.rdatatype.A and not label.startswith("nodata"):
            n = 60 if label.startswith("long") else 1
            addresses = [self.address] if n == 1 else [f"198.51.100.{i}" for i in range(n)]
            r.answer.append(dns.rrset.from_text(q.name, 60, "IN", "A", *addresses))
        wire = bytearray(r.to_wire(max_size=65535))
        if label.startswith("wrongid"):
            wire[0] ^= 0x40
        elif label.startswith("forged"):  # a wrong id first, then the right one
            bad = bytearray(wire)
            bad[1] ^= 1
            return [(0, bytes(bad)), (0.05, bytes(wire))]
        elif label.startswith("wrongname"):
            wire[13] ^= 1
        elif label.startswith("noqr"):
            wire[2] &= 0x7f
        elif label.startswith("short"):
            return [(0, bytes(wire[:7]))]
        elif label.startswith("cut"):
            wire = wire[:-5]
        return [(delay, bytes(wire))]


class Nodens:
    """A nodens with this Corefile ("PORT" is replaced by the port); a context manager."""

    def __init__(self, corefile, args=()):
        self.port = free_port()
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "Corefile")
        with open(path, "w") as f:
            f.write(corefile.replace("PORT", str(self.port)))
        self.log_path = os.path.join(self.dir.name, "log")
        self.out = open(self.log_path, "w")
        self.process = subprocess.Popen([NODENS, "serve", "-conf", path, *args], stdout=self.out,
                                        stderr=subprocess.STDOUT, cwd=self.dir.name)
        self.wait_ready()

    def wait_ready(self):
        """Waits for the banner, when the sockets of all workers are open, or for the end of the process."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None and "CoreDNS-" not in self.log():
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.out.close()
        text = self.log()
        self.dir.cleanup()
        assert "Sanitizer" not in text and "assertion failed" not in text, text
        self.status = status

    def log(self):
        with open(self.log_path) as f:
            return f.read()

    def wait_log(self, pattern):
        """Waits until the log has the pattern: a line may be written after the answer."""
        end = time.monotonic() + 5
        while not re.search(pattern, self.log()):
            assert time.monotonic() < end, f"no {pattern!r} in the log:\n{self.log()}"
            time.sleep(0.02)

    def ask(self, name, rdtype="A", tcp=False, timeout=8, edns=False, payload=1232, flags=None, **more):
        m = dns.message.make_query(name, rdtype, use_edns=0 if edns else None, payload=payload, **more) \
            if edns else dns.message.make_query(name, rdtype, **more)
        if flags is not None:
            m.flags = flags
        f = dns.query.tcp if tcp else dns.query.udp
        return f(m, "127.0.0.1", timeout=timeout, port=self.port)
