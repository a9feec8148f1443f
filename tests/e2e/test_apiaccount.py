# SPDX-License-Identifier: Apache-2.0
"""A pod's service account: files laid out and replaced as by kubelet, and the messages for missing ones. They are at
the paths of a pod, in a mount namespace of the test."""
import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

from apiserver import until
from live import PEER, Proxy, answers, filled, moved
from serving import Server

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
MOUNT = f'mount -t tmpfs none /run && mkdir -p {ACCOUNT} && mount --bind "$0" {ACCOUNT} && exec "$@"'
COREFILE = ".:@PORT {\n    bind 127.0.0.1\n    kubernetes cluster.local {\n        startup_timeout 1s\n    }\n}\n"


@pytest.fixture(scope="module", autouse=True)
def mounts():
    if os.geteuid() or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root has mount namespaces")


def in_pod(folder, **variables):
    """The command prefix that runs a program with the folder as its account."""
    unset = [word for name in ("HOST", "PORT") for word in ("-u", "KUBERNETES_SERVICE_" + name)]
    given = [f"{name}={value}" for name, value in variables.items()]
    return ("unshare", "-m", "env", *unset, *given, "sh", "-ec", MOUNT, str(folder))


class Account:
    """A folder as of kubelet's atomic writer: NAME -> ..data/NAME, ..data -> ..GENERATION, which is replaced."""

    def __init__(self, folder, **files):
        self.folder, self.generation = folder, 0
        folder.mkdir()
        self.replace(**files)

    def replace(self, **files):
        self.generation += 1
        now = self.folder / f"..{self.generation}"
        now.mkdir()
        for name, text in files.items():
            (now / name.replace("_", ".")).write_text(text)
            link = self.folder / name.replace("_", ".")
            if not link.is_symlink():
                link.symlink_to(os.path.join("..data", link.name))
        (self.folder / "..data_tmp").symlink_to(now.name)
        os.rename(self.folder / "..data_tmp", self.folder / "..data")
        if self.generation > 1:
            shutil.rmtree(self.folder / f"..{self.generation - 1}")


class Proxy6(Proxy):
    """The same on the IPv6 loopback address, which is in the server's certificate too."""

    def __init__(self, port):  # pylint: disable=super-init-not-called
        self.target, self.open, self.dark = port, [], False
        self.listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()


def test_tokens_are_replaced(api, serve_cluster, tmp_path):
    """By kubelet's exchange of links, in place, and with a delay; each time the old token has become invalid."""
    filled(api, "account")
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "dns", "namespace": "account"}})
    api.grant("ServiceAccount", "dns", "account")
    tokens = [api.token("dns", "account", f"t{i}") for i in range(3)]
    files = {"ca_crt": api.read("ca.crt"), "namespace": "account"}
    account = Account(tmp_path / "account", token=tokens[0] + "\n", **files)
    proxy = Proxy6(api.port)
    try:
        s = serve_cluster(kubeconfig="", ready="web.account", under=in_pod(
            account.folder, KUBERNETES_SERVICE_HOST="::1", KUBERNETES_SERVICE_PORT=str(proxy.port)))
        if not PEER:
            assert f"synchronized with the API server at [::1]:{proxy.port}" in s.log()

        def forget(number):
            api.delete("Secret", f"t{number}", "account")
            api.kill()      # and its cache of tokens
            api.start()

        account.replace(token=tokens[1], **files)
        forget(0)
        moved(api, "account", "10.244.1.2")
        until(lambda: answers(s, "web.account") == ["10.244.1.2"], 60)

        (account.folder / "token").write_text("")     # a slow writer
        proxy.cut(False)
        moved(api, "account", "10.244.1.3")
        until(lambda: answers(s, "web.account") == ["10.244.1.3"], 60)
        if not PEER:
            s.wait_log(fr"token file /var{ACCOUNT}/token: file is empty; keeping the previous token")
        (account.folder / "token").write_text(tokens[2])
        forget(1)
        moved(api, "account", "10.244.1.4")
        until(lambda: answers(s, "web.account") == ["10.244.1.4"], 90)
    finally:
        proxy.close()


HERE = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}


@pytest.mark.skipif(PEER != "", reason="our words")
@pytest.mark.parametrize("files,variables,says", [
    ({"ca_crt": "x"}, HERE, r"/var%s/token - service account token is missing; set automountServiceAccountToken"),
    ({"token": "x"}, HERE, r"CA certificates /var%s/ca.crt: No such file or directory"),
    ({"token": "x", "ca_crt": "x"}, HERE, r"CA certificates /var%s/ca.crt: contains no certificate"),
    ({"token": "x", "ca_crt": "x"}, {"KUBERNETES_SERVICE_HOST": "127.0.0.1"},
     "not running in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; use \"endpoint URL\""),
], ids=["no token", "no CA", "not a CA", "no variables"])
def test_what_is_missing_is_said(tmp_path, files, variables, says):
    account = Account(tmp_path / "account", **files)
    s = Server(tmp_path / "server", COREFILE)
    s.argv = [*in_pod(account.folder, **variables), *s.argv]
    s.start(wait=False)
    try:
        assert s.wait() != 0
        assert re.search(r"Corefile:\d+ - .*" + says.replace("%s", ACCOUNT), s.log()), s.log()
    finally:
        s.stop()
