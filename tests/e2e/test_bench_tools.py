# SPDX-License-Identifier: Apache-2.0
"""The measuring programs of ./dev bench detect what they must: delays and wrong answers."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from serving import NODENS, free_port

TOOLS = os.path.join(os.path.dirname(NODENS), "bench")
NAME = "service-0.team-0.svc.cluster.local"
OLD, NEW, OTHER = "10.0.0.1", "198.18.100.100", "10.0.0.9"
BESIDE = "10.0.0.2"


class Names:
    """Answers every A query with `addresses` or `rcode`, which tests set."""

    def __init__(self):
        self.addresses, self.rcode = [OLD, BESIDE], None
        self.port = free_port()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            wire, peer = self.sock.recvfrom(4096)
            if not wire:    # sent by close()
                return
            asked = dns.message.from_wire(wire)
            reply = dns.message.make_response(asked)
            if self.rcode:
                reply.set_rcode(dns.rcode.from_text(self.rcode))
            else:
                reply.answer.append(dns.rrset.from_text(asked.question[0].name, 5, "IN", "A", *self.addresses))
            self.sock.sendto(reply.to_wire(), peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.sock.close()


@pytest.fixture(name="names")
def names_fixture():
    made = Names()
    yield made
    made.close()


class Change:
    """The program with its two watches; the tests write to their other ends."""

    def __init__(self, port):
        pairs = [socket.socketpair() for _ in range(2)]
        self.watches = [ours for ours, _ in pairs]
        theirs = [end.fileno() for _, end in pairs]
        self.process = subprocess.Popen(
            [os.path.join(TOOLS, "change"), "-p", str(port), "-i", "1000", "-w", str(theirs[0]), "-n", str(theirs[1]),
             "-c", str(min(os.sched_getaffinity(0)))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=theirs)
        for _, end in pairs:
            end.close()

    def order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def begin(self):
        self.order(f"{NAME} {NEW}")
        assert self.process.stdout.readline() == "ready\n"

    def event(self, *pieces, pause=0.05):
        """Sends it on both watches; returns the time of its last piece."""
        for n, piece in enumerate(pieces):
            time.sleep(pause if n else 0)
            left = time.monotonic_ns()
            for w in self.watches:
                w.sendall(piece)
        return left

    def report(self):
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(10)
        for w in self.watches:
            w.close()
        return status


@pytest.fixture(name="change")
def change_fixture(names):
    made = Change(names.port)
    yield made
    made.process.kill()
    made.close()
    made.process.stdout.close()
    made.process.stderr.close()


WHOLE = b"\x0a\x0e%s ports \x22\x04IPv4" % NEW.encode()


def test_lateness_counts_from_the_end_of_the_event(names, change):
    change.begin()
    left = change.event(WHOLE[:8], WHOLE[8:20], WHOLE[20:])     # the address is split
    time.sleep(0.3)
    names.addresses = [NEW, BESIDE]
    got = change.report()
    assert got["seen_ns"] >= left and got["neighbour_ns"] >= left
    assert got["answered_ns"] - got["seen_ns"] > 150e6
    assert (got["wrong"], got["back"]) == (0, 0)
    assert got["asked"] > 50


def test_an_answer_may_come_before_the_event(names, change):
    change.begin()
    names.addresses = [NEW, BESIDE]
    time.sleep(0.1)
    change.event(WHOLE)
    got = change.report()
    assert got["answered_ns"] < got["seen_ns"]


def test_each_order_is_one_of_its_own(names, change):
    change.begin()
    names.addresses = [NEW, BESIDE]
    change.event(WHOLE)
    first = change.report()
    names.addresses = [OLD, BESIDE]
    change.begin()
    names.addresses = [NEW, BESIDE]
    change.event(WHOLE)
    second = change.report()
    assert second["seen_ns"] > first["answered_ns"] and second["neighbour_ns"] > first["neighbour_ns"]
    assert change.close() == 0


@pytest.mark.parametrize("addresses,rcode", [
    ([OLD], None), ([NEW], None), ([OLD, OTHER], None), ([OLD, NEW, BESIDE], None), ([], "NXDOMAIN"),
    ([], "SERVFAIL")])
def test_what_is_neither_old_nor_new_is_wrong(names, change, addresses, rcode):
    change.begin()
    names.addresses, names.rcode = addresses, rcode
    time.sleep(0.1)
    names.addresses, names.rcode = [NEW, BESIDE], None
    change.event(WHOLE)
    got = change.report()
    assert got["wrong"] > 0 and got["back"] == 0


def test_the_old_answer_again_is_told(names, change):
    change.begin()
    names.addresses = [NEW, BESIDE]
    time.sleep(0.1)
    names.addresses = [OLD, BESIDE]
    time.sleep(0.1)
    change.event(WHOLE)
    assert change.report()["back"] > 0


@pytest.mark.parametrize("order", ["nonsense", f"a..b {NEW}", f"{NAME} 10.0.0", f"{NAME} {OLD}"])
def test_orders_that_cannot_be(names, change, order):
    change.order(order)
    assert change.process.wait(10) == 2
    assert change.process.stderr.read().startswith("change: ")


def test_a_watch_that_ends_is_an_error(change):
    change.watches[0].close()
    assert change.process.wait(10) == 2


# --- openloop, as run during relists ---

def openloop(names, tmp_path, meanwhile):
    """Its report and exit status after SIGTERM."""
    (tmp_path / "questions").write_text(f"{NAME} A\n")
    p = subprocess.Popen([os.path.join(TOOLS, "openloop"), "-p", str(names.port), "-d", str(tmp_path / "questions"),
                          "-r", "500", "-l", "3600", "-c", "2", "-k", "1", "-z"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    meanwhile()
    time.sleep(0.2)
    p.send_signal(signal.SIGTERM)
    out, _ = p.communicate(timeout=10)
    return json.loads(out), p.returncode


def test_openloop_ends_early_with_a_report(names, tmp_path):
    def turn():
        names.addresses = [BESIDE, OLD]     # order is ignored

    got, status = openloop(names, tmp_path, turn)
    assert (got["differing"], got["lost"], status) == (0, 0, 0)
    assert got["checked"] == got["received"] == got["sent"] > 50


@pytest.mark.parametrize("addresses,rcode", [([NEW, BESIDE], None), ([OLD], None), ([], "NXDOMAIN")])
def test_openloop_sees_an_answer_that_changes(names, tmp_path, addresses, rcode):
    def spoil():
        names.addresses, names.rcode = addresses, rcode
        time.sleep(0.1)
        names.addresses, names.rcode = [OLD, BESIDE], None

    got, status = openloop(names, tmp_path, spoil)
    assert 0 < got["differing"] < got["checked"] and status == 1
