# SPDX-License-Identifier: Apache-2.0
"""The fixtures of several files. serve: starts a nodens; serve_cluster: one for the cluster of api; api: a real API
server; stub: one with faults; node: a node in network namespaces."""
import re

import pytest

import apiserver
import live
import nodenet
from apiserver import gomodules, until
from apistub import Stub
from serving import Server


@pytest.fixture(name="serve")
def serve_fixture(tmp_path):
    """serve(corefile, ...): starts a nodens (serving.Server), which is stopped after the test."""
    started = []

    def start(corefile=None, wait=True, **more):
        s = Server(tmp_path / str(len(started)), corefile, **more)
        started.append(s)
        return s.start(wait)

    yield start
    errors = []
    for s in started:
        try:
            s.stop()
        except Exception as e:
            errors.append(e)
    if errors:
        raise errors[0]


@pytest.fixture(name="stub")
def stub_fixture():
    """An API server whose faults a test sets, with Service n/a."""
    s = Stub()
    s.put("Namespace", "n")
    s.put("Service", "a", clusterIP="10.0.0.1")
    yield s
    s.close()


@pytest.fixture(name="api", scope="module")
def api_fixture():
    """A real API server for all tests of a file."""
    try:
        cluster = apiserver.Cluster()
    except gomodules.Missing as e:
        pytest.skip(str(e))
    with cluster:
        cluster.grant()
        yield cluster


@pytest.fixture(name="serve_cluster")
def serve_cluster_fixture(api, tmp_path):
    """serve_cluster(LINES of the plugin's block...): starts a server for the cluster of `api`. If `ready` is given,
    waits until the server answers for that name. under: a command prefix to run it with. peer: a program to run
    instead."""
    started = []

    def start(*lines, kubeconfig=None, ready="kubernetes.default", zones="cluster.local in-addr.arpa", under=(),
              peer=live.PEER):
        path = api.path("dns.kubeconfig") if kubeconfig is None else kubeconfig
        inside = "\n    ".join(([f"kubeconfig {path}"] if path else []) + list(lines))
        s = Server(tmp_path / str(len(started)), f""".:@PORT {{
  bind 127.0.0.1
  ready 127.0.0.1:@READY
  prometheus 127.0.0.1:@PROM
  kubernetes {zones} {{
    {inside}
  }}
}}
""")
        if peer:
            s.argv = [gomodules.build(peer), "-conf", "Corefile"]
        s.argv = [*under, *s.argv]
        started.append(s)
        s.start()
        if ready:
            until(lambda: live.answers(s, ready))
        return s

    yield start
    for s in started:
        s.stop()


@pytest.fixture(name="no_namespaces", scope="session")
def no_namespaces_fixture():
    """Why network namespaces are impossible here; "" if they are possible."""
    return nodenet.refused()


@pytest.fixture(name="node")
def node_fixture(tmp_path, no_namespaces):
    """A node in namespaces (nodenet.py), which needs root; removed after the test, with its processes."""
    if no_namespaces:
        pytest.skip(f"no network namespaces here: {no_namespaces}")
    n = nodenet.Node(tmp_path)
    try:
        yield n.open()
    finally:
        n.close()
    assert not re.search("Sanitizer|runtime error:|assertion", n.log("agent.log")), n.log("agent.log")
