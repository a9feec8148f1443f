# SPDX-License-Identifier: Apache-2.0
"""A name server that records each query with its time and source, and answers by a rule of the test."""
import collections
import socket
import struct
import threading
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from serving import free_port

# n: index among all; nth: among those of the same name and type; port: the source port; at: seconds since
# the first one.
Ask = collections.namedtuple("Ask", "n nth name type proto port at message")

DROP = "drop"
ADDRESS = {"A": "192.0.2.1", "AAAA": "2001:db8::1"}


class Observer:
    """rule(ask): DROP, or (delay in seconds, what); what: "ok", "empty", "tc", or an rcode like "NXDOMAIN"."""

    def __init__(self, rule=lambda ask: (0, "ok"), address="127.0.0.1", port=None):
        self.rule, self.address = rule, address
        self.asks, self.lock, self.first = [], threading.Lock(), None
        self.port = port or free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, self.port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, self.port))
        self.tcp.listen(64)
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def note(self, wire, proto, port):
        message, now = dns.message.from_wire(wire), time.monotonic()
        name = message.question[0].name.to_text()
        kind = dns.rdatatype.to_text(message.question[0].rdtype)
        with self.lock:
            self.first = self.first or now
            nth = sum((a.name, a.type) == (name, kind) for a in self.asks)
            ask = Ask(len(self.asks), nth, name, kind, proto, port, now - self.first, message)
            self.asks.append(ask)
        return ask

    def answer(self, wire, proto, port, send):
        ask = self.note(wire, proto, port)
        does = self.rule(ask)
        if does == DROP:
            return
        delay, what = does
        reply = dns.message.make_response(ask.message, recursion_available=True)
        if what == "tc":
            reply.flags |= dns.flags.TC
        elif what == "ok":
            reply.answer.append(dns.rrset.from_text(ask.name, 5, "IN", ask.type, ADDRESS[ask.type]))
        elif what != "empty":
            reply.set_rcode(dns.rcode.from_text(what))
        if delay:
            threading.Timer(delay, send, (reply.to_wire(),)).start()
        else:
            send(reply.to_wire())

    def serve_udp(self):
        while True:
            try:
                wire, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if peer is None:    # shut down
                return
            self.answer(wire, "udp", peer[1], lambda w, p=peer: self.send_udp(w, p))

    def send_udp(self, wire, peer):
        try:
            self.udp.sendto(wire, peer)
        except OSError:
            pass

    def serve_tcp(self):
        while True:
            try:
                conn, peer = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_conn, args=(conn, peer), daemon=True).start()

    def serve_conn(self, conn, peer):
        with conn, conn.makefile("rb") as f:
            while True:
                head = f.read(2)
                if len(head) < 2:
                    return
                wire = f.read(struct.unpack("!H", head)[0])
                self.answer(wire, "tcp", peer[1], lambda w: conn.sendall(struct.pack("!H", len(w)) + w))

    # For the tests.

    def types(self):
        return [a.type for a in self.asks]

    def names(self, kind="A"):
        return [a.name for a in self.asks if a.type == kind]

    def ports(self):
        return [a.port for a in self.asks]
