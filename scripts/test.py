#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev test [--quick | --full] [-v] [STAGE...]

Runs the stages of a tier (default: full), or the given stages; prints the time of each. A failure is
printed when it happens; -v shows all output. The last line is the sum: `N passed, N failed`, and the
number of skipped tests, if any. The exit status is 1 if any failed.
"""
import argparse
import concurrent.futures
import os
import random
import re
import subprocess
import sys
import time

import gomodules

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Tests with stages of their own: with a real API server; under full load, one at a time.
API_TESTS = ["tests/e2e/test_kubernetes_api.py", "tests/e2e/test_kubernetes_access.py",
             "tests/e2e/test_kubernetes_odd.py", "tests/e2e/test_kubernetes_metrics.py",
             "tests/e2e/test_kubernetes_labels.py", "tests/e2e/test_apiaccount.py", "tests/e2e/test_kubestub.py",
             "tests/e2e/test_upstream_coredns.py"]
NODE_TESTS = ["tests/e2e/test_node.py", "tests/e2e/test_node_net.py"]
LOAD_TESTS = ["tests/e2e/test_burst.py", *NODE_TESTS, "tests/e2e/test_lab.py"]
JOBS = os.cpu_count() or 1
FUZZ_SECONDS = 20       # per target, in the full tier; ./dev fuzz runs longer
SIM_SEEDS = {"quick": 100, "full": 1000}
CLANG = {"CC": "clang"}
SANITIZE = {
    "asan": ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
    "tsan": ["-Db_sanitize=thread", "-Db_lundef=false"],
}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1:suppressions=" +
                    os.path.join(ROOT, "tests", "tsan.supp"),
}


class Count:
    """The result of a stage; the last line is their sum."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


verbose = False


def run(argv, timeout, env=None):
    """Returns (exit status, output) of a program; at the timeout it is ended and counts as failed."""
    try:
        p = subprocess.run(argv, cwd=ROOT, env={**os.environ, **(env or {})}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                           errors="replace", check=False)
        status, out = p.returncode, p.stdout
    except subprocess.TimeoutExpired as e:
        status, out = 124, (e.stdout or b"").decode(errors="replace") + f"\nran over {timeout} s\n"
    except OSError as e:
        status, out = 127, f"{e}\n"
    if verbose:
        print(out, end="", flush=True)
    return status, out


def complain(what, out, lines=60):
    print(f"FAILED {what}")
    if not verbose:
        print("\n".join("    " + x for x in out.rstrip().split("\n")[-lines:]), flush=True)


def summed(argv, timeout, env=None, lines=60):
    """Runs a program whose output ends with `N passed, N failed[, N skipped]`. If it exits with an error but reports
    no failure, or reports nothing, that is a failure too."""
    status, out = run(argv, timeout, env)
    m = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", out, re.M)
    c = Count(*(int(x or 0) for x in m[-1])) if m else Count()
    if c.passed + c.failed == 0 or (status != 0 and c.failed == 0):
        c.failed += 1
    if c.failed:
        complain(" ".join(os.path.relpath(x, ROOT) if x.startswith(ROOT) else os.path.basename(x)
                          for x in argv), out, lines)
    return c


def script(name, *args, timeout=600):
    return summed([sys.executable, os.path.join(ROOT, "scripts", name), *args], timeout)


def build(folder, options=(), env=None):
    status, out = run(["./dev", "build", folder, *options], 1800, env)
    if status:
        complain("build of " + folder, out)
    return Count(passed=int(status == 0), failed=int(status != 0))


def unit_program(path, env):
    """Runs a cmocka program and counts its TAP rows. A crash is a failure, whatever the rows say."""
    status, out = run([path], 300, {"CMOCKA_MESSAGE_OUTPUT": "TAP", **env})
    rows = re.findall(r"^(not )?ok \d+ (# SKIP)?", out, re.M)     # cmocka: `not ok 5 # SKIP name`
    c = Count(passed=sum(not bad and not skip for bad, skip in rows),
              failed=sum(bool(bad) and not skip for bad, skip in rows),
              skipped=sum(bool(skip) for _, skip in rows))
    if c.passed + c.failed + c.skipped == 0 or (status != 0 and c.failed == 0):
        c.failed += 1
    if c.failed:
        complain(os.path.relpath(path, ROOT), f"exit status {status}\n{out}")
    return c


def unit(folder, env=None):
    tests = subprocess.run([sys.executable, "scripts/list_tests.py", "unit", "tests"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [os.path.join(ROOT, folder, "tests",
                          re.sub(r"\W", "_", room) + "_" + name + "_test")
             for room, name in (t.split() for t in tests)]
    c = Count()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(lambda p: unit_program(p, env or {}), paths):
            c += one
    return c


def sanitized(kind):
    folder = "build-" + kind
    c = build(folder, SANITIZE[kind], CLANG)
    if c.failed == 0:
        c += unit(folder, SANITIZER_ENV)
    return c


def pytest(*tests, env=None, timeout=1800):
    """Runs folders in parallel, without the files that have a stage of their own, since most tests wait; runs files
    one test at a time, in their order."""
    if all(t.endswith(".py") for t in tests):
        how = []
    else:
        how = ["-n", str(2 * JOBS), *("--ignore=" + t for t in API_TESTS + LOAD_TESTS)]
    status, out = run([sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", *how, *tests],
                      timeout, env)
    last = out.rstrip().split("\n")[-1]

    def number(word):
        m = re.search(r"(\d+) " + word, last)
        return int(m.group(1)) if m else 0
    c = Count(number("passed") + number("xfailed"), number("failed") + number("error"),
              number("skipped"))
    if c.passed + c.failed + c.skipped == 0 or (status != 0 and c.failed == 0):
        c.failed += 1
    if c.failed:
        complain("pytest " + " ".join(tests), out, 150)
    return c


def sim(tier):
    """The whole server; the same flooded; its caches; its flows to upstreams; the Kubernetes client; and planted bugs,
    which must be found."""
    c = summed(["build/tests/sim/sim", "--seeds", str(SIM_SEEDS[tier])], 900)
    c += summed(["build/tests/sim/sim_pressure", "--seeds", str(SIM_SEEDS[tier])], 600)
    c += summed(["build/tests/sim/sim_cache", "--seeds", str(SIM_SEEDS[tier])], 600)
    c += summed(["build/tests/sim/sim_flows", "--seeds", str(SIM_SEEDS[tier])], 600)
    c += summed(["build/tests/sim/sim_watch", "--seeds", str(SIM_SEEDS[tier])], 300)
    c += script("simplants.py", timeout=600)
    for plant in ("sweep", "early", "lose"):
        argv = ["build/tests/sim/sim_watch", "--seeds", "20", "--plant", plant]
        status, out = run(argv, 300)
        found = status == 1 and "\nFAIL seed" in "\n" + out
        c += Count(int(found), int(not found))
        if not found:
            complain(" ".join(argv) + " found nothing", out, 60)
    return c


def conformance(tier):
    """All cases, with clusters from files; those with a cluster also from a toy API server."""
    driver = [sys.executable, "tests/conformance/run.py", "build/nodens"]
    c = summed([*driver, "--source"], 1200, lines=200)
    c += summed([*driver, "kubernetes", "autopath"], 1200, lines=200)
    return c


def kubernetes(_tier):
    """Tests that need programs from Go modules. These are built first; otherwise a test would time out."""
    c = Count()
    for name in ("apiserver", "coredns", "kubestub"):
        try:
            gomodules.build(name)
        except gomodules.Missing as e:
            print(f"SKIPPED kubernetes: {e}", flush=True)
            return Count(skipped=1) if not gomodules.go() else Count(failed=1)
    c += pytest(*API_TESTS)
    c += summed([sys.executable, "tests/conformance/run.py", "build/nodens", "--api", "real"], 300, lines=200)
    c += summed([sys.executable, "tests/conformance/run.py", "build/nodens", "--queries", "20000", "--seed",
                  str(random.randrange(1 << 30)), "--spoil"], 900, lines=200)
    c += summed([sys.executable, "tests/conformance/run.py", "build/nodens", "--zones", "40", "--seed",
                  str(random.randrange(1 << 30)), "--spoil"], 300, lines=200)
    return c


def e2e(folder, *tests):
    return pytest(*tests, env={**SANITIZER_ENV, "NODENS": os.path.join(ROOT, folder, "nodens")})


def e2e_asan(_tier):
    c = e2e("build-asan", "tests/e2e")
    c += e2e("build-asan", *NODE_TESTS)
    return c


LIVE_SECONDS = 60


def live(_tier):
    """A minute of mutated datagrams, streams, pages and replies against the server with sanitizers."""
    return pytest("tests/e2e/test_hostile_live.py", env={
        **SANITIZER_ENV, "NODENS": os.path.join(ROOT, "build-asan", "nodens"),
        "NODENS_LIVE_SECONDS": str(LIVE_SECONDS)})


def instructions(_tier):
    """The gate of bench/bars.toml. A count, not a time: but how many datagrams come in a batch depends on the machine,
    so a figure above its bar is measured once more."""
    argv = [sys.executable, "bench/run.py", "instructions", "--cached-only"]
    status, out = run(argv, 600)
    if status == 2 and "is not installed" in out:
        print(f"SKIPPED instructions: {out.strip()}", flush=True)
        return Count(skipped=1)
    if status:
        status, out = run(argv, 600)
    if status:
        complain("./dev bench instructions --cached-only", out)
    return Count(int(not status), int(bool(status)))


# name, tiers, function
STAGES = [
    ("rooms", "quick full", lambda t: script("rooms.py")),
    ("format", "quick full", lambda t: script("lint.py", "format", "language")),
    ("scripts", "quick full", lambda t: pytest("tests/scripts")),
    ("gcc", "quick full", lambda t: build("build")),
    ("symbols", "quick full", lambda t: script("rooms.py", "--symbols", "build")),
    ("licences", "quick full", lambda t: script("rooms.py", "--licences", "build/nodens")),
    ("unit", "quick full", lambda t: unit("build")),
    ("sim", "quick full", sim),
    ("conformance", "quick full", conformance),
    ("e2e", "full", lambda t: pytest("tests/e2e")),
    ("kubernetes", "full", kubernetes),
    ("load", "full", lambda t: pytest(*LOAD_TESTS)),
    ("instructions", "full", instructions),
    ("clang", "full", lambda t: build("build-clang", env=CLANG)),
    ("lint", "full", lambda t: script("lint.py", "tidy", "shell", "python", timeout=2400)),
    ("asan", "full", lambda t: sanitized("asan")),
    ("e2e-asan", "full", e2e_asan),
    ("live", "full", live),
    ("tsan", "full", lambda t: sanitized("tsan")),
    # Interaction of threads: reloads, files and HTTP pages during queries.
    ("e2e-tsan", "full", lambda t: e2e("build-tsan", "tests/e2e/test_life.py")),
    ("fuzz", "full", lambda t: script("fuzz.py", "--seconds", str(FUZZ_SECONDS), "--planted",
                                      timeout=3600)),
]


# Stages that use the build of another stage; given alone, they build first.
BUILT = {**dict.fromkeys(["symbols", "licences", "unit", "sim", "conformance", "e2e", "kubernetes", "load",
                           "instructions"], lambda: build("build")),
         "e2e-asan": lambda: build("build-asan", SANITIZE["asan"], CLANG),
         "live": lambda: build("build-asan", SANITIZE["asan"], CLANG),
         "e2e-tsan": lambda: build("build-tsan", SANITIZE["tsan"], CLANG)}


def main():
    global verbose
    names = [s[0] for s in STAGES]
    p = argparse.ArgumentParser(prog="./dev test", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="what takes seconds")
    p.add_argument("--full", action="store_true", help="everything (the default)")
    p.add_argument("-v", "--verbose", action="store_true", help="show all output")
    p.add_argument("stage", nargs="*", help="only these: " + " ".join(names))
    a = p.parse_intermixed_args()
    for s in a.stage:
        if s not in names:
            p.error(f"invalid stage {s!r}: must be one of {' '.join(names)}")
    verbose = a.verbose
    tier = "quick" if a.quick and not a.full else "full"

    total, times, start = Count(), [], time.monotonic()
    for name, tiers, what in STAGES:
        if a.stage and name not in a.stage or not a.stage and tier not in tiers.split():
            continue
        began = time.monotonic()
        c = Count()
        if a.stage and name in BUILT:
            c = Count(failed=BUILT[name]().failed)
        if not c.failed:
            c += what(tier)
        took = time.monotonic() - began
        times.append((name, took))
        print(f"stage {name:12} {took:6.1f} s   {c}", flush=True)
        total += c
    print(f"total {time.monotonic() - start:19.1f} s")
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
