#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""conntrackfill.py N | flush

Adds N entries to the connection table of this network namespace through ctnetlink, UDP flows between addresses that do
not exist, which the kernel does not evict for new ones; or removes all entries.
"""
import errno
import socket
import struct
import sys

NETLINK_NETFILTER, CT_NEW, CT_DELETE = 12, 1 << 8, 1 << 8 | 2
REQUEST, CREATE = 1, 0x400
ORIG, REPLY, STATUS, TIMEOUT = 1, 2, 3, 7
SEEN_REPLY_ASSURED_CONFIRMED = 2 | 4 | 8
PER_SEND = 200


def attr(kind, *parts, nested=False):
    body = b"".join(parts)
    return struct.pack("=HH", 4 + len(body), kind | nested << 15) + body + bytes(-len(body) % 4)


def tuple_of(kind, source, dest):
    return attr(kind, attr(1, attr(1, source), attr(2, dest), nested=True),
                attr(2, attr(1, b"\x11"), attr(2, b"\x10\0"), attr(3, b"\x20\0"), nested=True), nested=True)


def message(kind, flags, *attrs):
    body = struct.pack("!BBH", socket.AF_INET, 0, 0) + b"".join(attrs)
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 0, 0) + body


def fill(sock, count):
    ours, theirs = b"\xc6\x12\xff\xfe", b"\xc6\x13\xff\xfe"
    one = message(CT_NEW, CREATE, tuple_of(ORIG, ours, theirs), tuple_of(REPLY, theirs, ours),
                  attr(STATUS, struct.pack("!I", SEEN_REPLY_ASSURED_CONFIRMED)), attr(TIMEOUT, struct.pack("!I", 600)))
    places = [i for i in range(len(one)) if one.startswith(ours, i)]
    for first in range(0, count, PER_SEND):
        n = min(PER_SEND, count - first)
        many = bytearray(one * n)
        for i in range(n):
            for at in places:
                struct.pack_into("!I", many, i * len(one) + at, 0xc6120000 - 0x1000000 + first + i)
        sock.send(many)
        drain(sock)


def drain(sock):
    try:
        while True:
            answer = sock.recv(1 << 16, socket.MSG_DONTWAIT)
            code = -struct.unpack_from("=i", answer, 16)[0]
            if code not in (0, errno.ENOMEM):
                raise OSError(code, "ctnetlink")
    except BlockingIOError:
        pass


def main():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        if sys.argv[1] == "flush":
            sock.send(message(CT_DELETE, 0))
            drain(sock)
        else:
            fill(sock, int(sys.argv[1]))


main()
