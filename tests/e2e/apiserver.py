# SPDX-License-Identifier: Apache-2.0
"""A real API server on loopback (tests/apiserver), and its objects. Uses only Python's standard library."""
import concurrent.futures
import http.client
import json
import os
import select
import ssl
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import gomodules  # noqa: E402

START_S = 120
# kind -> API path, plural, whether it is namespaced
KINDS = {
    "Namespace": ("/api/v1", "namespaces", False),
    "Service": ("/api/v1", "services", True),
    "Pod": ("/api/v1", "pods", True),
    "Secret": ("/api/v1", "secrets", True),
    "ServiceAccount": ("/api/v1", "serviceaccounts", True),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", True),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ServiceCIDR": ("/apis/networking.k8s.io/v1", "servicecidrs", False),
    "IPAddress": ("/apis/networking.k8s.io/v1", "ipaddresses", False),
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "ServiceImport": ("/apis/multicluster.x-k8s.io/v1alpha1", "serviceimports", True),
}

# The CRD of sigs.k8s.io/mcs-api, without the schema.
SERVICE_IMPORT = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    # The group is protected: the annotation with the approval is required.
    "metadata": {"name": "serviceimports.multicluster.x-k8s.io", "annotations": {
        "api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/pull/1748"}},
    "spec": {"group": "multicluster.x-k8s.io", "scope": "Namespaced", "names": {
        "kind": "ServiceImport", "listKind": "ServiceImportList", "plural": "serviceimports",
        "singular": "serviceimport"},
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


class APIError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class Cluster:
    """with Cluster() as c: c.create(OBJECT) ...; everything is removed at the end. Raises gomodules.Missing."""

    def __init__(self, *flags):
        self.program = subprocess.Popen([gomodules.build("apiserver"), "--", *flags], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.local = threading.local()
        try:
            self.about = self.answer()
        except BaseException:
            self.close()
            raise
        self.folder, self.server = self.about["folder"], self.about["server"]
        self.port = int(self.server.rpartition(":")[2])
        self.tls = ssl.create_default_context(cafile=self.path("ca.crt"))
        self.tls.load_cert_chain(self.path("admin.crt"), self.path("admin.key"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    # --- the process ---

    def answer(self):
        if not select.select([self.program.stdout], [], [], START_S)[0]:
            raise AssertionError(f"no answer from tests/apiserver within {START_S} s")
        line = self.program.stdout.readline()
        if not line:
            raise AssertionError(f"the API server did not start:\n{self.program.stderr.read()}")
        got = json.loads(line)
        if got.get("error"):
            raise AssertionError(got["error"])
        return got

    def command(self, *words):
        self.program.stdin.write(" ".join(words) + "\n")
        self.program.stdin.flush()
        return self.answer()

    def kill(self):
        self.command("kill")

    def start(self, *flags):
        self.about = self.command("start", *flags)

    def compact(self):
        return self.command("compact")["revision"]

    def close(self):
        self.program.stdin.close()
        try:
            self.program.wait(20)
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.program.wait()
        self.program.stdout.close()
        self.program.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- requests: one persistent connection per thread ---

    def request(self, method, path, body=None, content="application/json"):
        data = None if body is None else json.dumps(body)
        for again in (True, False):
            kept = getattr(self.local, "connection", None)
            if kept is None:
                kept = self.local.connection = http.client.HTTPSConnection(
                    "127.0.0.1", self.port, timeout=30, context=self.tls)
            try:
                kept.request(method, path, data, {"Content-Type": content} if data else {})
                reply = kept.getresponse()
                text = reply.read().decode()
                break
            except (OSError, http.client.HTTPException):
                kept.close()
                self.local.connection = None
                if not again:
                    raise
        if reply.status >= 400:
            raise APIError(reply.status, text)
        return json.loads(text)

    @staticmethod
    def url(kind, space=None, name=None):
        base, plural, spaced = KINDS[kind]
        return "".join([base, f"/namespaces/{space or 'default'}" if spaced else "", "/", plural,
                        "/" + name if name else ""])

    def create(self, obj):
        """Returns the stored object. Fields that a server fills in are not sent; a status is written afterwards."""
        meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "uid")}
        kind, space = obj["kind"], meta.get("namespace")
        made = self.request("POST", self.url(kind, space), {**obj, "metadata": meta})
        if kind in ("Pod", "Service") and any(obj.get("status", {}).values()):
            made = self.patch(kind, meta["name"], {"status": obj["status"]}, space, "/status")
        return made

    def define_imports(self):
        """Installs the CRD of ServiceImports (multicluster.x-k8s.io, without its schema)."""
        self.create(SERVICE_IMPORT)

        def served():
            try:
                return self.request("GET", self.url("ServiceImport")) is not None
            except APIError as e:
                if e.status not in (404, 429):   # not there yet; still setting up
                    raise
            return False
        until(served)

    def get(self, kind, name, space=None):
        return self.request("GET", self.url(kind, space, name))

    def patch(self, kind, name, change, space=None, part=""):
        return self.request("PATCH", self.url(kind, space, name) + part, change, "application/merge-patch+json")

    def delete(self, kind, name, space=None):
        return self.request("DELETE", self.url(kind, space, name), {"gracePeriodSeconds": 0})

    def delete_namespace(self, name):
        """Deletes it with its objects, as the namespace controller does; no such controller runs here."""
        self.delete("Namespace", name)
        for kind in ("Service", "EndpointSlice", "Pod"):
            for obj in self.request("GET", self.url(kind, name))["items"]:
                self.delete(kind, obj["metadata"]["name"], name)
        self.request("PUT", self.url("Namespace", None, name) + "/finalize", {
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}})

    def create_all(self, objects, workers=8):
        """Namespaces first, then the other objects in parallel. Existing namespaces get the labels."""
        objects = list(objects)
        for obj in objects:
            if obj["kind"] == "Namespace":
                try:
                    self.create(obj)
                except APIError as e:
                    if e.status != 409:
                        raise
                    self.patch("Namespace", obj["metadata"]["name"], {
                        "metadata": {"labels": obj["metadata"].get("labels", {})}})
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(self.create, [o for o in objects if o["kind"] != "Namespace"]))

    # --- rights ---

    def grant(self, kind="User", name="dns", space=None):
        """Grants CoreDNS's role to a user or a ServiceAccount."""
        role = f"dns-{space or kind.lower()}-{name}"
        self.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role},
                     "rules": [{"apiGroups": [""], "resources": ["services", "pods", "namespaces"],
                                "verbs": ["list", "watch"]},
                               {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
                                "verbs": ["list", "watch"]},
                               {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceimports"],
                                "verbs": ["list", "watch"]}]})
        subject = {"kind": kind, "name": name}
        subject.update({"namespace": space} if space else {"apiGroup": "rbac.authorization.k8s.io"})
        self.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                     "metadata": {"name": role}, "subjects": [subject],
                     "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}})

    def token(self, account, space, secret):
        """A token of a ServiceAccount, valid until the Secret is deleted."""
        held = self.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": space}})
        return self.request("POST", self.url("ServiceAccount", space, account) + "/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
                "expirationSeconds": 3600, "boundObjectRef": {
                    "apiVersion": "v1", "kind": "Secret", "name": secret,
                    "uid": held["metadata"]["uid"]}}})["status"]["token"]

    # --- watches ---

    def watch_status(self, kind, version, seconds=5):
        """The code of the first ERROR of a watch from this version (410: too old), or None."""
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=seconds + 20, context=self.tls)
        try:
            c.request("GET", f"{self.url(kind)}?watch=true&resourceVersion={version}&timeoutSeconds={seconds}")
            reply = c.getresponse()
            for line in reply if reply.status == 200 else ():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return event["object"]["code"]
            return None if reply.status == 200 else reply.status
        finally:
            c.close()


def service(name, space, ip="None", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": space},
            "spec": {"clusterIP": ip, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}], **spec}}


def slice_of(name, space, addresses, suffix="x", labels=None):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"{name}-{suffix}", "namespace": space,
                         "labels": labels or {"kubernetes.io/service-name": name}},
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
            "endpoints": [{"addresses": [a], "conditions": {"ready": True}} for a in addresses]}


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def until(what, seconds=30):
    """Waits until what() is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(.05)
