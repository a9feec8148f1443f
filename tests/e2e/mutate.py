# SPDX-License-Identifier: Apache-2.0
"""DNS messages and streams that are almost right: a seeded source of mutations."""
import random
import struct

import dns.edns
import dns.message
import dns.name
import dns.rdatatype

TYPES = [1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 46, 47, 48, 50, 52, 64, 65, 251, 252, 255, 257, 65535]
# Names of the Corefile of test_hostile_live.py, each with its own path through the plugins.
NAMES = ["known.test", "chain.test", "rewritten.test", "double.test", "up.example", "a.b.c.up.example", ".",
         "svc.ns.svc.cluster.local", "outside.ns.svc.cluster.local", "x" * 63 + "." + "y" * 63 + ".example"]


class Source:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def name(self):
        r = self.random
        name = r.choice(NAMES)
        if r.random() < 0.5:
            name = f"n{r.randrange(1 << 30)}.{name}" if name != "." else f"n{r.randrange(1 << 30)}"
        return name

    def query(self):
        """A valid query, with odd EDNS now and then."""
        r = self.random
        m = dns.message.make_query(self.name(), r.choice(TYPES))
        m.id = r.randrange(65536)
        m.flags = r.choice([m.flags, r.randrange(65536) & 0x7fff])
        if r.random() < 0.5:
            options = [dns.edns.GenericOption(r.choice([3, 8, 10, 11, 12, 15, r.randrange(65536)]),
                                              r.randbytes(r.randrange(24))) for _ in range(r.randrange(4))]
            m.use_edns(r.choice([0, 0, 0, 1, 255]), r.choice([0, 0x8000, r.randrange(65536)]),
                       r.choice([0, 512, 1232, 4096, 65535]), options=options)
        return m.to_wire()

    def mutated(self, wire):
        """wire with a few of its bytes flipped, cut, inserted, doubled, or turned into compression pointers."""
        r, data = self.random, bytearray(wire)
        for _ in range(r.randrange(1, 5)):
            at = r.randrange(len(data)) if data else 0
            what = r.randrange(7)
            if what == 0 and data:
                data[at] ^= 1 << r.randrange(8)
            elif what == 1:
                del data[at:]
            elif what == 2:
                data[at:at] = r.randbytes(r.randrange(1, 20))
            elif what == 3 and len(data) >= 12:
                struct.pack_into("!H", data, 2 + 2 * r.randrange(5), r.choice([0, 1, 2, 255, 65535]))
            elif what == 4 and len(data) > at + 1:
                struct.pack_into("!H", data, at, 0xc000 | r.randrange(0x4000))
            elif what == 5:
                data += data[at:at + 40]
            elif what == 6 and data:
                data[at] = r.choice([0, 63, 64, 128, 192, 255])
        return bytes(data)

    def datagram(self):
        wire = self.query()
        return self.mutated(wire) if self.random.random() < 0.6 else wire

    def stream(self):
        """Some frames, of which one may lie about its length or be cut."""
        r, out = self.random, b""
        for _ in range(r.randrange(1, 30)):
            wire = self.datagram()
            n = len(wire) if r.random() < 0.9 else r.choice([0, 1, 11, 65535, len(wire) + 3])
            out += struct.pack("!H", n) + wire
        return out

    def http(self):
        r = self.random
        text = bytearray(b"GET /" + r.choice([b"metrics", b"health", b"ready", b"x" * 9000]) +
                         b" HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc") * r.randrange(1, 20)
        return self.mutated(text) if r.random() < 0.7 else bytes(text)

    def rdata(self, rdtype):
        """Sometimes right for the type, mostly not."""
        r = self.random
        right = {1: 4, 28: 16}.get(rdtype)
        if right and r.random() < 0.5:
            return r.randbytes(right)
        if r.random() < 0.3:
            return r.choice([b"\xc0\x0c", b"\xc0\xff", b"\1a\xc0\x0c", b"\0", b"\xff" * 30,
                             dns.name.from_text(self.name()).to_wire()])
        return r.randbytes(r.randrange(60))

    def reply(self, query):
        """What a hostile upstream says: right id and question, mostly; records of its choice; often mutated."""
        r = self.random
        if len(query) < 17:
            return query
        out = bytearray(query[:12])
        end = 12
        while end < len(query) and query[end] and not query[end] & 0xc0:
            end += query[end] + 1
        end = min(end + 5, len(query))
        out[2] |= 0x80 | r.choice([0, 0, 2, 4])
        out[3] = r.choice([0x80, 0x80, 0x82, 0x83, r.randrange(256)])
        n = [r.randrange(4), r.randrange(3), r.randrange(3)]
        struct.pack_into("!HHHH", out, 4, 1, *n)
        out += query[12:end]
        for _ in range(sum(n)):
            rdtype = r.choice(TYPES + [int.from_bytes(query[end - 4:end - 2], "big")])
            rdata = self.rdata(rdtype)
            owner = r.choice([b"\xc0\x0c", b"\0", dns.name.from_text(self.name()).to_wire()])
            out += owner + struct.pack("!HHIH", rdtype, 1, r.choice([0, 5, 300, 0xffffffff]), len(rdata)) + rdata
        return self.mutated(bytes(out)) if r.random() < 0.4 else bytes(out)
