# SPDX-License-Identifier: Apache-2.0
"""Authentication and authorisation at a real API server, and answers while it denies everything."""
import base64
import json
import os
import signal
import stat

import pytest

from apiserver import namespace, service, slice_of, until
from live import PEER, answers, config, filled, moved, rcode
from serving import texts, wait_for

FAILED = 'nodens_kubernetes_watch_failures_total{kind="%s"}'
ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
IMPORTS = "serviceimports.multicluster.x-k8s.io"


def in_base64(api, name):
    return base64.b64encode(api.read(name).encode()).decode()


def account(api, name, space):
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": space}})


# --- authentication ---

CONTEXTS = """apiVersion: v1
kind: Config
clusters:
- name: right
  cluster: {server: "https://localhost:%(port)d", certificate-authority-data: %(ca)s}
- name: away
  cluster: {server: "https://127.0.0.1:1", certificate-authority-data: %(ca)s}
users:
- name: stranger
  user: {token: nonsense}
- name: dns
  user: {client-certificate-data: %(crt)s, client-key-data: %(key)s}
contexts:
- name: first
  context: {cluster: away, user: stranger}
- name: second
  context: {cluster: right, user: dns}
- name: third
  context: {cluster: right, user: stranger}
current-context: first
"""


def contexts(api, tmp_path):
    path = tmp_path / "contexts"
    path.write_text(CONTEXTS % {"port": api.port, "ca": in_base64(api, "ca.crt"), "crt": in_base64(api, "dns.crt"),
                                "key": in_base64(api, "dns.key")})
    return str(path)


def test_context_and_certificates_in_the_file(api, serve_cluster, tmp_path):
    filled(api, "contexts")
    serve_cluster(kubeconfig=contexts(api, tmp_path) + " second", ready="web.contexts")


@pytest.mark.parametrize("context,says", [
    ("", "/api/v1/.*: connect: Connection refused"),                           # the file's own
    (" third", "/api/v1/services: 401 Unauthorized"),
], ids=["current-context", "of an unknown user"])
def test_a_context_that_does_not_work(api, serve_cluster, tmp_path, context, says):
    s = serve_cluster("startup_timeout 1s", kubeconfig=contexts(api, tmp_path) + context, ready=None)
    s.wait_log("starting server with unsynced Kubernetes API")
    assert s.get("READY", "/ready")[0] == 503
    assert rcode(s, "web.contexts") == 2
    if not PEER:
        s.wait_log(says)


LOGIN = """#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" >>%(folder)s/asked
echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status":'
cat %(folder)s/status
echo '}'
"""


def test_exec_credentials(api, serve_cluster, tmp_path):
    """A certificate from a program; then, when it is refused, a token of an account."""
    filled(api, "program")
    account(api, "dns", "program")
    api.grant("ServiceAccount", "dns", "program")
    login, status = tmp_path / "login", tmp_path / "status"
    status.write_text(json.dumps({"token": api.token("dns", "program", "first")}))
    login.write_text(LOGIN % {"folder": tmp_path})
    login.chmod(login.stat().st_mode | stat.S_IXUSR)
    user = (f'exec: {{apiVersion: client.authentication.k8s.io/v1, command: "{login}", interactiveMode: Never, '
            'provideClusterInfo: true}')
    s = serve_cluster(kubeconfig=config(api, tmp_path, api.port, user), ready="web.program")
    asked = json.loads((tmp_path / "asked").read_text().splitlines()[0])
    assert asked["spec"]["cluster"]["server"] == api.server
    assert len((tmp_path / "asked").read_text().splitlines()) == 1

    status.write_text(json.dumps({"clientCertificateData": api.read("dns.crt"), "clientKeyData": api.read("dns.key")}))
    api.delete("Secret", "first", "program")    # the token is bound to it
    api.kill()
    api.start()
    moved(api, "program", "10.244.1.8")
    until(lambda: answers(s, "web.program") == ["10.244.1.8"], 60)
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a mount of its own")
def test_in_a_pod(api, serve_cluster, tmp_path):
    """With an empty block: the account's files are used, its token is replaced as by kubelet."""
    filled(api, "pod")
    account(api, "dns", "pod")
    api.grant("ServiceAccount", "dns", "pod")
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "ca.crt").write_text(api.read("ca.crt"))
    (folder / "token").write_text(api.token("dns", "pod", "first"))
    mount = f"mount -t tmpfs none /run && mkdir -p {ACCOUNT} && mount --bind {folder} {ACCOUNT} && exec \"$@\""
    s = serve_cluster(kubeconfig="", ready="web.pod", under=(
        "unshare", "-m", "env", "KUBERNETES_SERVICE_HOST=127.0.0.1", f"KUBERNETES_SERVICE_PORT={api.port}",
        "sh", "-ec", mount, "sh"))
    (folder / "token.new").write_text(api.token("dns", "pod", "second"))
    os.rename(folder / "token.new", folder / "token")
    api.delete("Secret", "first", "pod")
    api.kill()
    api.start()
    moved(api, "pod", "10.244.1.9")
    until(lambda: answers(s, "web.pod") == ["10.244.1.9"], 60)


# --- authorisation ---

def test_rights_in_one_namespace_are_too_few(api, serve_cluster, tmp_path):
    """`namespaces` limits the answers, not the requests: as in CoreDNS, all namespaces are listed."""
    filled(api, "limited")
    account(api, "dns", "limited")
    api.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "dns", "namespace": "limited"},
                "rules": [{"apiGroups": ["", "discovery.k8s.io"], "resources": ["services", "endpointslices"],
                           "verbs": ["list", "watch"]}]})
    api.create({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "dns", "namespace": "limited"},
                "subjects": [{"kind": "ServiceAccount", "name": "dns", "namespace": "limited"}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "dns"}})
    user = f"token: {api.token('dns', 'limited', 'held')}"
    s = serve_cluster("namespaces limited", "startup_timeout 1s", kubeconfig=config(api, tmp_path, api.port, user),
                      ready=None)
    s.wait_log("starting server with unsynced Kubernetes API")
    assert s.get("READY", "/ready")[0] == 503
    assert rcode(s, "web.limited") == 2
    if PEER:
        return
    for what in ("api/v1/namespaces", "api/v1/services", "apis/discovery.k8s.io/v1/endpointslices"):
        resource = what.rpartition("/")[2]
        s.wait_log(f'/{what}: 403 Forbidden: {resource}.* is forbidden: User "system:serviceaccount:limited:dns"')
    page = s.metrics()
    assert all(page[FAILED % k] >= 1 for k in ("Namespace", "Service", "EndpointSlice"))


def test_rights_are_taken_and_given(api, serve_cluster, tmp_path):
    filled(api, "rights")
    filled(api, "beside")
    account(api, "dns", "rights")
    api.grant("ServiceAccount", "dns", "rights")
    user = f"token: {api.token('dns', 'rights', 'held')}"
    s = serve_cluster("namespaces rights", kubeconfig=config(api, tmp_path, api.port, user), ready="web.rights")
    assert rcode(s, "web.beside") == 3
    binding = "dns-rights-dns"
    kept = api.get("ClusterRoleBinding", binding)
    api.delete("ClusterRoleBinding", binding)
    api.kill()      # open watches stay authorised
    api.start()
    moved(api, "rights", "10.244.1.2")
    if not PEER:
        s.wait_log("403 Forbidden: .* is forbidden.*keeping the last good state")
        until(lambda: s.get("READY", "/ready") == (
            200, "OK\nkubernetes: the API server fails; answering from the last good state"))
        assert s.metrics()[FAILED % "EndpointSlice"] >= 1
    assert answers(s, "web.rights") == ["10.244.1.1"]
    kept["metadata"] = {"name": binding}
    api.create(kept)
    until(lambda: answers(s, "web.rights") == ["10.244.1.2"], 60)
    until(lambda: s.get("READY", "/ready") == (200, "OK"), 60)
    assert rcode(s, "web.beside") == 3


# --- pods ---

def pod(name, space, *ips, phase="Running", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space},
            "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "node-1", **spec},
            "status": {"phase": phase, "podIP": ips[0] if ips else "", "podIPs": [{"ip": i} for i in ips]}}


def test_pods(api, serve_cluster):
    """verified: the existing pods, as they start, end and are deleted. insecure and disabled do not list pods."""
    api.create_all([namespace("pods")] + [
        pod("one", "pods", "10.244.3.1", "fd00:10:244::31"), pod("done", "pods", "10.244.3.2", phase="Succeeded"),
        pod("bare", "pods", phase="Pending"), pod("on-host", "pods", "192.0.2.7", hostNetwork=True)])
    by_mode = {mode: serve_cluster("pods " + mode) for mode in ("verified", "insecure", "disabled")}
    zone = "pods.pod.cluster.local."

    def there(mode, ip):
        return rcode(by_mode[mode], ip, zone) == 0

    until(lambda: answers(by_mode["verified"], "10-244-3-1", zone) == ["10.244.3.1"])
    assert texts(by_mode["verified"].ask("fd00-10-244--31." + zone, "AAAA")) == ["fd00:10:244::31"]
    assert there("verified", "192-0-2-7") and not there("verified", "10-244-3-2") and not there("verified", "192-0-2-8")
    assert there("insecure", "192-0-2-8") and not there("disabled", "10-244-3-1")
    if not PEER:
        lists = 'nodens_kubernetes_lists_total{kind="Pod"}'
        assert by_mode["verified"].metrics()[lists] == 1
        assert not any(lists in by_mode[m].metrics() for m in ("insecure", "disabled"))

    api.patch("Pod", "bare", {"status": {"phase": "Running", "podIPs": [{"ip": "10.244.3.4"}]}}, "pods", "/status")
    until(lambda: there("verified", "10-244-3-4"))
    # A terminating pod is served until it is deleted, as in CoreDNS; an ended one is not.
    api.request("DELETE", api.url("Pod", "pods", "one"), {"gracePeriodSeconds": 30})
    assert "deletionTimestamp" in api.get("Pod", "one", "pods")["metadata"]
    api.patch("Pod", "bare", {"status": {"phase": "Failed"}}, "pods", "/status")
    until(lambda: not there("verified", "10-244-3-4"))
    assert there("verified", "10-244-3-1")
    api.delete("Pod", "one", "pods")
    until(lambda: not there("verified", "10-244-3-1"))


# --- multicluster ---

def definition():
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {
        "name": IMPORTS, "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements"}},
        "spec": {"group": "multicluster.x-k8s.io", "scope": "Namespaced",
                 "names": {"kind": "ServiceImport", "plural": "serviceimports", "singular": "serviceimport"},
                 "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {
                     "openAPIV3Schema": {"type": "object", "properties": {"spec": anything}}}}]}}


def imported(name, space, ip=None):
    return {"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceImport",
            "metadata": {"name": name, "namespace": space},
            "spec": {"type": "ClusterSetIP" if ip else "Headless", **({"ips": [ip]} if ip else {}),
                     "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}}


def test_multicluster(api, serve_cluster):
    """Without the CRD only the cluster's own names are served; after it is installed, ServiceImports are served too."""
    filled(api, "clusters")
    set_zone = "clusters.svc.clusterset.local."
    lines, zones = ("multicluster clusterset.local", "startup_timeout 20s"), "cluster.local clusterset.local"
    s = serve_cluster(*lines, zones=zones, ready="web.clusters")
    assert s.get("READY", "/ready") == (200, "OK")
    assert len(s.wait_log(IMPORTS + " is not installed")) == 1
    assert rcode(s, "far", set_zone) == 3 and rcode(s, "none.clusters") == 3
    assert s.metrics()['nodens_kubernetes_lists_total{kind="ServiceImport"}'] == 0

    api.create(definition())
    until(lambda: any(c["type"] == "Established" and c["status"] == "True" for c in api.get(
        "CustomResourceDefinition", IMPORTS).get("status", {}).get("conditions") or ()))
    api.create(imported("far", "clusters", "10.97.0.1"))
    api.create(imported("set", "clusters"))
    api.create(slice_of("set", "clusters", ["10.245.0.1"], labels={
        "multicluster.kubernetes.io/service-name": "set", "multicluster.kubernetes.io/source-cluster": "c1"}))
    fresh = serve_cluster(*lines, zones=zones, ready="web.clusters")
    assert answers(fresh, "far", set_zone) == ["10.97.0.1"]
    assert answers(fresh, "set", set_zone) == ["10.245.0.1"]
    assert answers(fresh, "10-245-0-1.c1.set", set_zone) == ["10.245.0.1"]
    api.patch("ServiceImport", "far", {"spec": {"ips": ["10.97.0.2"]}}, "clusters")
    until(lambda: answers(fresh, "far", set_zone) == ["10.97.0.2"])
    api.delete("ServiceImport", "far", "clusters")
    until(lambda: rcode(fresh, "far", set_zone) == 3)

    until(lambda: answers(s, "set", set_zone) == ["10.245.0.1"], 40)     # it retries every 30 s
    assert s.get("READY", "/ready") == (200, "OK")


# --- no API server ---

def test_snapshot(api, serve_cluster, tmp_path):
    """The API server is killed, and nodens too; the next one answers from the snapshot until the live state arrives."""
    filled(api, "snap")
    api.create(service("goes", "snap", "10.96.205.1"))
    lines = (f"snapshot {tmp_path / 'kept'}", "startup_timeout 30s")
    s = serve_cluster(*lines, ready="web.snap")
    wait_for((tmp_path / "kept").exists)
    api.kill()
    try:
        s.signal(signal.SIGKILL)
        s.wait()
        s.process = None
        s = serve_cluster(*lines, ready=None)
        assert answers(s, "web.snap") == ["10.244.1.1"] and answers(s, "goes.snap") == ["10.96.205.1"]
        assert rcode(s, "none.snap") == 3
        assert texts(s.ask("1.1.244.10.in-addr.arpa.", "PTR"))
        status, text = s.get("READY", "/ready")
        assert status == 200 and text.startswith("OK\nkubernetes: answering from a snapshot, ")
        assert s.metrics()["nodens_kubernetes_snapshot_served"] == 1
    finally:
        api.start()
    api.delete("Service", "goes", "snap")
    moved(api, "snap", "10.244.1.3")
    until(lambda: answers(s, "web.snap") == ["10.244.1.3"] and rcode(s, "goes.snap") == 3, 60)
    until(lambda: s.get("READY", "/ready") == (200, "OK"))
    assert s.metrics()["nodens_kubernetes_snapshot_served"] == 0
