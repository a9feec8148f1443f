# SPDX-License-Identifier: Apache-2.0
"""Ten reloads a second under full load: no query may be lost, and each reload must take effect.

Each reload has a Corefile whose `hosts` block gives one marker name another address. So the count is of configurations
seen in answers, not of signals sent.
"""

import os
import signal
import socket
import time

import cached
import queries
import servers
from proc import BenchError, Children, ask, free_port, two_cores, wait_for_answer

MARKER = "generation.reload.example"
EVERY_S = 0.1
SOURCES = 128


def marker_address(generation):
    return f"10.{generation >> 16 & 255}.{generation >> 8 & 255}.{generation & 255}"


def marker(generation):
    return f"hosts {{\n        {marker_address(generation)} {MARKER}\n        fallthrough\n    }}"


def replace_file(path, text):
    """Atomically, as kubelet does for a ConfigMap: a reload never reads half a file."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(path + ".new", path)


class Reloads:
    """The server, its Corefile, and the generations seen in answers."""

    def __init__(self, child, port, config, text):
        self.child, self.config, self.text = child, config, text
        self.sent = self.seen = 0
        self.worst_ms = 0.0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(1)
        self.sock.connect(("127.0.0.1", port))

    def once(self, number):
        """One reload; waits until it serves, or until the next one is due."""
        began = time.monotonic()
        replace_file(self.config, self.text.replace(marker(0), marker(number)))
        self.child.popen.send_signal(signal.SIGUSR1)
        self.sent += 1
        wanted = socket.inet_aton(marker_address(number))
        while time.monotonic() - began < EVERY_S:
            reply = ask(self.sock, MARKER, number=number % 65535 + 1)
            if reply and reply.endswith(wanted):
                self.seen += 1
                self.worst_ms = max(self.worst_ms, (time.monotonic() - began) * 1000)
                break
            time.sleep(0.002)
        time.sleep(max(0.0, began + EVERY_S - time.monotonic()))


def measure(bench, folder, kind=servers.Nodens):
    """Runs dnsperf for bench.reload_seconds against `kind`, which is reloaded throughout."""
    server = kind(bench.build)
    if server.missing():
        raise BenchError(f"{server.name}: {server.missing()}")
    server_cpu, client_cpu = two_cores()
    path = os.path.join(folder, "queries.txt")
    queries.write(path)
    with Children(folder) as children:
        _, upstream, _ = servers.standin(children, bench.build, folder, client_cpu)
        place = servers.Place(folder, free_port(), upstream, bench.wildcard)
        text = servers.corefile(place, extra=marker(0))
        child = server.start(children, place, server_cpu, text=text)
        wait_for_answer(child, place.port, MARKER)

        seconds = bench.reload_seconds
        load = children.spawn(["dnsperf", "-s", "127.0.0.1", "-p", place.port, "-d", path,
                               "-c", SOURCES, "-T", 1, "-l", seconds, "-W"], "dnsperf", client_cpu)
        reloads = Reloads(child, place.port,
                          os.path.join(folder, f"{server.name}.corefile"), text)
        while load.alive():
            child.check()
            reloads.once(reloads.sent + 1)
        with open(load.log, encoding="utf-8", errors="replace") as f:
            completed, lost, elapsed, failed = cached.parse_dnsperf(f.read())
        return {"server": server.name, "seconds": elapsed, "reloads": reloads.sent,
                "seen": reloads.seen, "slowest_ms": reloads.worst_ms, "completed": completed,
                "lost": lost, "failed": failed, "qps": completed / elapsed}
