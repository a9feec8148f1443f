#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""./dev lint [--fix] [PART...]

format:   clang-format changes nothing, and no line of C is too long
language: no phrase of CONTRIBUTING.md's table that is always wrong
tidy:     clang-tidy (.clang-tidy) finds nothing
shell:    shellcheck finds nothing in the shell scripts
python:   every Python file compiles, and pylint (.pylintrc) finds nothing
rooms:    scripts/rooms.py finds nothing

Prints the findings, then `N passed, N failed`, counting each file once per part. --fix reformats the code.
"""
import argparse
import concurrent.futures
import os
import py_compile
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = ["format", "language", "tidy", "shell", "python", "rooms"]


def tracked(*patterns):
    """The files in git, and new ones that it would add; no generated files."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout.split("\n")
    return [f for f in out if f and os.path.exists(os.path.join(ROOT, f))]


def call(argv):
    p = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       errors="replace", check=False)
    return p.returncode, p.stdout


def each(files, check):
    """Checks the files in parallel, one per core; returns (passed, failed)."""
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for out in pool.map(check, files):
            if out:
                print(out.rstrip(), flush=True)
                failed += 1
            else:
                passed += 1
    return passed, failed


COLUMNS = 100   # as in .clang-format; only a line with a string that cannot be broken may be longer

# language: off
# Phrases that are always wrong, and their replacements. CONTRIBUTING.md has the whole table.
LANGUAGE = [
    (r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|different\b|such\b)[a-z]", "is not a, invalid"),
    (r"\b(?:stands?|stood|standing) (?:in|on|at|behind|beside|before|after|above|below|between|by|there|here|alone"
     r"|still|where|as|twice|open|ready|empty|together)\b", "is, comes, exists"),
    (r"(?<!left )(?<!leave )(?<!leaves )(?<!lag )(?<!lags )(?<!fall )(?<!falls )\bbehind\b"
     r"(?! (?:(?:a|the|its|one|that|each|this|\d[\d,]*|further|more) )?(?:\w+ )?"
     r"(?:Services?|ClusterIPs?|NAT|DNAT|prox(?:y|ies)|load balancers?)\b)",
     "after, below, in"),
    (r"\b(?:goes|go|went|gone|going) on\b", "continues, keeps"),
    (r"\b(?:told|tells)\b", "reported, says, shows"),
    (r"\b(?:somebody|whoever|nobody|whosoever)\b", "a client, the caller, no one, or the passive"),
    (r"\bfor ever\b", "forever, without limit"),
    (r"\bso long as\b", "while, until"),
]
OCTET = (r"\b[Oo]ctets?\b", "byte")
OCTET_ROOMS = ("src/wire/", "tests/unit/wire/", "tests/fuzz/")  # RFC 1035's own word

# language: on


def language_findings(path, text):
    rows = [(re.compile(p), cure) for p, cure in LANGUAGE]
    if not path.startswith(OCTET_ROOMS):
        rows.append((re.compile(OCTET[0]), OCTET[1]))
    off = False
    for n, line in enumerate(text.split("\n"), 1):
        if "language: off" in line or "language: on" in line:
            off = "language: off" in line
        if off:
            continue
        for pattern, cure in rows:
            m = pattern.search(line)
            if m:
                yield f'{path}:{n}: "{m.group(0)}": write {cure}'


def language_part(fix):
    """Not checked between the marks `language: off` and `language: on`: the table itself, quotations."""
    def check(f):
        with open(os.path.join(ROOT, f), encoding="utf-8") as file:
            return "\n".join(language_findings(f, file.read()))
    return each(tracked("*.c", "*.h", "*.md", "*.py", "*.sh", "*.go", "*.toml", "*.build", "dev",
                        "src/plugin/plugins.list"), check)


def long_lines(f):
    with open(os.path.join(ROOT, f), encoding="utf-8") as file:
        lines = file.read().split("\n")
    return [f"{f}:{n}: {len(line.expandtabs(8))} columns; the limit is {COLUMNS}"
            for n, line in enumerate(lines, 1)
            if len(line.expandtabs(8)) > COLUMNS and '"' not in line]


def format_part(fix):
    def check(f):
        if fix:
            call(["clang-format", "-i", f])
        status, out = call(["clang-format", "--dry-run", "-Werror", f])
        return "\n".join((out.split("\n")[:6] if status else []) + long_lines(f))
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
    # The bench programs are not shipped; tests repeat patterns on purpose.
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


def compile_python(f):
    with tempfile.NamedTemporaryFile(suffix=".pyc") as out:
        try:
            py_compile.compile(os.path.join(ROOT, f), cfile=out.name, doraise=True)
        except py_compile.PyCompileError as e:
            return str(e)
    return ""


def pylint_findings(files):
    """Returns {file: its findings}."""
    status, out = call(["pylint", "--rcfile=.pylintrc", "--score=n", "--output-format=text",
                        "--msg-template={path}:{line}: {msg} ({symbol})", *files])
    found = {}
    for line in out.split("\n"):
        path = line.partition(":")[0]
        if path in files:
            found.setdefault(path, []).append(line)
    if status and not found:
        found[files[0]] = [out]
    return found


def python_part(fix):
    """One pylint per folder: modules of two folders may have the same name."""
    folders, found = {}, {}
    for f in tracked("*.py"):
        folders.setdefault(os.path.dirname(f), []).append(f)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(pylint_findings, folders.values()):
            found.update(part)
    return each(tracked("*.py"), lambda f: compile_python(f) or "\n".join(found.get(f, [])))


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
            p.error(f"invalid part {part!r}: must be one of {' '.join(PARTS)}")
    passed = failed = 0
    for part in a.part or PARTS:
        good, bad = globals()[part + "_part"](a.fix)
        passed += good
        failed += bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
