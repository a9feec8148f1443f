# SPDX-License-Identifier: Apache-2.0
"""forward to a real CoreDNS over UDP, TCP, TLS and HTTPS (HTTP/2)."""
import concurrent.futures
import os
import subprocess

import pytest

from apiserver import gomodules
from serving import Server, texts, wait_for
from test_upstream_tls import NAME, Authority

ZONE = """%s {
    tls CERT KEY
    template IN A test {
        answer "{{ .Name }} 60 IN A 192.0.2.1"
    }
}
"""


class CoreDns(Server):
    """CoreDNS with a listener for each scheme."""

    def __init__(self, folder, authority):
        cert, key = authority.named
        blocks = [ZONE % f"{scheme}.:@{name}" for scheme, name in
                  (("dns://", "DNS"), ("tls://", "TLS"), ("https://", "HTTPS"))]
        blocks[0] = blocks[0].replace("    tls CERT KEY\n", "")
        super().__init__(folder, "".join(blocks).replace("CERT", cert).replace("KEY", key))
        self.argv = [gomodules.build("coredns"), "-conf", "Corefile"]


@pytest.fixture(name="upstream", scope="module")
def upstream_fixture(tmp_path_factory):
    """A running CoreDNS, and the CA of its certificate."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    authority.named = authority.issue("named", f"DNS:{NAME}")
    try:
        s = CoreDns(tmp_path_factory.mktemp("coredns"), authority)
    except gomodules.Missing as e:
        pytest.skip(str(e))
    s.start()
    wait_for(lambda: texts(s.ask("a.test.", port=s.port_of("DNS"))) == ["192.0.2.1"])
    yield s, authority.ca
    s.process.kill()
    s.process.wait()


@pytest.mark.parametrize("to,options", [
    ("127.0.0.1:%DNS", ()), ("127.0.0.1:%DNS", ("force_tcp",)), (f"tls://127.0.0.1%{NAME}:%TLS", ()),
    ("https://127.0.0.1:%HTTPS", (f"tls_servername {NAME}",)),
    ("https://127.0.0.1:%HTTPS", (f"tls_servername {NAME}", "doh_method GET")),
])
def test_forward_to_coredns(serve, upstream, to, options):
    coredns, ca = upstream
    for name in ("DNS", "TLS", "HTTPS"):
        to = to.replace(f":%{name}", f":{coredns.port_of(name)}")
    lines = "".join(f"        {o}\n" for o in (f"tls {ca}", *options))
    s = serve(f".:@PORT {{\n    forward . {to} {{\n{lines}    }}\n    prometheus 127.0.0.1:@PROM\n}}\n")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda i: texts(s.ask(f"n{i}.test.", tcp=i % 2)), range(200)))
    assert got == [["192.0.2.1"]] * 200
    if "https" in to:           # HTTP/2: queries of a worker share a connection
        found = subprocess.run(["ss", "-Htn", "state", "established", f"( dport = :{coredns.port_of('HTTPS')} )"],
                               capture_output=True, text=True, check=True).stdout.splitlines()
        assert 1 <= len(found) <= 4 * (os.cpu_count() or 1)
