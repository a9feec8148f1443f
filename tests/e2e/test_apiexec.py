# SPDX-License-Identifier: Apache-2.0
"""A kubeconfig whose user is a program: its token is used, renewed after a 401, and its failure is reported."""
import re
import stat

import pytest

from apistub import Stub, address, status
from serving import Server, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        kubeconfig kube/config
        noendpoints
        labels x!=y
        startup_timeout 1s
    }
}
"""
KUBECONFIG = """clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      interactiveMode: Never
      command: ./login
      args: [token.txt]
"""
LOGIN = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
test -s "$1" || { echo "log in first" >&2; exit 5; }
echo >>runs
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}' "$(cat "$1")"
"""


class Asking(Stub):
    """Accepts one token."""

    def __init__(self):
        super().__init__()
        self.token = "one"

    def answer(self, h):
        if h.headers.get("Authorization") != "Bearer " + self.token:
            self.reply(h, 401, status(401, "Unauthorized"))
        else:
            super().answer(h)


@pytest.fixture(name="stub")
def stub_fixture():
    s = Asking()
    s.put("Namespace", "n")
    s.put("Service", "a", clusterIP="10.0.0.1")
    yield s
    s.close()


def test_a_program_has_the_limit_of_descriptors_of_before(tmp_path, stub):
    """The server raises its own. A program may close every descriptor up to its limit, or use select(2). It starts
    although more descriptors are open than that."""
    s = Server(tmp_path, COREFILE, files={"kube/config": KUBECONFIG % stub.port})
    login = tmp_path / "kube" / "login"
    login.write_text("#!/bin/sh\necho $(ulimit -Sn) $(ulimit -Hn) >kube/limits.new\nmv kube/limits.new kube/limits\n")
    login.chmod(login.stat().st_mode | stat.S_IXUSR)
    s.argv = ["prlimit", "--nofile=64:2048", *s.argv]
    crowd = []
    try:
        s.start()
        crowd = [s.connect() for _ in range(200)]
        (tmp_path / "kube" / "limits").unlink(missing_ok=True)
        wait_for((tmp_path / "kube" / "limits").exists)
        assert (tmp_path / "kube" / "limits").read_text() == "64 2048\n"
    finally:
        for c in crowd:
            c.close()
        s.stop()


def test_a_program_says_who_we_are(serve, stub, tmp_path):
    folder = tmp_path / "0" / "kube"
    folder.mkdir(parents=True)
    (folder / "config").write_text(KUBECONFIG % stub.port)
    login = folder / "login"
    login.write_text(LOGIN)
    login.chmod(login.stat().st_mode | stat.S_IXUSR)

    s = serve(COREFILE)
    s.wait_log(r"kube/config:8 - exec: kube/\./login failed with exit status 5: log in first")
    (folder / "token.txt").write_text("one")
    wait_for(lambda: address(s, "a") == ["10.0.0.1"], seconds=30)
    assert (folder / "runs").read_text() == "\n"    # one run for all kinds

    (folder / "token.txt").write_text("two")
    stub.token = "two"
    stub.cut()
    stub.put("Service", "a", clusterIP="10.0.0.2")
    wait_for(lambda: address(s, "a") == ["10.0.0.2"], seconds=30)
    page = s.metrics()
    requests = re.compile(r'coredns_kubernetes_rest_client_requests_total\{code="(\d+)",method="GET",'
                          rf'host="127.0.0.1:{stub.port}"\}}')
    counted = {m.group(1): page[m.group()] for m in map(requests.fullmatch, page) if m}
    assert counted["401"] >= 1 and counted["422"] == 2 and counted["200"] >= 3
    both = f'{{verb="GET",host="127.0.0.1:{stub.port}"}}'
    assert page["coredns_kubernetes_rest_client_request_duration_seconds_count" + both] >= 2
    assert page["coredns_kubernetes_rest_client_rate_limiter_duration_seconds_count" + both] >= 4


def test_a_terminal_is_refused(serve, stub, tmp_path):
    folder = tmp_path / "0" / "kube"
    folder.mkdir(parents=True)
    (folder / "config").write_text((KUBECONFIG % stub.port).replace("Never", "Always"))
    s = serve(COREFILE, wait=False)
    assert s.wait() == 1
    assert 'kube/config:9 - invalid exec.interactiveMode "Always": must be Never or IfAvailable' in s.log()
