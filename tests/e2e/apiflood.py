# SPDX-License-Identifier: Apache-2.0
"""API servers whose responses have no end, in HTTP/1.1 and HTTP/2."""
import re
import socket
import ssl
import struct
import threading


class Flood:
    """Answers each connection's first request with `once`, then with `again` until the client closes."""

    def __init__(self, once, again):
        self.once, self.again, self.opened, self.closed = once, again, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.opened += 1
            threading.Thread(target=self.flood, args=(conn,), daemon=True).start()

    def greet(self, conn):
        """Waits for a request. (the connection, what to send once, what to send again), or None."""
        return (conn, self.once, self.again) if conn.recv(65536) else None

    def flood(self, conn):
        with conn:
            try:
                answer = self.greet(conn)
                if not answer:
                    return
                conn, once, again = answer
                conn.sendall(once)
                while True:
                    conn.sendall(again * max(1, 50000 // len(again)))
            except OSError:
                self.closed += 1

    def close(self):
        self.listener.close()


def read_bytes(server):
    """The bytes that the server's read() calls have returned. (Those that a peer could send are more, by the kernel's
    buffers.)"""
    with open(f"/proc/{server.process.pid}/io") as f:
        return int(re.search(r"^rchar: (\d+)", f.read()).group(1))


# --- HTTP/2 ---

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    """RFC 9113 s4.1."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def status(code, **more):
    """A header block, without the dynamic table (RFC 7541 s6.2.2)."""
    block = b"\x08\x03%d" % code        # :status is row 8
    for name, value in more.items():
        name = name.replace("_", "-").encode()
        block += b"\0%c%s%c%s" % (len(name), name, len(value), value.encode())
    return block


class FloodH2(Flood):
    """once and again: functions that make frames for a request's stream. certificate: (certificate, key) files."""

    def __init__(self, once, again, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.context.set_alpn_protocols(["h2"])
        super().__init__(once, again)

    def greet(self, conn):
        conn = self.context.wrap_socket(conn, server_side=True)
        conn.sendall(frame(SETTINGS, 0, 0))
        data = b""
        while True:
            more = conn.recv(65536)
            if not more:
                return None
            data += more
            at = len(PREFACE)
            while len(data) >= at + 9:
                size = int.from_bytes(data[at:at + 3], "big")
                if data[at + 3] == HEADERS:
                    stream = int.from_bytes(data[at + 5:at + 9], "big")
                    return conn, self.once(stream), self.again(stream)
                at += 9 + size
