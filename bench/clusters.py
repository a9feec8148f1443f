# SPDX-License-Identifier: Apache-2.0
"""Sources of a cluster: recorded bytes (kubestub), or the real API server of the tests.

Both have the same objects: Service N is `service-N` in `team-(N % spaces)`; one in HEADLESS_EVERY is headless.
"""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import servers
from proc import BenchError, free_port

sys.path.insert(0, os.path.join(os.path.dirname(servers.HERE), "tests", "e2e"))
import apiserver  # noqa: E402
from servers import gomodules  # noqa: E402

HEADLESS_EVERY = 10   # the others have a cluster IP
ZONE = "svc.cluster.local"
RECORD_TIMEOUT_S = 300
CREATE_TIMEOUT_S = 600


def binary():
    try:
        return gomodules.build("kubestub")
    except gomodules.Missing as e:
        raise BenchError(str(e)) from None


def flags(services, endpoints, pods, spaces):
    return ["-services", services, "-endpoints", endpoints, "-pods", pods, "-namespaces", spaces]


class Stub:
    """A cluster of any size."""

    name = "stub"

    def __init__(self, children, cpu, services, endpoints, pods=0, spaces=100):
        self.port, self.pods = free_port(), pods
        self.child = children.spawn([binary(), *flags(services, endpoints, pods, spaces), "-port", self.port],
                                    "kubestub", cpu)
        self.corefile_lines = f"endpoint http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + RECORD_TIMEOUT_S
        while not os.path.getsize(self.child.log):
            self.child.check()
            if time.monotonic() > deadline:
                raise BenchError(f"kubestub has not recorded its cluster within {RECORD_TIMEOUT_S} s")
            time.sleep(0.05)

    def ask(self, what, **parameters):
        url = f"http://127.0.0.1:{self.port}/stub/{what}?{urllib.parse.urlencode(parameters)}"
        request = urllib.request.Request(url, method="GET" if what == "state" else "POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as e:
            raise BenchError(f"kubestub: {url}: {e.read().decode()}") from None

    def lists(self):
        """How often each kind was fully sent; None while one is being sent or is not watched again yet."""
        state = self.ask("state")
        kinds = [r for name, r in state["resources"].items() if name != "pods" or self.pods]
        if state["listing"] or not all(r["watching"] for r in kinds):
            return None
        return [r["lists"] for r in kinds]

    def relist(self, child, timeout):
        """Makes the server list everything again."""
        before = self.lists()
        self.ask("expire")
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            child.check()
            now = self.lists()
            if now and all(n > b for n, b in zip(now, before)):
                return
            time.sleep(0.05)
        raise BenchError(f"{child.name} has not relisted everything within {timeout} s")

    def close(self):
        self.child.end()


class Real:
    """As many objects as a real API server accepts in reasonable time."""

    name = "API server"

    def __init__(self, children, cpu, services, endpoints, pods=0, spaces=100):
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})   # the API server, away from the measured server's core
        try:
            self.cluster = apiserver.Cluster()
            config = self.cluster.path("admin.kubeconfig")
            children.run([binary(), *flags(services, endpoints, pods, spaces), "-create", config],
                         "kubestub", timeout=CREATE_TIMEOUT_S)
        except gomodules.Missing as e:
            raise BenchError(str(e)) from None
        finally:
            os.sched_setaffinity(0, before)
        self.cpu, self.corefile_lines, self.changes = cpu, f"kubeconfig {config}", 0

    def change(self):
        self.changes += 1
        self.cluster.create(apiserver.service(f"change-{self.changes}", "default"))

    def relist(self, child, timeout):
        """Compacts the API server's history while the server is stopped: it must then list everything again."""
        child.popen.send_signal(signal.SIGSTOP)
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.cpu})
        try:
            self.change()
            self.cluster.compact()
            self.cluster.kill()
            self.cluster.start()
            self.change()
        finally:
            os.sched_setaffinity(0, before)
            child.popen.send_signal(signal.SIGCONT)
        time.sleep(min(timeout, 5))   # clients wait up to a second before they retry

    def close(self):
        self.cluster.close()
