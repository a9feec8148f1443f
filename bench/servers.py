# SPDX-License-Identifier: Apache-2.0
"""The measured servers: each is started the same way and does the same work.

One thread on 127.0.0.1 (or the wildcard address), a cache, one stand-in upstream, no query log. To add one: a class
with `name`, `missing()`, `version()` and `start()`, and its name in PEERS.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from proc import BenchError, Child, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "scripts"))
import gomodules  # noqa: E402
RCVBUF = 8 << 20  # as nodens sets it
DAY = 86400


@dataclass(frozen=True)
class Place:
    """Folder, address and upstream of a server."""

    folder: str     # for its configuration
    port: int
    upstream: int   # the stand-in's port
    wildcard: bool = False

    @property
    def address(self):
        return "0.0.0.0" if self.wildcard else "127.0.0.1"

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


def find(program):
    """Debian's folder of daemons is not in every user's PATH."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def first_match(argv, pattern):
    out = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(pattern, out.stdout + out.stderr)
    return found.group(1) if found else "?"


class Echo:
    name = "echo"

    def __init__(self, build):
        self.binary = os.path.join(build, "bench", "echo")

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else f"{self.binary} is not built"

    def version(self):
        return "the floor"

    def start(self, children, place, cpu) -> Child:
        return children.spawn([self.binary, "-p", place.port, "-a", place.address, "-b", RCVBUF],
                              self.name, cpu)


def corefile(place, extra=""):
    """kubeadm's plugins, without the cluster, with a cache time longer than the run."""
    bind = "" if place.wildcard else "bind 127.0.0.1"
    return f"""\
.:{place.port} {{
    {bind}
    errors
    health 127.0.0.1:{free_port()}
    ready 127.0.0.1:{free_port()}
    prometheus 127.0.0.1:{free_port()}
    {extra}
    forward . 127.0.0.1:{place.upstream} {{
        max_concurrent 1000
    }}
    cache {DAY}
    loop
    reload
    loadbalance
}}
"""


class Nodens:
    """Started as `coredns`, as in the container image."""

    name = "nodens"

    def __init__(self, build):
        self.binary = os.path.join(build, "nodens")

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else f"{self.binary} is not built"

    def version(self):
        return first_match([self.binary, "--version"], r"(\d[\w.+-]*)")

    def argv0(self, folder):
        """A link of that name, since valgrind does not pass argv[0] on."""
        link = os.path.join(folder, "coredns")
        if not os.path.lexists(link):
            os.symlink(os.path.abspath(self.binary), link)
        return link

    def start(self, children, place, cpu, text=None, wrap=()) -> Child:
        config = place.write("nodens.corefile", text or corefile(place))
        # The filter would apply to valgrind too, which needs memory that is writable and executable.
        more = ["-seccomp=false"] if wrap else []
        return children.spawn([*wrap, self.argv0(place.folder), "-conf", config, *more], self.name, cpu)


class CoreDNS:
    """Built once from its Go module into the user's cache."""

    name = "coredns"
    binary = None

    def __init__(self, _build=None):
        pass

    def missing(self):
        try:
            self.binary = gomodules.build(self.name)
        except gomodules.Missing as e:
            return str(e)
        return None

    def version(self):
        return first_match([self.binary, "-version"], r"CoreDNS-(\S+)")

    def start(self, children, place, cpu, text=None) -> Child:
        config = place.write("coredns.corefile", text or corefile(place))
        return children.spawn([self.binary, "-conf", config], self.name, cpu)


class Unbound:
    name = "unbound"

    def __init__(self, _build=None):
        self.binary = find("unbound")

    def missing(self):
        return None if self.binary else "not installed (Debian package unbound)"

    def version(self):
        return first_match([self.binary, "-V"], r"Version (\S+)")

    def start(self, children, place, cpu) -> Child:
        config = place.write("unbound.conf", f"""\
server:
    interface: {place.address}
    port: {place.port}
    access-control: 127.0.0.0/8 allow
    num-threads: 1
    so-reuseport: yes
    so-rcvbuf: {RCVBUF}
    module-config: "iterator"
    do-ip6: no
    do-not-query-localhost: no
    cache-max-ttl: {DAY}
    cache-max-negative-ttl: {DAY}
    minimal-responses: yes
    username: ""
    chroot: ""
    directory: "{place.folder}"
    pidfile: ""
    use-syslog: no
    verbosity: 0
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{place.upstream}
""")
        return children.spawn([self.binary, "-d", "-c", config], self.name, cpu)


class Dnsdist:
    name = "dnsdist"

    def __init__(self, _build=None):
        self.binary = find("dnsdist")

    def missing(self):
        return None if self.binary else "not installed (Debian package dnsdist)"

    def version(self):
        return first_match([self.binary, "--version"], r"dnsdist (\S+)")

    def start(self, children, place, cpu) -> Child:
        config = place.write("dnsdist.conf", f"""\
setSecurityPollSuffix("")
setUDPMultipleMessagesVectorSize(32)
setUDPSocketBufferSizes({RCVBUF}, {RCVBUF})
setLocal("{place.address}:{place.port}", {{reusePort=true}})
newServer({{address="127.0.0.1:{place.upstream}"}}):setUp()
getPool(""):setCache(newPacketCache(10000, {{maxTTL={DAY}, maxNegativeTTL={DAY}}}))
""")
        return children.spawn([self.binary, "--supervised", "--disable-syslog", "-C", config],
                              self.name, cpu)


PEERS = (Unbound, Dnsdist, CoreDNS)


def standin(children, build, folder, cpu):
    """Starts the stand-in upstream; returns (child, port, counter), where counter() is the number of queries so far."""
    binary = os.path.join(build, "bench", "standin")
    if not os.access(binary, os.X_OK):
        raise BenchError(f"{binary} is not built: run ./dev build first")
    port, path = free_port(), os.path.join(folder, "standin.count")
    child = children.spawn([binary, "-p", port, "-c", path], "standin", cpu)

    def counter():
        with open(path, "rb") as f:
            return int.from_bytes(f.read(8), "little")

    return child, port, counter
