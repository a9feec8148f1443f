#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev fuzz [TARGET...] [--seconds N] [--planted]

Runs the fuzz targets tests/fuzz/TARGET.c (libFuzzer, ASan, UBSan) in parallel, one per core, from
tests/fuzz/corpus/TARGET and the corpus kept by earlier runs (build-fuzz/corpus). Inputs that make a
target fail are written to build-fuzz/findings.

--planted: then proves that the targets can find bugs. tests/fuzz/plants.toml has one bug per target;
all are planted into a copy of the sources, each active only in its own target, and each target must
find its own. A target without a bug counts as failed.

Ends with `N passed, N failed`.
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build-fuzz")
PLANTED = os.path.join(ROOT, "build-planted")
PLANT_SECONDS = 120     # far more than needed, for loaded machines
COPIED = ["dev", "meson.build", "meson_options.txt", "LICENSE", "scripts", "src", "tools",
          "tests/meson.build", "tests/fuzz", "tests/support"]
PLANT_H = """/* Made by scripts/fuzz.py. */
#include <stdlib.h>
#include <string.h>
static inline int planted(const char *target)
{
	const char *on = getenv("PLANTED");
	return on && strcmp(on, target) == 0;
}
"""
ENV = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def build(folder, *options):
    p = subprocess.run(["./dev", "build", folder, "-Dfuzz=true", *options], cwd=ROOT,
                       env={**os.environ, "CC": "clang"}, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    if p.returncode:
        print(p.stdout)
    return p.returncode == 0


def fuzz(folder, target, seconds, planted):
    """Returns (exit status, output); status 0: nothing found in that time."""
    kept = os.path.join(folder, "corpus", target)
    findings = os.path.join(folder, "findings")
    if planted:
        shutil.rmtree(kept, ignore_errors=True)    # an earlier run's finding must not count
    os.makedirs(kept, exist_ok=True)
    os.makedirs(findings, exist_ok=True)
    corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", target)
    argv = [os.path.join(folder, "tests", "fuzz_" + target), f"-max_total_time={seconds}", "-timeout=10",
            "-rss_limit_mb=2048", "-print_final_stats=1", f"-verbosity={0 if planted else 1}",
            f"-artifact_prefix={findings}/{target}-", kept]
    if os.path.isdir(corpus):
        argv.append(corpus)
    env = {**os.environ, **ENV}
    if planted:
        env["PLANTED"] = target
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
                           errors="replace", timeout=seconds + 120, check=False)
    except subprocess.TimeoutExpired:
        return 124, "did not end"
    return p.returncode, p.stdout


def runs(out):
    for line in out.split("\n"):
        if line.startswith("stat::number_of_executed_units:"):
            return int(line.split()[-1])
    return 0


def run_targets(targets, seconds):
    passed = failed = 0

    def one(t):
        return t, *fuzz(BUILD, t, seconds, False)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for t, status, out in pool.map(one, targets):
            if status == 0 and runs(out) > 0:
                passed += 1
                print(f"{t:12} {seconds} s, {runs(out)} runs, nothing found", flush=True)
            else:
                failed += 1
                print(f"{t:12} FAILED (exit status {status})", flush=True)
                print("".join(f"    {x}\n" for x in out.rstrip().split("\n")[-60:]), end="", flush=True)
    return passed, failed


def copy_tree(tree, plants):
    """Copies the sources with all bugs planted. An unchanged file keeps its time, for ninja."""
    texts = {}
    for name in COPIED:
        full = os.path.join(ROOT, name)
        files = [name]
        if os.path.isdir(full):
            files = [os.path.relpath(os.path.join(d, f), ROOT) for d, _, fs in os.walk(full) for f in fs
                     if "/corpus" not in d and not f.endswith(".pyc")]
        for f in files:
            if os.path.exists(os.path.join(ROOT, f)):
                with open(os.path.join(ROOT, f), "rb") as file:
                    texts[f] = file.read()
    for target, p in plants.items():
        text = texts[p["file"]].decode()
        if text.count(p["find"]) != 1:
            raise ValueError(f"plants.toml: {target}: {p['file']} contains the text to replace "
                             f"{text.count(p['find'])} times; it must be once")
        texts[p["file"]] = text.replace(p["find"], p["put"]).encode()
    texts["plant.h"] = PLANT_H.encode()
    for f, text in texts.items():
        to = os.path.join(tree, f)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.exists(to):
            with open(to, "rb") as file:
                if file.read() == text:
                    continue
        with open(to, "wb") as file:
            file.write(text)
        if f == "dev":
            os.chmod(to, 0o755)


def run_planted(targets):
    with open(os.path.join(ROOT, "tests", "fuzz", "plants.toml"), "rb") as f:
        plants = tomllib.load(f)
    missing = [t for t in targets if t not in plants]
    for t in missing:
        print(f"{t:12} FAILED: no bug in tests/fuzz/plants.toml")
    targets = [t for t in targets if t in plants]
    if not targets:
        return 0, len(missing)
    tree = os.path.join(PLANTED, "tree")
    try:
        copy_tree(tree, plants)
    except ValueError as e:
        print(e)
        return 0, len(missing) + len(targets)
    folder = os.path.join(PLANTED, "build")
    p = subprocess.run(["./dev", "build", folder, "-Dfuzz=true",
                        f"-Dc_args=-include {os.path.join(tree, 'plant.h')}"], cwd=tree,
                       env={**os.environ, "CC": "clang"}, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    if p.returncode:
        print("the planted sources do not build\n" + p.stdout)
        return 0, len(missing) + len(targets)
    passed = failed = 0

    def one(t):
        return t, *fuzz(folder, t, PLANT_SECONDS, True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for t, status, out in pool.map(one, targets):
            wanted = plants[t].get("says", "")
            if status not in (0, 124) and wanted in out:
                passed += 1
                print(f"{t:12} found its planted bug after {runs(out)} runs", flush=True)
            else:
                failed += 1
                print(f"{t:12} FAILED: did not find its planted bug in {PLANT_SECONDS} s")
                print(out[-1500:] if status else "", flush=True)
    return passed, failed + len(missing)


def main():
    p = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    known = subprocess.run([sys.executable, "scripts/list_tests.py", "fuzz", "tests"], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout.split()
    p.add_argument("target", nargs="*", help=" ".join(known))
    p.add_argument("--seconds", type=int, default=600, help="per target (default 600; 0: only the planted bugs)")
    p.add_argument("--planted", action="store_true", help="then each target must find its planted bug")
    a = p.parse_intermixed_args()
    for t in a.target:
        if t not in known:
            p.error(f"invalid target {t!r}: must be one of {' '.join(known)}")
    targets = a.target or known
    passed = failed = 0
    if a.seconds > 0:
        if build("build-fuzz"):
            passed, failed = run_targets(targets, a.seconds)
        else:
            failed = len(targets)
    if a.planted:
        good, bad = run_planted(targets)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
