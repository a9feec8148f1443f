# SPDX-License-Identifier: Apache-2.0
"""What the process may do, if it is taken over or flooded: privileges, system calls, memory, descriptors."""
import glob
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from apistub import Stub, address  # noqa: E402
from faulty import Upstream  # noqa: E402
from serving import NODENS, Server, built_with, texts, wait_for  # noqa: E402

PLAIN = """.:@PORT {
    bind 127.0.0.1
    prometheus 127.0.0.1:@PROM
    hosts {
        192.0.2.1 www.test
    }
}
"""
PATTERN = """.:@PORT {
    bind 127.0.0.1
    template IN A {
        match ^ip-(?P<n>[0-9]+)[.]test[.]$
        answer "{{ .Name }} 5 IN A 192.0.2.{{ .Group.n }}"
    }
}
"""
EXEC = """.:@PORT {
    bind 127.0.0.1
    kubernetes cluster.local {
        kubeconfig @DIR/config
        startup_timeout 1s
    }
}
"""
KUBECONFIG = """clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
users:
- name: u
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: ./login}
"""
CAP_NET_BIND_SERVICE, CAP_NET_ADMIN = 1 << 10, 1 << 12


# Sanitizers have code of their own.
SANITIZED = built_with(b"__sanitizer_")
needs_filter = pytest.mark.skipif(not built_with(b"seccomp_load"), reason="built without libseccomp")


def statuses(s):
    """The fields of /proc/PID/status, of each thread."""
    for path in glob.glob(f"/proc/{s.process.pid}/task/*/status"):
        with open(path) as f:
            yield dict(line.split(":", 1) for line in f.read().replace("\t", "").splitlines())


def writable_code(s):
    with open(f"/proc/{s.process.pid}/maps") as f:
        return [line for line in f if re.match(r"\S+ .?wx", line)]


@needs_filter
def test_every_thread_is_confined(serve):
    s = serve(PLAIN)
    found = list(statuses(s))
    assert len(found) > 1
    for fields in found:
        assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2", fields["Name"]
        for key in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
            if key != "CapBnd" or os.geteuid() == 0:
                assert int(fields[key], 16) & ~(CAP_NET_BIND_SERVICE | CAP_NET_ADMIN) == 0, (fields["Name"], key)
    assert re.search(r"^\[INFO\] Confined: no_new_privs, (no )?capabilities.*, system call filter$", s.log(), re.M)
    assert SANITIZED or not writable_code(s)


@needs_filter
@pytest.mark.parametrize("off,field,value,report", [
    (["-seccomp=false"], "Seccomp", "0", r"no_new_privs, (no )?capabilities[^,]*(, NET_ADMIN)?$"),
    (["-no-new-privs=false"], "NoNewPrivs", "0", r"(no )?capabilities"),
    (["-drop-capabilities=false"], "CapEff", None, r"no_new_privs, system call filter$"),
])
def test_flags_turn_each_step_off(serve, off, field, value, report):
    s = serve(PLAIN, args=("-conf", "Corefile", *off))
    with open("/proc/self/status") as f:
        own = dict(line.split(":", 1) for line in f.read().replace("\t", "").splitlines())
    for fields in statuses(s):
        assert fields[field] == (own[field] if value is None else value)
    assert re.search(r"^\[INFO\] Confined: " + report, s.log(), re.M), s.log()


def test_nothing_is_given_up(serve):
    s = serve(PLAIN, args=("-conf", "Corefile", "-seccomp=false", "-no-new-privs=false", "-drop-capabilities=false"))
    assert "[INFO] Not confined" in s.log()


@needs_filter
def test_filter_without_no_new_privs_is_refused(serve):
    """The kernel loads a filter only with no_new_privs or CAP_SYS_ADMIN, which was dropped."""
    s = serve(PLAIN, args=("-conf", "Corefile", "-no-new-privs=false"))
    assert "[WARNING] cannot load the system call filter without no_new_privs: " in s.log()
    assert texts(s.ask("www.test")) == ["192.0.2.1"]


# As docs/security.md recommends: another user without capabilities; no memory that is writable and executable.
UNPRIVILEGED = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all",
                "--no-new-privs"]
PR_SET_MDWE = 65
NO_WRITABLE_CODE = [sys.executable, "-c", f"""import ctypes, os, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0):
    sys.exit("no MDWE here")
os.execv(sys.argv[1], sys.argv[1:])"""]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give up its privileges")
def test_unprivileged_user(tmp_path):
    s = Server(tmp_path, args=("-conf", "stdin"), stdin=PATTERN)
    s.argv = UNPRIVILEGED + s.argv
    try:
        s.start()
        assert texts(s.ask("ip-17.test")) == ["192.0.2.17"]
        assert "no capabilities" in s.log() and "WARNING" not in s.log()
        assert all(fields["Uid"] == "65532" * 4 for fields in statuses(s))
    finally:
        s.stop()


def test_no_writable_code_at_all(tmp_path):
    """Regular expressions are interpreted where the kernel refuses memory for compiled ones."""
    s = Server(tmp_path, PATTERN)
    s.argv = NO_WRITABLE_CODE + s.argv
    try:
        s.start(wait=False)
        wait_for(lambda: "no MDWE here" in s.log() or "CoreDNS-" in s.log())
        if "no MDWE here" in s.log():
            s.wait()
            pytest.skip("needs Linux 6.3")
        assert texts(s.ask("ip-17.test")) == ["192.0.2.17"]
        assert "WARNING" not in s.log() and (SANITIZED or not writable_code(s))
    finally:
        s.stop()


def test_regular_expression_after_the_filter(serve):
    """A configuration without one forbids writable code; one that is loaded later is interpreted."""
    s = serve(PLAIN)
    s.write("Corefile", PATTERN)
    s.reload()
    assert texts(s.ask("ip-17.test")) == ["192.0.2.17"]
    assert not s.ask("ip-x.test").answer
    assert SANITIZED or not writable_code(s)


def test_regular_expression_before_the_filter(serve):
    s = serve(PATTERN)
    assert texts(s.ask("ip-17.test")) == ["192.0.2.17"]
    s.write("Corefile", PATTERN.replace("ip-", "v4-"))
    s.reload()
    assert texts(s.ask("v4-18.test")) == ["192.0.2.18"]


@needs_filter
def test_exec_after_the_filter(serve):
    """No configuration needed a program at the start: the reload fails, and the message names the cure."""
    s = serve(PLAIN, files={"config": KUBECONFIG})
    s.write("Corefile", EXEC)
    s.signal(signal.SIGUSR1)
    s.wait_log(r"Reload failed, keeping the old configuration: .*config:7 - exec: the system call filter.*"
               r"restart nodens with this configuration")
    assert texts(s.ask("www.test")) == ["192.0.2.1"]
    mark = os.path.join(s.folder, "ran")
    login = os.path.join(s.folder, "login")
    s.write("login", f"#!/bin/sh\n: >{mark}\nexit 3\n")
    os.chmod(login, os.stat(login).st_mode | stat.S_IXUSR)
    restarted = serve(EXEC.replace("@DIR", s.folder))
    restarted.wait_log("exit status 3")
    assert os.path.exists(mark)
    assert "system call filter with exec" in restarted.log()


# --- limits ---

@pytest.mark.parametrize("flag,whole_mib", [("170Mi", 85), ("1Gi", 512), ("64000000", 30.517578125)])
def test_budget_follows_the_flag(serve, flag, whole_mib):
    s = serve(PLAIN, args=("-conf", "Corefile", "-memory-limit", flag))
    page = s.metrics()
    parts = {part: page[f'nodens_memory_budget_bytes{{part="{part}"}}'] for part in ("cache", "http")}
    assert parts["cache"] == whole_mib * 2**20 // 16 * 8
    assert parts["http"] == whole_mib * 2**20 // 16 * 2
    assert re.search(rf"Memory budget: {int(whole_mib)} MiB \(-memory-limit: \d+ MiB\)", s.log())


@pytest.mark.parametrize("value", ["x", "", "-1", "10Mi", "1.5Gi", "170Mb", "99999999999Ti"])
def test_invalid_memory_limit(value):
    r = subprocess.run([NODENS, "serve", "-memory-limit", value], capture_output=True, text=True, timeout=20,
                       check=False)
    assert r.returncode == 1
    assert f'-memory-limit: invalid size "{value}": must be at least 32Mi, like "170Mi"' in r.stderr


def test_soft_limit_of_descriptors_is_raised(tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    s = Server(tmp_path, PLAIN)
    s.argv = ["prlimit", f"--nofile=256:{hard}", *s.argv]
    try:
        s.start()
        with open(f"/proc/{s.process.pid}/limits") as f:
            soft = re.search(r"^Max open files\s+(\d+)", f.read(), re.M).group(1)
        assert int(soft) == min(hard, 1 << 20)
    finally:
        s.stop()


CROWDED = """.:@PORT {
    bind 127.0.0.1
    health 127.0.0.1:@HEALTH
    ready 127.0.0.1:@READY
    prometheus 127.0.0.1:@PROM
    kubernetes cluster.local {
        endpoint http://127.0.0.1:@API
        noendpoints
        labels x!=y
    }
    forward . %s
}
"""


def descriptors(s):
    return len(os.listdir(f"/proc/{s.process.pid}/fd"))


@pytest.mark.parametrize("limit", [300, 1024])
def test_descriptors_remain_for_the_server(tmp_path, limit):
    """Clients hold all connections that they can get, over TCP and to each page. Upstreams, the API server, probes, a
    reload and other clients still get descriptors."""
    ups = [Upstream() for _ in range(3)]
    stub = Stub()
    stub.put("Namespace", "n")
    stub.put("Service", "a", clusterIP="10.0.0.1")
    s = Server(tmp_path, CROWDED.replace("@API", str(stub.port)) % " ".join(f"127.0.0.1:{u.port}" for u in ups))
    s.argv = ["prlimit", f"--nofile={limit}:{limit}", *s.argv]
    crowd = []

    def connect(port, n):
        crowd.extend(socket.create_connection(("127.0.0.1", s.port_of(port)), timeout=5) for _ in range(n))
    try:
        s.start()
        for port in ("HEALTH", "READY", "PROM"):
            connect(port, 100)
        connect("PORT", limit)
        wait_for(lambda: s.metrics()["nodens_tcp_evicted_total"] >= limit / 8)
        connect("HEALTH", 50)
        used = descriptors(s)
        assert used <= limit - 16, used
        for i in range(24):
            tcp = bool(i % 2)
            assert texts(s.ask(f"x{i}.test", tcp=tcp, timeout=4)) == ["192.0.2.1"]
        assert {u[0] for up in ups for u in up.asked()} == {"udp", "tcp"}
        for port, path in (("HEALTH", "/health"), ("READY", "/ready"), ("PROM", "/metrics")):
            assert s.get(port, path)[0] == 200
        stub.cut()
        stub.put("Service", "a", clusterIP="10.0.0.2")
        wait_for(lambda: address(s, "a") == ["10.0.0.2"])
        s.write("Corefile", open(os.path.join(s.folder, "Corefile")).read().replace("noendpoints", "ttl 7"))
        s.reload()
        assert descriptors(s) <= limit - 16
        assert "Too many open files" not in s.log()
    finally:
        for c in crowd:
            c.close()
        s.stop()
        stub.close()
        for up in ups:
            up.close()


# --- the program ---

def readelf(*what):
    return subprocess.run(["readelf", "-W", *what, NODENS], capture_output=True, text=True, timeout=60,
                          check=True).stdout


def test_program_is_position_independent_and_its_tables_read_only():
    head, dynamic = readelf("-hl"), readelf("-d")
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable file\)", head)
    assert re.search(r"GNU_STACK.* RW ", head)
    assert "GNU_RELRO" in head
    assert not re.search(r"LOAD.* RWE ", head)
    assert re.search(r"FLAGS\).*BIND_NOW", dynamic) and "TEXTREL" not in dynamic


def test_program_checks_its_stack_and_copies():
    """Copies by FORTIFY, or by a sanitizer, which checks more and needs FORTIFY off."""
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    checks = {"__interceptor_memcpy", "__interceptor_snprintf"} if SANITIZED else {"__memcpy_chk", "__snprintf_chk"}
    assert checks <= set(re.findall(r"\b__\w+", symbols))
