#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/gomodules.py NAME: prints the path of a program built from its Go module; builds it if needed.

    coredns     CoreDNS 1.15.0, which nodens is compared with (bench/peers/coredns)
    apiserver   etcd and kube-apiserver for tests (tests/apiserver)
    kubestub    a generated cluster of any size, served like an API server does (bench/kubestub)

A build takes minutes and is shared by all checkouts of this user: it is kept in ~/.cache/nodens (or in
XDG_CACHE_HOME/nodens), keyed by its sources, go.sum and the version of Go.
"""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# name -> folder, linker flags. Without a version kube-apiserver reports v0.0.0-master.
PROGRAMS = {
    "coredns": ("bench/peers/coredns", "-s -w"),
    "apiserver": ("tests/apiserver", "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 "
                                     "-X k8s.io/component-base/version.gitMajor=1 "
                                     "-X k8s.io/component-base/version.gitMinor=37"),
    "kubestub": ("bench/kubestub", "-s -w"),
}


class Missing(Exception):
    """The program cannot be built; the text names it and says why."""


def go():
    return shutil.which("go", path=os.environ.get("PATH", "") + ":/usr/local/go/bin")


def key(folder, flags, version):
    digest = hashlib.sha256(f"{version}\0{flags}\0".encode())
    for name in sorted(os.listdir(folder)):
        if name in ("go.mod", "go.sum") or name.endswith(".go"):
            with open(os.path.join(folder, name), "rb") as f:
                digest.update(name.encode() + b"\0" + f.read() + b"\0")
    return digest.hexdigest()[:16]


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "nodens")


def path_of(name):
    """The path of the program, whether built or not."""
    tool = go()
    if not tool:
        raise Missing(f"{name} is built from its Go module, but Go is not installed")
    folder, flags = PROGRAMS[name]
    version = subprocess.run([tool, "env", "GOVERSION"], cwd=os.path.join(ROOT, folder), text=True,
                             capture_output=True, check=False)
    if version.returncode:
        raise Missing(f"{name}: go env failed: {version.stderr.strip()}")
    return os.path.join(cache(), f"{name}-{key(os.path.join(ROOT, folder), flags, version.stdout.strip())}")


@contextlib.contextmanager
def alone(path):
    """Only one process builds; the others wait and find it built."""
    with open(path + ".lock", "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def build(name, say=lambda text: print(text, file=sys.stderr, flush=True)):
    """Builds the program if needed; returns its path. Raises Missing."""
    path = path_of(name)
    if os.access(path, os.X_OK):
        return path
    folder, flags = PROGRAMS[name]
    os.makedirs(cache(), exist_ok=True)
    with alone(path):
        if os.access(path, os.X_OK):
            return path
        say(f"building {name} from its Go module (once; takes minutes) ...")
        new = f"{path}.{os.getpid()}"
        made = subprocess.run([go(), "build", "-mod=readonly", "-buildvcs=false", "-ldflags", flags,
                               "-o", new, "."], cwd=os.path.join(ROOT, folder), text=True,
                              capture_output=True, check=False)
        if made.returncode:
            raise Missing(f"{name}: go build failed: " + "; ".join(made.stderr.strip().splitlines()[-3:]))
        os.replace(new, path)
    return path


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in PROGRAMS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(build(sys.argv[1]))
    except Missing as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
