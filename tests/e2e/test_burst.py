# SPDX-License-Identifier: Apache-2.0
"""A burst waits in the socket buffers; the overflow is counted, and nothing else is lost."""
import select
import signal
import socket
import time

import dns.edns
import dns.message

COREFILE = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    hosts {
        192.0.2.1 www.test
    }
}
"""
SOCKETS = 200


def clients():
    """Sockets, connected later, each with buffer space for the answers to over a hundred queries."""
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for c in made:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        c.setblocking(False)
    return made


def burst(server, wire, n):
    """Sends n queries from all sockets in turn while the server is stopped; returns how many were answered."""
    made = clients()
    try:
        for c in made:
            c.connect(("127.0.0.1", server.port))
        server.signal(signal.SIGSTOP)
        try:
            for i in range(n):
                made[i % SOCKETS].send(i.to_bytes(2, "big") + wire[2:])
            time.sleep(0.05)
        finally:
            server.signal(signal.SIGCONT)
        return collect(made)
    finally:
        for c in made:
            c.close()


def collect(made):
    """Counts distinct answers until none arrives for two seconds."""
    poll = select.epoll()
    by_fd = {c.fileno(): c for c in made}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    seen = set()
    while True:
        ready = poll.poll(2)
        if not ready:
            poll.close()
            return len(seen)
        for fd, _ in ready:
            try:
                while True:
                    seen.add((fd, by_fd[fd].recv(512)[:2]))
            except BlockingIOError:
                pass


def test_burst_is_not_lost(serve):
    s = serve(COREFILE)
    granted = s.metrics()["nodens_udp_receive_buffer_bytes"]
    assert granted >= 128 << 10
    # The kernel accounts about 768 bytes for so small a datagram, and doubles the requested size.
    n = min(20000, int(granted) * 2 // 832)
    assert burst(s, dns.message.make_query("www.test.", "A").to_wire(), n) == n
    assert s.metrics()["nodens_udp_overflowed_total"] == 0


def test_the_ledger_of_a_loss(serve):
    """More than the buffer holds: every query is either answered or counted as lost."""
    s = serve(COREFILE, cpus=1)
    padded = dns.message.make_query("www.test.", "A", use_edns=0, payload=512,
                                    options=[dns.edns.GenericOption(65001, bytes(440))]).to_wire()
    assert len(padded) <= 512
    granted = s.metrics()["nodens_udp_receive_buffer_bytes"]
    n = min(60000, int(granted) * 2 // 700)  # the kernel accounts over 1000 bytes for each
    answered = burst(s, padded, n)
    lost = s.metrics()["nodens_udp_overflowed_total"]
    assert answered > 0 and lost > 0
    assert answered + lost == n
    assert s.metrics()["nodens_udp_unsent_total"] == 0
