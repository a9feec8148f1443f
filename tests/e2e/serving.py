# SPDX-License-Identifier: Apache-2.0
"""A nodens on loopback, and helpers to query it."""
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

import dns.message
import dns.query

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NODENS = os.path.abspath(os.environ.get("NODENS", os.path.join(ROOT, "build", "nodens")))
_given = set()
# Parallel test processes (pytest -n) use different ports.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])


def built_with(word):
    """The program contains these bytes."""
    with open(NODENS, "rb") as f:
        return word in f.read()


def free_port():
    """A port that is free for UDP and TCP, below the ephemeral range: no client gets it before the server's bind."""
    while True:
        port = random.randrange(15000, 32000, 16) + _worker % 16
        if port in _given:
            continue
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                    with socket.socket(family, kind) as s:
                        if family == socket.AF_INET6:
                            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                        s.bind((any_address, port))
        except OSError:
            continue
        _given.add(port)
        return port


def wait_for(what, seconds=15, every=0.02):
    """Waits until what() is true; returns its value. AssertionError after the time."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds:g} s in vain"
        time.sleep(every)


def values(page):
    """{line without value: value} of a page of metrics."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in page.splitlines() if line and line[0] != "#"}


class Scraper:
    """Reads a /metrics page by read(), always one that was rendered after the call. A server renders a page at most
    once a second and sends the last one in between (src/plugin/prometheus/README.md). Each new page has another
    process_cpu_seconds_total, so a page equal to the last one read is old."""

    def __init__(self, read):
        self.read, self.last = read, None

    def page(self):
        def look():
            text = self.read()
            return text if text != self.last else None
        self.last = wait_for(look, 5)
        return self.last


class Server:
    """nodens with a Corefile in its own folder. In the text each @NAME is a free port, the same for the same NAME; @DIR
    is the folder. ask() sends to the port of @PORT. cpus: the number of cores it may use. env: variables to add."""

    def __init__(self, folder, corefile=None, args=("-conf", "Corefile"), name="nodens", stdin=None, files=None,
                 cpus=None, env=None):
        self.folder, self.ports, self.cpus, self.env = str(folder), {}, cpus, env or {}
        self.scraper = Scraper(self.read_metrics)
        self.log_path = os.path.join(self.folder, "log")
        os.makedirs(self.folder, exist_ok=True)
        for path, text in (files or {}).items():
            self.write(path, text)
        if corefile is not None:
            self.write("Corefile", corefile)
        self.argv = [NODENS, "serve"]
        if name == "coredns":
            link = os.path.join(self.folder, "coredns")
            os.symlink(NODENS, link)
            self.argv = [link]
        self.argv += [self.fill(a) for a in args]
        self.stdin = None if stdin is None else self.fill(stdin)
        self.process = None

    def fill(self, text):
        text = text.replace("@DIR", self.folder)
        return re.sub(r"@([A-Z]+)", lambda m: str(self.port_of(m.group(1))), text)

    def port_of(self, name):
        if name not in self.ports:
            self.ports[name] = free_port()
        return self.ports[name]

    @property
    def port(self):
        return self.port_of("PORT")

    def write(self, path, text):
        """Replaces a file atomically."""
        full = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full + ".new", "w") as f:
            f.write(self.fill(text))
        os.rename(full + ".new", full)

    def start(self, wait=True):
        with open(self.log_path, "ab") as out:
            limit = ["taskset", "-c", ",".join(str(c) for c in sorted(os.sched_getaffinity(0))[:self.cpus])] \
                if self.cpus else []
            self.process = subprocess.Popen(limit + self.argv, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder,
                                            stdin=subprocess.DEVNULL if self.stdin is None else subprocess.PIPE,
                                            env={**os.environ, **self.env})
        if self.stdin is not None:
            self.process.stdin.write(self.stdin.encode())
            self.process.stdin.close()
        if wait:
            self.wait_log("CoreDNS-")
        return self

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, count=1, seconds=20):
        """Waits until the log has the pattern `count` times; returns the matches."""
        def look():
            found = list(re.finditer(pattern, self.log()))
            return found if len(found) >= count else None
        try:
            return wait_for(lambda: look() or self.process.poll() is not None and self.ended(look), seconds)
        except AssertionError:
            raise AssertionError(f"no {pattern!r} in the log:\n{self.log()}") from None

    def ended(self, look):
        found = look()
        assert found
        return found

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """Stops it if it runs; checks the exit status, and the log for errors of sanitizers."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        assert self.process.returncode >= 0, f"died of signal {-self.process.returncode}\n{self.log()}"
        assert not re.search("Sanitizer|runtime error:|assertion", self.log()), self.log()

    def reload(self):
        """Sends SIGUSR1 and waits until the reload is complete."""
        before = len(re.findall("Reloading complete", self.log()))
        self.signal(signal.SIGUSR1)
        self.wait_log("Reloading complete", before + 1)

    # --- queries ---

    def ask(self, name, rdtype="A", tcp=False, where="127.0.0.1", port=None, timeout=8, **more):
        m = dns.message.make_query(name, rdtype, **more)
        f = dns.query.tcp if tcp else dns.query.udp
        return f(m, where, timeout=timeout, port=port or self.port)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=8)

    def get(self, port, path):
        """(status, text) of an HTTP page."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port_of(port)}{path}", timeout=8) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def read_metrics(self):
        status, text = self.get("PROM", "/metrics")
        assert status == 200
        return text

    def metrics_page(self):
        """The page at @PROM, rendered after the call."""
        return self.scraper.page()

    def metrics(self):
        return values(self.metrics_page())


def frame(wire):
    return struct.pack("!H", len(wire)) + wire


def read_exactly(conn, n):
    data = b""
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            raise EOFError(data)
        data += more
    return data


def read_frame(conn):
    """The message of the next frame."""
    return read_exactly(conn, struct.unpack("!H", read_exactly(conn, 2))[0])


def texts(reply):
    """The rdata of the answer's records, as text."""
    return [r.to_text() for rrset in reply.answer for r in rrset]
