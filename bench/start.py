# SPDX-License-Identifier: Apache-2.0
"""From exec to the first answer, and the memory of an idle server, with the sample cluster."""

import os
import signal
import socket
import statistics
import time

import servers
from proc import BenchError, Child, Children, free_port, question

NAME = "kubernetes.default.svc.cluster.local"
IDLE_S = 2
TIMEOUT_S = 10
ROOT = os.path.dirname(servers.HERE)


def sample_manifests():
    """The folder of deploy/sample that has the cluster's manifests."""
    sample = os.path.join(ROOT, "deploy", "sample")
    for folder, _, files in sorted(os.walk(sample)):
        if any(name.endswith((".yaml", ".yml", ".json")) for name in files):
            return folder
    raise BenchError(f"no manifests below {sample}")


def corefile(port, manifests, upstream):
    """kubeadm's, on one loopback port, with the manifests instead of the API server."""
    return f"""\
.:{port} {{
    bind 127.0.0.1
    errors
    health 127.0.0.1:{free_port()} {{
        lameduck 5s
    }}
    ready 127.0.0.1:{free_port()}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        source {manifests}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus 127.0.0.1:{free_port()}
    forward . 127.0.0.1:{upstream} {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""


class Spawned:
    """The part of Popen that Child needs: posix_spawn starts a process faster than Popen."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, _timeout=None):
        """Called only after SIGKILL, so it needs no time limit."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def spawn(argv, name, log):
    """Returns (Child, the time just before its start)."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [(os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    return Child(Spawned(pid), name, log), began


def first_answer(child, port, began, records=True):
    """Seconds until NAME is answered (with an address, if `records`).

    The query is repeated every half millisecond: the kernel limits the rate of ICMP errors, so waiting for one could
    take longer than the start. The first answer to any of the queries counts."""
    wire = question(NAME)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.0005)
        sock.connect(("127.0.0.1", port))
        while time.perf_counter() - began < TIMEOUT_S:
            try:
                sock.send(wire)
                reply = sock.recv(65535)
            except OSError:  # refused, or nothing yet
                child.check()
                continue
            taken = time.perf_counter() - began
            if len(reply) > 12 and reply[3] & 0x0f == 0 and (reply[6:8] != b"\0\0" or not records):
                return taken
    raise BenchError(f"no answer for {NAME} within {TIMEOUT_S} s:\n{child.last_output()}")


def once(server, folder, upstream, idle_s=0):
    """Returns (seconds to the first answer, CPU seconds until then, memory or None)."""
    port = free_port()
    config = os.path.join(folder, "start.corefile")
    with open(config, "w", encoding="utf-8") as f:
        f.write(corefile(port, sample_manifests(), upstream))
    argv = [server.argv0(folder), "-conf", config]
    child, began = spawn(argv, server.name, os.path.join(folder, "start.log"))
    try:
        taken = first_answer(child, port, began)
        used = child.cpu().total
        if not idle_s:
            return taken, used, None
        time.sleep(idle_s)
        return taken, used, child.memory()
    finally:
        # lameduck would delay SIGTERM for 5 s, and the shutdown is not measured here.
        child.end(first=signal.SIGKILL)


def floor(echo, folder):
    """The same for a program that does nothing: the cost of any start on this machine, now."""
    port = free_port()
    child, began = spawn([echo.binary, "-p", str(port)], echo.name,
                         os.path.join(folder, "start.log"))
    try:
        return first_answer(child, port, began, records=False)
    finally:
        child.end(first=signal.SIGKILL)


def measure(bench, folder):
    server, echo = servers.Nodens(bench.build), servers.Echo(bench.build)
    for needed in (server, echo):
        if needed.missing():
            raise BenchError(f"{needed.missing()}: run ./dev build first")
    starts = 5 if bench.quick else 20
    with Children(folder) as children:
        _, upstream, _ = servers.standin(children, bench.build, folder, None)
        once(server, folder, upstream)  # loads binary and libraries into the page cache
        taken, used, floors = [], [], []
        for _ in range(starts):
            floors.append(floor(echo, folder) * 1000)
            wall, cpu, _ = once(server, folder, upstream)
            taken.append(wall * 1000)
            used.append(cpu * 1000)
        memory = once(server, folder, upstream, IDLE_S)[2]
    return {"starts": starts, "first_answer_ms": statistics.median(taken),
            "cpu_ms": statistics.median(used),
            "first_answer_ms_min": min(taken), "first_answer_ms_max": max(taken),
            "echo_ms": statistics.median(floors), "memory_mib": memory}
