#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lookups.py SECONDS RATE NAME WAY...

Looks up NAME's address at a steady rate, each time from a new socket, by each WAY in turn (udp:IP, tcp:IP), and writes
a line of JSON per lookup: [way, time sent, time answered or null, result]. Times are of CLOCK_MONOTONIC, which all
processes of the machine share. A lookup is not repeated; it is lost after PATIENCE.
"""
import heapq
import json
import os
import select
import socket
import struct
import sys
import time

PATIENCE = 4.0


def question(number, name):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.strip(".").split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


class Lookup:
    def __init__(self, poll, way, number, name):
        proto, _, where = way.partition(":")
        self.way, self.poll, self.number, self.over = way, poll, number, False
        self.tcp = proto == "tcp"
        self.bytes, self.got = question(number, name), b""
        self.sock = socket.socket(socket.AF_INET6 if ":" in where else socket.AF_INET,
                                  socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.answered, self.what = None, "no answer"
        self.sent = time.monotonic()
        try:
            self.sock.connect((where, 53))
        except BlockingIOError:
            pass
        except OSError as e:
            self.end(e)
            return
        if not self.tcp:
            self.try_to(lambda: self.sock.send(self.bytes))
        if not self.over:
            poll.register(self.sock.fileno(), select.EPOLLOUT if self.tcp else select.EPOLLIN)

    def try_to(self, what):
        try:
            return what()
        except OSError as e:
            self.end(e)
            return None

    def end(self, error=None):
        if self.over:
            return
        self.over = True
        if error is not None:
            self.what = os.strerror(error.errno) if error.errno else str(error)
        self.sock.close()       # also removes it from the poll set

    def on_event(self, events):
        if self.tcp and events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
            frame = struct.pack("!H", len(self.bytes)) + self.bytes
            if self.try_to(lambda: self.sock.send(frame)) is not None:
                self.poll.modify(self.sock.fileno(), select.EPOLLIN)
            return
        data = self.try_to(lambda: self.sock.recv(4096))
        if data is None:
            return
        self.got += data
        message = self.got[2:] if self.tcp else self.got
        if self.tcp and data and (len(self.got) < 2 or len(message) < struct.unpack("!H", self.got[:2])[0]):
            return
        if len(message) < 12 or struct.unpack("!H", message[:2])[0] != self.number:
            self.what = "closed" if not data else "not our answer"
        else:
            self.answered = time.monotonic()
            rcode, answers = message[3] & 15, struct.unpack("!H", message[6:8])[0]
            self.what = "ok" if rcode == 0 and answers else f"rcode {rcode}, {answers} answers"
        self.end()


def main(seconds, rate, name, ways):
    poll, under_way, deadlines, done = select.epoll(), {}, [], []
    begin = time.monotonic()
    n = 0

    def end(x):
        under_way.pop(x.fd, None)
        done.append(x)

    while n < seconds * rate or under_way:
        now = time.monotonic()
        while n < seconds * rate and begin + n / rate <= now:
            x = Lookup(poll, ways[n % len(ways)], n & 0xffff, name)
            n += 1
            if x.over:
                done.append(x)
                continue
            x.fd = x.sock.fileno()
            under_way[x.fd] = x
            heapq.heappush(deadlines, (x.sent + PATIENCE, n, x))
        for fd, events in poll.poll(0.001):
            x = under_way.get(fd)
            if x:
                x.on_event(events)
                if x.over:
                    end(x)
        # After the poll, with the time before it: an answer that arrived while we waited for a core is not lost.
        while deadlines and (deadlines[0][2].over or deadlines[0][0] <= now):
            x = heapq.heappop(deadlines)[2]
            if not x.over:
                x.end()
                end(x)
    for x in done:
        print(json.dumps([x.way, x.sent, x.answered, x.what]))


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:])
