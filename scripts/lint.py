#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev lint [--fix] [PART...]

format: clang-format has nothing to change
tidy:   clang-tidy (.clang-tidy) finds nothing
shell:  shellcheck finds nothing in the shell scripts
python: every Python file compiles
rooms:  scripts/rooms.py finds nothing

Prints what is wrong, then `N passed, N failed`, a file and part each; --fix lays out the code anew.
"""
import argparse
import concurrent.futures
import os
import py_compile
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ["format", "tidy", "shell", "python", "rooms"]


def tracked(*patterns):
    """Files that git has or would have (new ones included), so that nothing made is looked at."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout.split("\n")
    return [f for f in out if f and os.path.exists(os.path.join(ROOT, f))]


def call(argv):
    p = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False)
    return p.returncode, p.stdout


def each(files, check):
    """(passed, failed) over files, as many at a time as there are cores."""
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for out in pool.map(check, files):
            if out:
                print(out.rstrip(), flush=True)
                failed += 1
            else:
                passed += 1
    return passed, failed


def format_part(fix):
    def check(f):
        if fix:
            call(["clang-format", "-i", f])
        status, out = call(["clang-format", "--dry-run", "-Werror", f])
        return "\n".join(out.split("\n")[:6]) if status else ""
    return each(tracked("*.c", "*.h"), check)


def tidy_part(fix):
    if not os.path.exists(os.path.join(ROOT, "build-clang", "compile_commands.json")):
        status, out = call(["env", "CC=clang", "./dev", "build", "build-clang"])
        if status:
            print(out)
            return 0, 1

    def check(f):
        status, out = call(["clang-tidy", "-p", "build-clang", "--quiet", f])
        return out if status else ""
    # Benches stand on libc alone and are measured, not shipped; tests repeat patterns on purpose.
    return each(tracked("src/*.c"), check)


def shell_part(fix):
    def check(f):
        status, out = call(["shellcheck", "-x", f])
        return out if status else ""

    def is_shell(f):
        with open(os.path.join(ROOT, f), "rb") as file:
            first = file.readline()
        return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash"))
    return each([f for f in tracked() if os.path.isfile(os.path.join(ROOT, f)) and is_shell(f)], check)


def python_part(fix):
    def check(f):
        with tempfile.NamedTemporaryFile(suffix=".pyc") as out:
            try:
                py_compile.compile(os.path.join(ROOT, f), cfile=out.name, doraise=True)
            except py_compile.PyCompileError as e:
                return str(e)
        return ""
    return each(tracked("*.py"), check)


def rooms_part(fix):
    status, out = call([sys.executable, "scripts/rooms.py"])
    print("\n".join(out.rstrip().split("\n")[:-1]) if status else "", end="\n" if status else "")
    return (0, 1) if status else (1, 0)


def main():
    p = argparse.ArgumentParser(prog="./dev lint", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--fix", action="store_true", help="clang-format -i")
    p.add_argument("part", nargs="*", help=" ".join(PARTS))
    a = p.parse_intermixed_args()
    for part in a.part:
        if part not in PARTS:
            p.error("no part %r; there are: %s" % (part, " ".join(PARTS)))
    passed = failed = 0
    for part in a.part or PARTS:
        good, bad = globals()[part + "_part"](a.fix)
        passed += good
        failed += bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
