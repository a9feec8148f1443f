#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/simplants.py [PLANT...]: proves that the simulation finds bugs.

tests/sim/plants.toml has the bugs. For each, the files that it changes are copied and compiled, its program
(sim_pressure, if it names none) is linked with them (they come before the libraries, so their symbols count), and must
fail within SEEDS seeds.
Needs a build in build/. Ends with `N passed, N failed`.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
PROGRAM = "sim_pressure"
SEEDS = 1000


def edited(plant, edits):
    """The texts of the files that a plant changes, by path."""
    texts = {}
    for e in edits:
        if e["file"] not in texts:
            with open(os.path.join(ROOT, e["file"]), encoding="utf-8") as f:
                texts[e["file"]] = f.read()
        n = texts[e["file"]].count(e["find"])
        if n != 1:
            raise ValueError(f"plants.toml: {plant}: {e['file']} contains {e['find']!r} {n} times; it must be once")
        texts[e["file"]] = texts[e["file"]].replace(e["find"], e["put"])
    return texts


def compile_one(path, text, folder):
    """Compiles a changed file as the build does; returns the object."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    full = os.path.join(ROOT, path)
    entry = next(c for c in commands if os.path.realpath(os.path.join(c["directory"], c["file"])) == full)
    copy = os.path.join(folder, path.replace("/", "_"))
    with open(copy, "w", encoding="utf-8") as f:
        f.write(text)
    argv, out = [], copy[:-2] + ".o"
    words = iter(shlex.split(entry["command"]))
    for w in words:
        if w in ("-o", "-MF", "-MQ"):
            next(words)
        elif w not in ("-MD", entry["file"]):
            argv.append(w)
    subprocess.run([*argv, "-Wno-error", "-w", "-o", out, copy], cwd=entry["directory"], check=True)
    return out


def link(program, objects, out):
    text = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", "-s", f"tests/sim/{program}"],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    line = [x for x in text.splitlines() if not x.startswith("ninja:")][-1]
    argv = shlex.split(line)
    at = argv.index("-o")
    argv[at + 1] = out
    subprocess.run([*argv[:at + 2], *objects, *argv[at + 2:]], cwd=BUILD, check=True)


def find_plant(plant, edits, name=PROGRAM):
    """True: the simulation found it."""
    folder = os.path.join(BUILD, "tests", "sim", "plants", plant)
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, name)
    link(name, [compile_one(path, text, folder) for path, text in edited(plant, edits).items()], program)
    with tempfile.TemporaryDirectory() as files, subprocess.Popen(
            [program, "--seeds", str(SEEDS)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env={**os.environ, "TMPDIR": files}) as p:
        try:
            for line in p.stdout:
                if "assertion failed" in line:
                    print("    " + line.strip())
                if line.startswith("FAIL seed"):
                    print(f"{plant:10} found: {line.strip()}", flush=True)
                    return True
        finally:
            p.kill()
    print(f"{plant:10} FAILED: not found in {SEEDS} seeds", flush=True)
    return False


def main():
    with open(os.path.join(ROOT, "tests", "sim", "plants.toml"), "rb") as f:
        plants = tomllib.load(f)
    names = sys.argv[1:] or list(plants)
    found = sum(find_plant(name, plants[name]["edits"], plants[name].get("program", PROGRAM)) for name in names)
    print(f"{found} passed, {len(names) - found} failed")
    return found != len(names)


if __name__ == "__main__":
    sys.exit(main())
