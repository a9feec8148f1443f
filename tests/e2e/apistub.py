# SPDX-License-Identifier: Apache-2.0
"""A stand-in for an API server, over plain HTTP in JSON, whose faults a test sets. The real one is in apiserver.py."""
import http.server
import json
import queue
import threading
import urllib.parse

from serving import texts

KINDS = {"/api/v1/namespaces": "Namespace", "/api/v1/services": "Service"}


class Stub:
    """Objects by kind and name. `how(kind, query)` returns the fault of an answer, or None."""

    def __init__(self, port=0):
        self.version, self.objects, self.watches, self.asked = 1, {"Namespace": {}, "Service": {}}, [], []
        self.how = lambda kind, query: None
        self.lock = threading.RLock()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stub.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.cut()
        self.server.shutdown()
        self.server.server_close()

    def put(self, kind, name, **spec):
        with self.lock:
            self.version += 1
            meta = {"name": name, "resourceVersion": str(self.version)}
            if kind != "Namespace":
                meta["namespace"] = "n"
            obj = {"kind": kind, "apiVersion": "v1", "metadata": meta, "spec": spec}
            changed = name in self.objects[kind]
            self.objects[kind][name] = obj
            self.tell(kind, "MODIFIED" if changed else "ADDED", obj)

    def remove(self, kind, name, tell=True):
        with self.lock:
            self.version += 1
            obj = self.objects[kind].pop(name)
            if tell:
                self.tell(kind, "DELETED", {**obj, "metadata": {**obj["metadata"],
                                                                "resourceVersion": str(self.version)}})

    def tell(self, kind, event, obj):
        self.send(kind, json.dumps({"type": event, "object": obj}) + "\n")

    def send(self, kind, text):
        for k, q in self.watches:
            if k == kind:
                q.put(text)

    def cut(self):
        with self.lock:
            for _, q in self.watches:
                q.put(None)
            self.watches = []

    @staticmethod
    def reply(h, code, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else body.encode()
        h.send_response(code)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            h.send_header(name.replace("_", "-"), value)
        h.end_headers()
        h.wfile.write(data)

    def answer(self, h):
        url = urllib.parse.urlsplit(h.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = KINDS[url.path]
        self.asked.append((kind, query))
        wrong = self.how(kind, query)
        if wrong:
            wrong(h)
        elif "watch" in query:
            self.watch(h, kind, query)
        else:
            self.list(h, kind, query)

    def list(self, h, kind, query):
        with self.lock:
            names = sorted(self.objects[kind])
            at = int(query.get("continue", 0))
            meta = {"resourceVersion": str(self.version)}
            if at + 2 < len(names):
                meta["continue"] = str(at + 2)
            self.reply(h, 200, json.dumps({
                "kind": kind + "List", "apiVersion": "v1", "metadata": meta,
                "items": [{k: v for k, v in self.objects[kind][n].items() if k in ("metadata", "spec")}
                          for n in names[at:at + 2]]}))

    def watch(self, h, kind, query):
        if "sendInitialEvents" in query:
            self.reply(h, 422, status(422, "Invalid"))
            return
        h.send_response(200)
        h.send_header("Content-Type", "application/json")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        q = queue.Queue()
        with self.lock:
            if int(query["resourceVersion"]) < self.version:
                for obj in self.objects[kind].values():
                    if int(obj["metadata"]["resourceVersion"]) > int(query["resourceVersion"]):
                        q.put(json.dumps({"type": "MODIFIED", "object": obj}) + "\n")
            self.watches.append((kind, q))
        try:
            while True:
                text = q.get()
                if text is None:
                    break
                h.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
                h.wfile.flush()
        except OSError:
            pass
        h.close_connection = True


def status(code, reason="Refused", message="no"):
    return json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                       "message": message})


def address(s, name):
    return texts(s.ask(name + ".n.svc.cluster.local."))
