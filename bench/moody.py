#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moody.py PORT MODE: an upstream on 127.0.0.1, UDP and TCP, that answers every A query with 192.0.2.1.

MODE:
  good        at once
  late        after 1 ms, over UDP
  ordered     at once; a name that begins with "slow" takes 1 s, and over TCP answers keep their order
  closes      closes a TCP connection after an answer
  resets      the same, by a reset
  first       answers the first of the queries that arrive together, and never the others of that connection
  half        sends half of every second answer of a TCP connection, and closes it
  silent      answers nothing
"""
import asyncio
import gc
import socket
import struct
import sys

SLOW_S = 1
LATE_S = 0.001


def reply_to(query):
    """The query with one A record, whatever it asks for; its OPT is dropped."""
    end = 12
    while query[end]:
        end += 1 + query[end]
    end += 5
    return query[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + query[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


def delay_of(mode, query):
    if mode == "ordered" and query[13:17].lower() == b"slow":
        return SLOW_S
    return LATE_S if mode == "late" else 0


class Udp(asyncio.DatagramProtocol):
    def __init__(self, mode):
        self.mode, self.transport = mode, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if self.mode == "silent":
            return
        delay = delay_of(self.mode, data)
        if delay:
            asyncio.get_running_loop().call_later(delay, self.transport.sendto, reply_to(data), addr)
        else:
            self.transport.sendto(reply_to(data), addr)


async def read_query(reader):
    n, = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(n)


async def serve_stream(mode, reader, writer):
    answered = 0
    while True:
        query = await read_query(reader)
        if mode == "silent" or (mode == "first" and answered):
            continue
        delay = delay_of(mode, query)
        if delay:
            await asyncio.sleep(delay)
        reply = reply_to(query)
        frame = struct.pack("!H", len(reply)) + reply
        answered += 1
        if mode == "half" and answered % 2 == 0:
            frame = frame[:len(frame) // 2]
        writer.write(frame)
        await writer.drain()
        if mode == "resets":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if mode in ("closes", "resets") or len(frame) < len(reply):
            return


async def main(port, mode):
    async def connected(reader, writer):
        try:
            await serve_stream(mode, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Udp(mode), ("127.0.0.1", port))
    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    gc.disable()
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
