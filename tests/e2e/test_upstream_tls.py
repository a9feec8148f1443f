# SPDX-License-Identifier: Apache-2.0
"""forward to upstreams over TLS (RFC 7858) and HTTPS (RFC 8484): names, certificates, sessions, servers that fail."""
import base64
import concurrent.futures
import http.server
import re
import socket
import ssl
import subprocess
import threading
import urllib.parse
import time

import dns.message
import dns.rcode
import dns.rrset
import pytest

from serving import frame, read_frame, texts, wait_for

NAME = "dns.example"


def openssl(folder, *argv):
    subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)


class Authority:
    """A CA in `folder`, NAME.crt and NAME.key for each certificate that it issues."""

    def __init__(self, folder):
        self.folder = str(folder)
        folder.mkdir(exist_ok=True)
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
                "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.crt")
        self.ca = self.path("ca.crt")

    def path(self, name):
        return f"{self.folder}/{name}"

    def issue(self, name, alt):
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as f:
            f.write(f"subjectAltName={alt}\n")
        openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(self.folder, "x509", "-req", "-days", "9", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        return self.path(f"{name}.crt"), self.path(f"{name}.key")


class TlsUpstream:
    """Answers A queries with `address`. per_connection: closes a connection after this many answers; mute: accepts
    connections and says nothing; crumbs: sends a byte a record."""

    def __init__(self, pair, address="192.0.2.1", client_ca=None, per_connection=0, mute=False, crumbs=False, port=0):
        self.address, self.per_connection, self.mute, self.crumbs = address, per_connection, mute, crumbs
        self.names, self.resumed, self.asked, self.connections = [], [], [], 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.context.sni_callback = lambda s, name, c: self.names.append(name)
        if client_ca:
            self.context.load_verify_locations(client_ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.open, self.closed = set(), False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closed:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.add(conn)
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, raw):
        conn = raw
        try:
            if self.mute:
                while raw.recv(4096):
                    pass
                return
            conn = self.context.wrap_socket(raw, server_side=True)
            self.open.add(conn)
            self.resumed.append(conn.session_reused)
            answered = 0
            while not self.per_connection or answered < self.per_connection:
                q = dns.message.from_wire(read_frame(conn))
                self.asked.append(q.question[0].name.to_text())
                r = dns.message.make_response(q)
                if q.question[0].rdtype == dns.rdatatype.A:
                    r.answer.append(dns.rrset.from_text(q.question[0].name, 60, "IN", "A", self.address))
                wire = frame(r.to_wire())
                for piece in [wire[i:i + 1] for i in range(len(wire))] if self.crumbs else [wire]:
                    conn.sendall(piece)
                answered += 1
        except (OSError, EOFError):
            pass
        finally:
            conn.close()

    def close(self):
        self.closed = True
        for s in [self.listener, *self.open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


@pytest.fixture(name="authority", scope="module")
def authority_fixture(tmp_path_factory):
    a = Authority(tmp_path_factory.mktemp("ca"))
    a.named = a.issue("named", f"DNS:{NAME}")
    a.addressed = a.issue("addressed", "IP:127.0.0.1")
    return a


@pytest.fixture(name="upstream")
def upstream_fixture():
    """upstream([class,] pair, ...): an upstream, a TlsUpstream without a class, closed after the test."""
    started = []

    def start(*args, **more):
        cls, args = (args[0], args[1:]) if isinstance(args[0], type) else (TlsUpstream, args)
        started.append(cls(*args, **more))
        return started[-1]

    yield start
    for u in started:
        u.close()


def corefile(to, *options):
    lines = "".join(f"        {o}\n" for o in options)
    return f".:@PORT {{\n    errors\n    prometheus 127.0.0.1:@PROM\n    forward . {to} {{\n{lines}    }}\n}}\n"


def answers(s, name="a.test.", tcp=False):
    return texts(s.ask(name, tcp=tcp))


def test_own_ca_and_server_name(serve, authority, upstream):
    up = upstream(authority.named)
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {authority.ca}", f"tls_servername {NAME}"))
    for i in range(20):
        assert answers(s, f"n{i}.test.", tcp=i % 2) == ["192.0.2.1"]
    assert set(up.names) == {NAME}
    assert up.connections <= 4          # of two workers: kept open
    hits = {line: v for line, v in s.metrics().items() if "conn_cache" in line}
    assert {re.search('proto="([^"]*)"', line).group(1) for line in hits} == {"tcp-tls"}
    assert sum(hits.values()) >= 20


def test_name_in_the_address(serve, authority, upstream):
    up = upstream(authority.named)
    s = serve(corefile(f"tls://127.0.0.1%{NAME}:{up.port}", f"tls {authority.ca}"))
    assert answers(s) == ["192.0.2.1"]
    assert set(up.names) == {NAME}


def test_without_a_name_the_address_counts(serve, authority, upstream):
    good, bad = upstream(authority.addressed), upstream(authority.named)
    s = serve(corefile(f"tls://127.0.0.1:{good.port}", f"tls {authority.ca}"))
    assert answers(s) == ["192.0.2.1"]
    s = serve(corefile(f"tls://127.0.0.1:{bad.port}", f"tls {authority.ca}"))
    assert s.ask("a.test.").rcode() == dns.rcode.SERVFAIL
    assert not bad.asked


@pytest.mark.parametrize("options", [[], ["tls"], ["tls_servername " + NAME]])
def test_an_unknown_ca_is_refused(serve, authority, upstream, options):
    up = upstream(authority.named)
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", *options))
    assert s.ask("a.test.").rcode() == dns.rcode.SERVFAIL
    assert not up.asked
    s.wait_log(r"dial tls: .*certificate")


def test_a_wrong_name_is_refused(serve, authority, upstream):
    up = upstream(authority.named)
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {authority.ca}", "tls_servername other.example"))
    assert s.ask("a.test.").rcode() == dns.rcode.SERVFAIL
    assert not up.asked
    s.wait_log(NAME)            # the names that the certificate does have


def test_client_certificate(serve, authority, upstream):
    up = upstream(authority.named, client_ca=authority.ca)
    cert, key = authority.named
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {cert} {key} {authority.ca}", f"tls_servername {NAME}"))
    assert answers(s) == ["192.0.2.1"]
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {authority.ca}", f"tls_servername {NAME}"))
    assert s.ask("b.test.").rcode() == dns.rcode.SERVFAIL


def test_sessions_are_resumed(serve, authority, upstream):
    up = upstream(authority.named, per_connection=1)
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {authority.ca}", f"tls_servername {NAME}"), cpus=1)
    for i in range(8):
        assert answers(s, f"n{i}.test.") == ["192.0.2.1"]
    assert up.resumed[0] is False and sum(up.resumed) >= 6


def test_a_server_that_never_shakes_hands(serve, authority, upstream):
    """The next one answers; the silent one is found down by probes over TLS, and is used again when it is back."""
    mute, good = upstream(authority.named, mute=True), upstream(authority.named, address="192.0.2.2")
    s = serve(corefile(f"tls://127.0.0.1:{mute.port} tls://127.0.0.1:{good.port}", f"tls {authority.ca}",
                       f"tls_servername {NAME}", "policy sequential", "max_fails 1", "health_check 100ms"))
    for i in range(5):
        assert answers(s, f"n{i}.test.") == ["192.0.2.2"]
    failed = f'coredns_proxy_healthcheck_failures_total{{proxy_name="forward",to="127.0.0.1:{mute.port}"}}'
    wait_for(lambda: s.metrics().get(failed, 0) >= 2)
    mute.close()
    back = upstream(authority.named, address="192.0.2.3", port=mute.port)
    wait_for(lambda: "." in back.asked)         # a probe
    wait_for(lambda: answers(s, f"b{time.monotonic_ns()}.test.") == ["192.0.2.3"])


def test_replies_in_crumbs(serve, authority, upstream):
    up = upstream(authority.named, crumbs=True)
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", f"tls {authority.ca}", f"tls_servername {NAME}"))
    for i in range(5):
        assert answers(s, f"n{i}.test.") == ["192.0.2.1"]


def test_a_new_ca_is_used_after_a_reload(serve, authority, upstream, tmp_path):
    other = Authority(tmp_path / "other")
    up = upstream(other.issue("named", f"DNS:{NAME}"))
    s = serve(corefile(f"tls://127.0.0.1:{up.port}", "tls @DIR/ca.crt", f"tls_servername {NAME}"),
              files={"ca.crt": open(authority.ca, encoding="ascii").read()})
    assert s.ask("a.test.").rcode() == dns.rcode.SERVFAIL
    s.write("ca.crt", open(other.ca, encoding="ascii").read())
    s.reload()
    assert answers(s, "b.test.") == ["192.0.2.1"]


def test_plain_and_tls_at_one_address_are_two_upstreams(serve, authority, upstream):
    up = upstream(authority.named)
    s = serve(corefile(f"127.0.0.1:{up.port} tls://127.0.0.1:{up.port}", f"tls {authority.ca}",
                       f"tls_servername {NAME}", "policy sequential"))
    assert answers(s) == ["192.0.2.1"]


def test_two_server_names_are_an_error(serve):
    s = serve(corefile(f"tls://127.0.0.1%{NAME}:853", "tls_servername other.example"), wait=False)
    assert s.wait() != 0
    assert "both forward ('other.example') and proxy level ('dns.example') TLS servernames are set" in s.log()


class HttpsUpstream:
    """DNS over HTTPS by HTTP/1.1. status: of all responses. The response to a name that begins with "wrong" is not a
    DNS message, that to "endless" has no end."""

    def __init__(self, pair, address="192.0.2.1", status=200, close=False, per_connection=0):
        self.address, self.status, self.requests, self.connections = address, status, [], 0
        self.written = 0        # bytes of endless responses
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                outer.connections += 1
                self.answered = 0
                super().setup()

            def reply(self, wire):
                q = dns.message.from_wire(wire)
                outer.requests.append((self.command, self.headers["Host"], self.headers["Accept"], q))
                if q.question[0].name.to_text().startswith("endless"):
                    self.reply_endlessly()
                r = dns.message.make_response(q)
                if q.question[0].rdtype == dns.rdatatype.A:
                    r.answer.append(dns.rrset.from_text(q.question[0].name, 60, "IN", "A", outer.address))
                body = b"sorry" if q.question[0].name.to_text().startswith("wrong") else r.to_wire()
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/dns-message")
                self.send_header("Content-Length", str(len(body)))
                if close:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                self.answered += 1
                if self.answered == per_connection:
                    self.close_connection = True        # without a word about it

            def reply_endlessly(self):
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while True:
                    outer.written += self.wfile.write(b"4000\r\n" + bytes(0x4000) + b"\r\n")

            def do_POST(self):
                assert self.path == "/dns-query"
                self.reply(self.rfile.read(int(self.headers["Content-Length"])))

            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)["dns"][0]
                self.reply(base64.urlsafe_b64decode(query + "=" * (-len(query) % 4)))

            def log_message(self, *_):
                pass

        class Httpd(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        self.server = Httpd(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def https_corefile(authority, *ports, options=()):
    return corefile(" ".join(f"https://127.0.0.1:{p}" for p in ports), f"tls {authority.ca}",
                    f"tls_servername {NAME}", *options)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_https(serve, authority, upstream, method):
    up = upstream(HttpsUpstream, authority.named)
    s = serve(https_corefile(authority, up.port, options=[f"doh_method {method}"]))
    for i in range(20):
        assert answers(s, f"n{i}.test.", tcp=i % 2) == ["192.0.2.1"]
    assert {(m, host, accept, q.id) for m, host, accept, q in up.requests} == \
        {(method, NAME, "application/dns-message", 0)}
    assert up.connections <= 8
    assert {re.search('proto="([^"]*)"', line).group(1) for line in s.metrics() if "conn_cache" in line} == {"https"}


def test_https_queries_in_parallel(serve, authority, upstream):
    up = upstream(HttpsUpstream, authority.named)
    s = serve(https_corefile(authority, up.port))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda i: answers(s, f"p{i}.test."), range(200))) == [["192.0.2.1"]] * 200


@pytest.mark.parametrize("how", [{"close": True}, {"per_connection": 1}, {"per_connection": 3}])
def test_https_connections_that_end(serve, authority, upstream, how):
    up = upstream(HttpsUpstream, authority.named, **how)
    s = serve(https_corefile(authority, up.port))
    for i in range(12):
        assert answers(s, f"n{i}.test.") == ["192.0.2.1"]


def test_https_errors_go_to_the_next_server(serve, authority, upstream):
    bad, good = upstream(HttpsUpstream, authority.named, status=503), \
        upstream(HttpsUpstream, authority.named, address="192.0.2.2")
    s = serve(https_corefile(authority, bad.port, good.port, options=["policy sequential"]))
    assert answers(s) == ["192.0.2.2"]
    assert bad.requests


def test_https_body_that_is_no_message(serve, authority, upstream):
    up = upstream(HttpsUpstream, authority.named)
    s = serve(https_corefile(authority, up.port))
    assert s.ask("wrong.test.").rcode() == dns.rcode.SERVFAIL
    assert answers(s) == ["192.0.2.1"]


def test_https_body_without_end(serve, authority, upstream):
    """It is cut after the longest message, not read until the time of the request is over."""
    up = upstream(HttpsUpstream, authority.named)
    s = serve(https_corefile(authority, up.port))
    assert s.ask("endless.test.").rcode() == dns.rcode.SERVFAIL
    assert answers(s) == ["192.0.2.1"]
    assert 0 < up.written < 16 << 20


def test_https_wrong_certificate(serve, authority, upstream):
    up = upstream(HttpsUpstream, authority.addressed)
    s = serve(https_corefile(authority, up.port))
    assert s.ask("a.test.").rcode() == dns.rcode.SERVFAIL
    assert not up.requests
    s.wait_log("https: .*certificate")
