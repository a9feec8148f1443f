# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an API server that sends objects unchecked, in JSON or protobuf, including those that a real one would
refuse to store. Plain HTTP on loopback."""
import http.server
import json
import queue
import struct
import threading
import urllib.parse

# path -> apiVersion, kind
RESOURCES = {"/api/v1/services": ("v1", "Service"), "/api/v1/pods": ("v1", "Pod"),
             "/api/v1/namespaces": ("v1", "Namespace"),
             "/apis/discovery.k8s.io/v1/endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
             "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports": ("multicluster.x-k8s.io/v1alpha1", "ServiceImport")}
PROTOBUF = "application/vnd.kubernetes.protobuf"
VERSION = "5000"

# --- protobuf: the used fields of the objects, by the numbers of k8s.io/api's generated.proto ---
# field: number, then its type: "text", "int", "bool", "map", "time", or the fields of a message. Lists are repeated.

META = {"name": (1, "text"), "namespace": (3, "text"), "uid": (5, "text"), "resourceVersion": (6, "text"),
        "deletionTimestamp": (9, "time"), "labels": (11, "map"), "annotations": (12, "map")}
PORT = {"name": (1, "text"), "protocol": (2, "text"), "port": (3, "int"), "nodePort": (5, "int")}
SERVICE_SPEC = {"ports": (1, PORT), "clusterIP": (3, "text"), "type": (4, "text"), "externalIPs": (5, "text"),
                "externalName": (10, "text"), "clusterIPs": (18, "text")}
INGRESS = {"ip": (1, "text"), "hostname": (2, "text")}
SERVICE = {"metadata": (1, META), "spec": (2, SERVICE_SPEC),
           "status": (3, {"loadBalancer": (1, {"ingress": (1, INGRESS)})})}
ENDPOINT = {"addresses": (1, "text"), "conditions": (2, {"ready": (1, "bool"), "serving": (2, "bool"),
                                                         "terminating": (3, "bool")}),
            "hostname": (3, "text"),
            "targetRef": (4, {"kind": (1, "text"), "namespace": (2, "text"), "name": (3, "text")}),
            "nodeName": (6, "text"), "zone": (7, "text")}
SLICE = {"metadata": (1, META), "endpoints": (2, ENDPOINT),
         "ports": (3, {k: PORT[k] for k in ("name", "protocol", "port")}),
         "addressType": (4, "text")}
POD = {"metadata": (1, META), "spec": (2, {"nodeName": (10, "text"), "hostNetwork": (11, "bool")}),
       "status": (3, {"phase": (1, "text"), "podIP": (6, "text"), "podIPs": (12, {"ip": (1, "text")})})}
KINDS = {"Service": SERVICE, "EndpointSlice": SLICE, "Pod": POD, "Namespace": {"metadata": (1, META)}}
LIST_META = {"resourceVersion": (2, "text"), "continue": (3, "text")}


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def encoded(number, how, value):
    if value is None:
        return b""
    if isinstance(value, list):
        return b"".join(encoded(number, how, v) for v in value)
    if how == "text":
        return field(number, value.encode("utf-8"))
    if how == "time":       # any time will do
        return field(number, varint(1 << 3) + varint(1767225600))
    if how in ("int", "bool"):
        return varint(number << 3) + varint(int(value))
    if how == "map":
        return b"".join(field(number, field(1, k.encode()) + field(2, v.encode())) for k, v in value.items())
    return field(number, message(how, value))


def message(fields, obj):
    """Fields without a number are skipped; "?": the bytes of unknown fields, appended."""
    return b"".join(encoded(*fields[k], v) for k, v in obj.items() if k in fields) + obj.get("?", b"")


def envelope(version, kind, raw):
    return b"k8s\0" + field(1, field(1, version.encode()) + field(2, kind.encode())) + field(2, raw)


def in_protobuf(obj):
    return envelope(obj["apiVersion"], obj["kind"], message(KINDS[obj["kind"]], obj))


def in_json(obj):
    """Without the bytes of unknown fields, which have names in JSON."""
    if isinstance(obj, dict):
        return {k: in_json(v) for k, v in obj.items() if k != "?"}
    return [in_json(v) for v in obj] if isinstance(obj, list) else obj


class Stub:
    """Lists its objects; a watch sends later ones. streams: supports streaming lists. away: closes every connection."""

    def __init__(self, objects, protobuf=False, streams=True):
        stub = self
        self.objects, self.protobuf, self.streams = objects, protobuf, streams
        self.watches, self.away, self.lock = [], False, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stub.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": .05}, daemon=True).start()

    def put(self, obj):
        with self.lock:
            self.objects = self.objects + [obj]
            for kind, events in self.watches:
                if kind == obj["kind"]:
                    events.put(self.event("ADDED", obj))

    def cut(self):
        """Ends all watches."""
        with self.lock:
            for _, events in self.watches:
                events.put(None)
            self.watches = []

    def close(self):
        self.cut()
        self.server.shutdown()
        self.server.server_close()

    def of(self, kind, query):
        """Applies the field selector that excludes ended pods, as the server does."""
        out = [o for o in self.objects if o["kind"] == kind]
        for part in query.get("fieldSelector", "").split(","):
            if part.startswith("status.phase!="):
                out = [o for o in out if (o.get("status") or {}).get("phase") != part.partition("!=")[2]]
        return out

    def binary(self, kind):
        """As with a real one, custom resources are sent in JSON."""
        return self.protobuf and kind in KINDS

    def answer(self, h):
        if self.away:
            h.close_connection = True
            return
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path not in RESOURCES:
            self.reply(h, 404, b"404 page not found\n", "text/plain")
            return
        version, kind = RESOURCES[url.path]
        if "watch" not in query:
            body, sort = self.list(version, kind, self.of(kind, query))
            self.reply(h, 200, body, sort)
        elif "sendInitialEvents" in query and not self.streams:
            self.reply(h, 422, json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422,
                                           "reason": "Invalid", "message": "no"}).encode(), "application/json")
        else:
            self.watch(h, version, kind, query)

    @staticmethod
    def reply(h, status, body, sort):
        h.send_response(status)
        h.send_header("Content-Type", sort)
        h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def list(self, version, kind, objects):
        meta = {"resourceVersion": VERSION}
        if not self.binary(kind):
            items = [{k: v for k, v in in_json(o).items() if k not in ("apiVersion", "kind")} for o in objects]
            return json.dumps({"kind": kind + "List", "apiVersion": version, "metadata": meta,
                               "items": items}).encode(), "application/json"
        raw = field(1, message(LIST_META, meta)) + b"".join(field(2, message(KINDS[kind], o)) for o in objects)
        return envelope(version, kind + "List", raw), PROTOBUF

    def event(self, what, obj):
        if not self.binary(obj["kind"]):
            return json.dumps({"type": what, "object": in_json(obj)}).encode() + b"\n"
        one = field(1, what.encode()) + field(2, field(1, in_protobuf(obj)))
        return struct.pack(">I", len(one)) + one

    def watch(self, h, version, kind, query):
        h.send_response(200)
        h.send_header("Content-Type", PROTOBUF + ";stream=watch" if self.binary(kind) else "application/json")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        events = queue.Queue()
        with self.lock:
            self.watches.append((kind, events))
            if "sendInitialEvents" in query:
                for obj in self.of(kind, query):
                    events.put(self.event("ADDED", obj))
                events.put(self.event("BOOKMARK", {"apiVersion": version, "kind": kind, "metadata": {
                    "resourceVersion": VERSION, "annotations": {"k8s.io/initial-events-end": "true"}}}))
        try:
            h.wfile.flush()
            while (data := events.get()) is not None:
                h.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                h.wfile.flush()
        except OSError:
            pass
        h.close_connection = True
