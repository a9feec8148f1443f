# SPDX-License-Identifier: Apache-2.0
"""A reader of the log that stops reading costs log lines: no answer, no probe, and not the end of the process."""
import fcntl
import os
import re
import signal
import subprocess
import threading

import dns.message
import dns.query
import pytest

from serving import NODENS, Server, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    errors
    log
    prometheus 127.0.0.1:@PROM
    health 127.0.0.1:@HEALTH
    template ANY ANY {
        rcode NOERROR
    }
}
"""
QUERIES = 12000   # about 100 bytes a line: more than ring and pipe hold
F_SETPIPE_SZ = 1031


class Piped(Server):
    """Standard output is a pipe, read by the test only."""

    def start(self, wait=True):
        self.read_fd, write_fd = os.pipe()
        fcntl.fcntl(write_fd, F_SETPIPE_SZ, 4096)
        self.process = subprocess.Popen([NODENS, "serve", "-conf", "Corefile"], stdout=write_fd, cwd=self.folder,
                                        stdin=subprocess.DEVNULL)
        os.close(write_fd)
        self.text = b""
        if wait:
            wait_for(lambda: self.read_some() and b"CoreDNS-" in self.text)
        return self

    def read_some(self):
        self.text += os.read(self.read_fd, 65536)
        return True

    def log(self):
        return self.text.decode(errors="replace")


@pytest.fixture(name="server")
def server_fixture(tmp_path):
    s = Piped(tmp_path, COREFILE).start()
    yield s
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(s.read_fd, 65536), b"")])
    drain.start()
    s.stop()
    drain.join()
    os.close(s.read_fd)


def ask_many(server, n):
    """The number of replies to n queries with names of 60 characters."""
    got = 0
    for i in range(n):
        m = dns.message.make_query(f"{i:0>60}.test", "A")
        dns.query.udp(m, "127.0.0.1", timeout=8, port=server.port)
        got += 1
    return got


def test_stuck_reader(server):
    assert ask_many(server, QUERIES) == QUERIES
    assert server.get("HEALTH", "/health")[0] == 200
    dropped = server.metrics()["nodens_log_lines_dropped_total"]
    assert dropped > 0
    # The reader is back: the loss is reported, and later lines are complete.
    report = re.compile(rb"\[WARNING\] log: (\d+) lines dropped")
    wait_for(lambda: server.read_some() and report.search(server.text))
    assert int(report.search(server.text).group(1)) == dropped
    ask_many(server, 1)
    wait_for(lambda: server.read_some() and server.text.count(b"0" * 59 + b"0.test.") >= 2)
    assert server.metrics()["nodens_log_lines_dropped_total"] == dropped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_ends_while_the_reader_is_stuck(server, number):
    ask_many(server, QUERIES // 10)
    server.signal(number)
    assert server.wait(15) == 0
