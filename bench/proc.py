# SPDX-License-Identifier: Apache-2.0
"""Child processes, pinned, measured and always ended; free ports; the two cores."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1
_TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """A measurement is impossible; the text is for the user."""


@dataclass(frozen=True)
class Cpu:
    """CPU time of a process so far, in seconds."""

    total: float  # exact: the scheduler's own nanoseconds
    user: float
    system: float

    def __sub__(self, earlier):
        return Cpu(self.total - earlier.total, self.user - earlier.user,
                   self.system - earlier.system)


def two_cores():
    """(server, client): the two cores that everything is pinned to."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("two cores are needed, one for the server and one for the load; "
                         f"this process may use {len(cores)}")
    return cores[0], cores[1]


def free_port():
    """A port that is free for UDP and TCP, below the ephemeral range of clients."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
             socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
                return port
    raise BenchError("no free port between 20000 and 32000")


class Child:
    """One running program. `log` is the file with its output."""

    def __init__(self, popen, name, log):
        self.popen, self.name, self.log = popen, name, log

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def check(self):
        if not self.alive():
            raise BenchError(f"{self.name} exited by itself (status {self.popen.returncode}); "
                             f"its last output:\n{self.last_output()}")

    def last_output(self, lines=8):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:]) or "(none)"

    def cpu(self):
        """The exact total, split into user and system time by the kernel's clock ticks."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(FileNotFoundError), \
                 open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return Cpu(total / 1e9, int(fields[11]) / _TICK, int(fields[12]) / _TICK)

    def memory(self):
        """{"rss", "pss", "private"} in MiB."""
        out = {}
        wanted = {"Rss:": "rss", "Pss:": "pss", "Private_Dirty:": "private"}
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                words = line.split()
                if words[0] in wanted:
                    out[wanted[words[0]]] = int(words[1]) / 1024
        return out

    def end(self, grace=3.0, first=signal.SIGTERM):
        """Ends the process; True if it ended on SIGTERM, without SIGKILL."""
        if not self.alive():
            return True
        self.popen.send_signal(first)
        try:
            self.popen.wait(grace)
            return True
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return False


class Children:
    """All programs started by one benchmark; leaving the `with` ends them."""

    def __init__(self, folder):
        self.folder, self._all = folder, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self._all):
            child.end()

    def spawn(self, argv, name, cpu=None, executable=None, cwd=None, urgent=False, **more):
        """Starts argv on core `cpu`; its output goes to a file in the folder, unless `more` (for Popen) redirects it.
        urgent: with priority over all others on its core, where that is allowed."""

        def prepare():
            # No server may survive this script, not even after SIGKILL.
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            if urgent:
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

        log = os.path.join(self.folder, f"{name}-{len(self._all)}.log")
        with open(log, "wb") as out:
            # A process group of its own: Ctrl-C reaches only this script, which ends its children.
            popen = subprocess.Popen([str(a) for a in argv], executable=executable, cwd=cwd,
                                     stderr=out, preexec_fn=prepare, process_group=0,
                                     **{"stdin": subprocess.DEVNULL, "stdout": out, **more})
        child = Child(popen, name, log)
        self._all.append(child)
        return child

    def run(self, argv, name, cpu=None, timeout=120, ok=(0,)):
        """Runs argv until it exits; returns (output, status)."""
        child = self.spawn(argv, name, cpu)
        try:
            status = child.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            child.end()
            raise BenchError(f"{name} did not end within {timeout} s") from None
        if status not in ok:
            raise BenchError(f"{name} failed (status {status}):\n{child.last_output()}")
        self._all.remove(child)
        with open(child.log, encoding="utf-8", errors="replace") as f:
            output = f.read()
        os.unlink(child.log)
        return output, status


def question(name, kind=1, number=1):
    """The wire form of one plain query."""
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.rstrip(".").split("."))
    return (number.to_bytes(2, "big") + b"\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0"
            + kind.to_bytes(2, "big") + b"\0\x01")


def ask(sock, name, kind=1, number=1):
    """Sends one query on a connected socket; returns the answer, or None if it was refused or timed out."""
    try:
        sock.send(question(name, kind, number))
        while True:
            reply = sock.recv(65535)
            if len(reply) >= 12 and reply[:2] == number.to_bytes(2, "big"):
                return reply
    except OSError:
        return None


def wait_for_answer(child, port, name, timeout=20.0):
    """Waits until the server answers `name` with NOERROR."""
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.connect(("127.0.0.1", port))
        while time.monotonic() < deadline:
            child.check()
            reply = ask(sock, name)
            if reply and reply[3] & 0x0f == 0:
                return
            time.sleep(0.01)
    raise BenchError(f"{child.name} does not answer on port {port}; its last output:\n"
                     f"{child.last_output()}")
