# SPDX-License-Identifier: Apache-2.0
"""serve(corefile, ...): starts a nodens (serving.Server) that ends with the test. stub: an API
server of the tests. node: a node in namespaces."""
import re

import pytest

import nodenet
from apistub import Stub
from serving import Server


@pytest.fixture
def serve(tmp_path):
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


@pytest.fixture
def stub():
    """An API server that does as it is told: Service n/a."""
    s = Stub()
    s.put("Namespace", "n")
    s.put("Service", "a", clusterIP="10.0.0.1")
    yield s
    s.close()


@pytest.fixture(scope="session")
def no_namespaces():
    """Why the kernel gives no network namespaces; None: it does."""
    return nodenet.refused()


@pytest.fixture
def node(tmp_path, no_namespaces):
    """A node in namespaces (nodenet.py), which need root; gone with the test, as are the processes in it."""
    if no_namespaces:
        pytest.skip(f"no network namespaces here: {no_namespaces}")
    n = nodenet.Node(tmp_path)
    try:
        yield n.open()
    finally:
        n.close()
    assert not re.search("Sanitizer|runtime error:|assertion", n.log("agent.log")), n.log("agent.log")
