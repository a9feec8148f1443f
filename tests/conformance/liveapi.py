# SPDX-License-Identifier: Apache-2.0
"""A real API server (tests/apiserver) for one cluster after another: those of the cases, or a generated one."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "tests", "e2e")]
import apiserver  # noqa: E402
import gomodules  # noqa: E402

# Service networks of the cases, in addition to the API server's own 10.96.0.0/14 and fd00:10:96::/112.
RANGES = ["10.0.0.0/14", "192.168.1.0/24", "1234:abcd::/64", "10::/64"]
ITS_OWN = {"default", "kube-node-lease", "kube-public", "kube-system"}   # namespaces that it creates itself


class Failed(Exception):
    """The cluster cannot be created; the text says why."""


class Live:
    def __init__(self):
        try:
            self.api = apiserver.Cluster()
        except (gomodules.Missing, AssertionError) as e:
            raise Failed(f"no API server: {e}") from None
        self.kubeconfig = self.api.path("dns.kubeconfig")
        self.spaces = set()
        try:
            self.api.grant()
            self.api.define_imports()
            for n, cidr in enumerate(RANGES):
                self.api.create({"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
                                 "metadata": {"name": f"cases-{n}"}, "spec": {"cidrs": [cidr]}})
        except BaseException:
            self.close()
            raise

    def load(self, items):
        """Replaces the objects with these. An object that the API server refuses is a failure that names it."""
        self.clear()
        self.spaces = {o["metadata"]["name"] for o in items if o["kind"] == "Namespace"}
        try:
            self.api.create_all([o for o in items if o["kind"] == "Namespace"])
            # In order, since the second of two Services with one address needs create_service.
            for obj in items:
                if obj["kind"] == "Service":
                    self.create_service(obj)
            self.api.create_all([o for o in items if o["kind"] not in ("Namespace", "Service")])
        except apiserver.APIError as e:
            raise Failed(f"the API server refused an object: {e}") from None

    def change(self, changes):
        """Applies [(create, patch or delete; object)] in order."""
        for verb, obj in changes:
            meta = obj["metadata"]
            if verb == "create":
                self.api.create(obj)
            elif verb == "delete":
                self.api.delete(obj["kind"], meta["name"], meta["namespace"])
            else:
                part = {k: obj[k] for k in ("spec", "endpoints") if k in obj}
                self.api.patch(obj["kind"], meta["name"], part, meta["namespace"])

    def create_service(self, obj, again=True):
        """Two Services with one address exist in clusters whose allocations were lost and repaired. Here the allocation
        of the address is deleted first."""
        try:
            self.api.create(obj)
        except apiserver.APIError as e:
            ip = obj["spec"].get("clusterIP")
            if not again or "is already allocated" not in str(e):
                raise
            self.api.delete("IPAddress", ip)
            self.create_service(obj, False)

    def clear(self):
        for kind in ("Service", "EndpointSlice", "Pod", "ServiceImport"):
            base, plural, _ = apiserver.KINDS[kind]
            for obj in self.api.request("GET", f"{base}/{plural}")["items"]:
                meta = obj["metadata"]
                if (meta["namespace"], meta["name"]) != ("default", "kubernetes"):
                    self.api.delete(kind, meta["name"], meta["namespace"])
        for name in self.spaces - ITS_OWN:
            self.api.delete_namespace(name)
        self.spaces = set()

    def close(self):
        self.api.close()
