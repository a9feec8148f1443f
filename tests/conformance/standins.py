# SPDX-License-Identifier: Apache-2.0
"""The peers of a server under test: a toy upstream, and a toy Kubernetes API (plain HTTP, JSON)."""
import http.server
import json
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

import dnswire as dns


class Upstream:
    """Answers from a table of rows. Rows for the same question are used in order; the last one repeats."""

    def __init__(self, port):
        self.table, self.hits = {}, {}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", port))
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", port))
        self.tcp.listen(20)
        for loop in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=loop, daemon=True).start()

    def load(self, rows):
        self.hits, self.table = {}, {}
        for row in rows or []:
            self.table.setdefault((row["q"].lower(), row["qtype"]), []).append(row)

    def reply(self, msg):
        name, qtype, qclass = dns.parse(msg)["question"][0]
        key = (name.lower(), dns.TYPE_NAMES.get(qtype, qtype))
        self.hits[key] = self.hits.get(key, 0) + 1
        rows = self.table.get(key) or self.table.get((name.lower(), "*")) or [{"rcode": "REFUSED"}]
        row = rows[min(self.hits[key], len(rows)) - 1]
        if row.get("drop"):
            return None
        flags = (0x8000 | 0x0180 | dns.RCODES.index(row["rcode"]) | (0x200 if row.get("tc") else 0) |
                 (0x400 if row.get("aa") else 0))
        sections = [row.get(x, []) for x in ("answer", "ns", "extra")]
        return (msg[:2] + struct.pack(">5H", flags, 1, *[len(s) for s in sections]) + dns.write_name(name) +
                struct.pack(">HH", qtype, qclass) + b"".join(dns.write_row(r) for s in sections for r in s))

    def serve_udp(self):
        try:
            while True:
                msg, peer = self.udp.recvfrom(65535)
                if not msg:     # the wake-up of close()
                    return
                reply = self.reply(msg)
                if reply:
                    self.udp.sendto(reply, peer)
        except OSError:
            return      # closed: the group has ended

    def serve_tcp(self):
        try:
            while True:
                conn, _ = self.tcp.accept()
                threading.Thread(target=self.serve_conn, args=(conn,), daemon=True).start()
        except OSError:
            return

    def serve_conn(self, conn):
        try:
            while True:
                reply = self.reply(dns.read_frame(conn))
                if reply:
                    conn.sendall(struct.pack(">H", len(reply)) + reply)
        except (EOFError, OSError):
            conn.close()

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)    # wakes the thread waiting in it
            except OSError:
                pass
            s.close()


KINDS = {"services": ("v1", "Service"), "pods": ("v1", "Pod"), "namespaces": ("v1", "Namespace"),
         "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
         "serviceimports": ("multicluster.x-k8s.io/v1alpha1", "ServiceImport")}


def selects(selector, labels):
    for part in [p.strip() for p in selector.split(",") if p.strip()]:
        if "=" in part:
            key, value = [x.strip() for x in part.replace("==", "=").split("=", 1)]
            if labels.get(key) != value:
                return False
        elif part not in labels:
            return False
    return True


def has_fields(selector, obj):
    """Supports the field selectors that CoreDNS sends: status.phase!=PHASE,..."""
    phase = obj.get("status", {}).get("phase")
    return all(part != f"status.phase!={phase}" for part in selector.split(","))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    items = []

    def log_message(self, *args):
        pass

    def event(self, what, obj):
        b = json.dumps({"type": what, "object": obj}).encode() + b"\n"
        self.wfile.write(b"%x\r\n" % len(b) + b + b"\r\n")

    def watch(self, version, kind, items, initial):
        """A streaming list (client-go 0.35 and later) if requested, then an idle watch."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            if initial:
                for i in items:
                    self.event("ADDED", i)
                self.event("BOOKMARK", {"apiVersion": version, "kind": kind, "metadata": {
                    "resourceVersion": "5000", "annotations": {"k8s.io/initial-events-end": "true"}}})
            self.wfile.flush()
            while True:
                time.sleep(1)
        except OSError:
            pass

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        args = dict(urllib.parse.parse_qsl(url.query))
        resource = url.path.rstrip("/").split("/")[-1]
        if resource not in KINDS:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        version, kind = KINDS[resource]
        items = [i for i in self.items if i["kind"] == kind and
                 selects(args.get("labelSelector", ""), i["metadata"].get("labels", {})) and
                 has_fields(args.get("fieldSelector", ""), i)]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if args.get("watch") in ("true", "1"):
            self.watch(version, kind, items, args.get("sendInitialEvents") in ("true", "1"))
            return
        body = json.dumps({"apiVersion": version, "kind": kind + "List", "metadata": {"resourceVersion": "5000"},
                           "items": [{k: v for k, v in i.items() if k not in ("apiVersion", "kind")}
                                     for i in items]}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class API(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, port, items):
        super().__init__(("127.0.0.1", port), type("Items", (Handler,), {"items": items}))
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
