#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rooms.py [--root FOLDER] [--symbols BUILD | --licences PROGRAM]

The structure of the sources, by the rules in scripts/rooms.toml. Without --symbols:
- includes follow the allowed edges and never lead to another plugin; a library is included in its room only;
- a header of [restricted] is included by the files named there only;
- file names are unique in a room; parts.h and *_parts.h are private to a room, its unit tests and fuzz targets;
- no name of <netinet/icmp6.h> is used;
- a folder of more than ten C files has a README.md that names each .c;
- paths in the documents exist; nd_ and ND_ names in comments and documents are defined;
- no file names a folder outside the project.

With --symbols, in the libraries under BUILD/src: every external symbol starts with nd_<file>_, and a plugin's main file
exports nd_plugin_<name> only.

With --licences: every shared library that the program is linked with, directly or through another, has its licence in
[licences], and an Apache-2.0 program can be linked with it.

Prints each finding as FILE:LINE: what, then `N passed, N failed`, counting files.
"""
import argparse
import fnmatch
import glob
import os
import re
import subprocess
import sys
import tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
# In two parts, otherwise this file would name it.
BESIDE = "../" + "shared"


class House:
    def __init__(self, root):
        self.root = root
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rooms.toml"), "rb") as f:
            self.rules = tomllib.load(f)
        self.bad = {}   # file: its findings
        self.seen = set()

    def say(self, path, line, what):
        self.bad.setdefault(path, []).append(f"{path}:{line}: {what}")

    def read(self, path):
        self.seen.add(path)
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    def find(self, *patterns):
        out = []
        for p in patterns:
            out += glob.glob(os.path.join(self.root, p), recursive=True)
        return sorted(os.path.relpath(x, self.root) for x in out if os.path.isfile(x))

    def tracked(self):
        """All files of the project: those in git, and new ones that it would add."""
        p = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=self.root,
                           capture_output=True, text=True, check=False)
        if p.returncode:
            return self.find("**/*")
        return [f for f in p.stdout.split("\n") if f and os.path.isfile(os.path.join(self.root, f))]


def room_of(path):
    """("plugin", "cache") for src/plugin/cache/x.c, ("wire", None) for src/wire/x.c."""
    parts = path.split("/")
    if parts[0] == "src":
        parts = parts[1:]
    if len(parts) < 2:
        return None, None
    return parts[0], parts[1] if parts[0] == "plugin" and len(parts) > 2 else None


def check_own_include(h, path, n, name):
    room, plugin = room_of(path)
    to_room, to_plugin = room_of(name)
    if to_room is None:
        h.say(path, n, f'"{name}": include by path from src/, as "room/file.h"')
        return
    if not any(os.path.isfile(os.path.join(h.root, base, name)) for base in ("src", "")):
        h.say(path, n, f'"{name}": no such file')
    if to_plugin and to_plugin != plugin and room != "cmd":
        h.say(path, n, f'"{name}": never another plugin\'s file')
        return
    allowed = h.rules["rooms"].get(room)
    if allowed is None:
        h.say(path, n, f"room {room} has no row in rooms.toml")
    elif to_room != room and "*" not in allowed:
        if to_room not in allowed + (h.rules["plugins"].get(plugin, []) if plugin else []):
            h.say(path, n, f'"{name}": {"plugin " + plugin if plugin else room} may not include {to_room}')


def check_restricted(h, path, n, name):
    places = h.rules.get("restricted", {}).get(name)
    where = re.sub(r"^src/|\.[ch]$", "", path)
    if places is not None and where not in places:
        h.say(path, n, f'"{name}": only in {", ".join(places)}')


PARTS = re.compile(r"(?:^|_)parts\.h$")


def check_parts(h, path, n, name):
    """parts.h and *_parts.h are shared by the files of one room only, and its tests."""
    if os.path.dirname(path) == "tests/fuzz" or not PARTS.search(os.path.basename(name)):
        return
    folder = os.path.dirname(name)
    if re.sub(r"^(?:src|tests/unit)/", "", os.path.dirname(path)) != folder:
        h.say(path, n, f'"{name}": private to {folder}')


def check_library(h, path, n, name):
    where = re.sub(r"^src/|\.[ch]$", "", path)
    for start, places in h.rules["libraries"].items():
        if name.startswith(start):
            if not any(where == p or where.startswith(p + "/") for p in places):
                h.say(path, n, f"<{name}>: only in {', '.join(places)}")
            return
    if "/" in name and not name.startswith(tuple(h.rules["system"]["prefixes"])):
        h.say(path, n, f"<{name}>: a library that rooms.toml does not know")
    elif "/" not in name and not is_libc(name):
        h.say(path, n, f"<{name}>: a library that rooms.toml does not know")


LIBC = set("""assert complex ctype dirent dlfcn endian err errno error fcntl fenv float fnmatch ftw getopt glob grp
ifaddrs inttypes iso646 langinfo libgen limits locale malloc math mntent netdb poll pthread pwd regex resolv sched
search semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string
strings sysexits syslog termios tgmath threads time uchar unistd utime wchar wctype wordexp emmintrin immintrin
execinfo link byteswap cpuid""".split())


def is_libc(name):
    return name.endswith(".h") and name[:-2] in LIBC


def check_sources(h):
    refused = re.compile(fr"\b(?:{'|'.join(h.rules['refused']['prefixes'])})\w*")
    for path in h.find("src/**/*.[ch]", "tools/**/*.[ch]"):
        for n, line in enumerate(h.read(path).split("\n"), 1):
            m = INCLUDE.match(line)
            if m and m.group(1) == '"':
                check_own_include(h, path, n, m.group(2))
                check_restricted(h, path, n, m.group(2))
                check_parts(h, path, n, m.group(2))
            elif m:
                check_library(h, path, n, m.group(2))
            m = refused.search(line)
            if m:
                h.say(path, n, f"{m.group(0)}: a name that <netinet/icmp6.h> may have")


def check_test_includes(h):
    for path in h.find("tests/**/*.[ch]"):
        for n, line in enumerate(h.read(path).split("\n"), 1):
            m = INCLUDE.match(line)
            if m and m.group(1) == '"':
                check_parts(h, path, n, m.group(2))


def check_unique(h):
    """A room has one .c and one .h of a name, since the name is the prefix of symbols."""
    seen = {}
    for path in h.find("src/**/*.[ch]", "tools/**/*.[ch]"):
        room, plugin = room_of(path)
        key = (path.split("/")[0], room, plugin, os.path.basename(path))
        if key in seen:
            h.say(path, 1, f"the room has another {os.path.basename(path)}: {seen[key]}")
        seen[key] = path


DOC_PATH = re.compile(r"(?<![\w/.:~$<@-])(?:\./)?"
                      r"((?:src|tests|docs|scripts|bench|deploy|tools|\.ci|%s)/[\w./*-]*\w)(?![\w/<{$])")


def check_documents(h):
    """A path in a document must exist: relative to the top, to src/ or to the document."""
    pattern = re.compile(DOC_PATH.pattern % "|".join(h.rules["rooms"]))
    for path in h.find("docs/**/*.md", "*.md", "bench/*.md", "deploy/**/*.md", "tests/**/*.md",
                       "src/**/*.md"):
        beside = os.path.dirname(path)
        for n, line in enumerate(h.read(path).split("\n"), 1):
            if re.search(r"https?://", line):
                line = re.sub(r"https?://\S+", "", line)
            for word in pattern.findall(line):
                if not word.endswith(".md") and re.search(r"(?:^|/)[A-Z]{2,}", word):
                    continue    # ROOM and NAME are placeholders
                tries = [os.path.join(h.root, base, word) for base in ("", "src", beside)]
                tries += [t + ".h" for t in tries] + [t + ".c" for t in tries]
                if not any(glob.glob(t) for t in tries):
                    h.say(path, n, f"{word}: no such file")
            for link in re.findall(r"\]\(([^)#\s]+)", line):
                if "://" not in link and not os.path.exists(os.path.join(h.root, beside, link)):
                    h.say(path, n, f"{link}: no such file")


BIG_FOLDER = 10     # a folder with more C files than this has a README.md with a table of them


def check_maps(h):
    """The README.md names each .c of its folder, as `file.c` or by a pattern like `style_*.c`; its table names no
    missing file."""
    folders = {}
    for path in h.find("src/**/*.[ch]", "tools/**/*.[ch]", *(f"tests/{x}/*.[ch]" for x in ("support", "sim", "fuzz"))):
        folders.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    for folder, files in folders.items():
        readme = os.path.join(folder, "README.md")
        if len(files) <= BIG_FOLDER:
            continue
        if not os.path.exists(os.path.join(h.root, readme)):
            h.say(readme, 1, f"is missing: {folder} has {len(files)} files")
            continue
        text = h.read(readme)
        named = set(re.findall(r"`([\w*-]+\.[ch])`", text))
        for name in files:
            if name.endswith(".c") and not any(fnmatch.fnmatch(name, x) for x in named):
                h.say(readme, 1, f"does not name {name}")
        for n, line in enumerate(text.split("\n"), 1):
            for word in re.findall(r"`([\w*-]+\.[ch])`", line.split("|")[1]) if line.startswith("| `") else ():
                if not fnmatch.filter(files, word):
                    h.say(readme, n, f"{word}: no such file")


C_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
OUR_NAME = re.compile(r"\b(?:nd|ND)_\w*")
PLACEHOLDER = re.compile(r"(?:^|_)[A-Z]{2,}(?:_|$)")     # nd_plugin_NAME


def check_names(h):
    """Each nd_ and ND_ name in a comment or document exists in the code, or is a prefix of names that do: nd_foo_*,
    nd_foo_<verb>."""
    known, mentions = set(), []     # mentions: (path, its text, offset, the comment)
    for path in h.find(*(f"{x}/**/*.[ch]" for x in ("src", "tools", "tests", "bench"))):
        text = h.read(path)
        known.update(OUR_NAME.findall(C_TOKEN.sub(" ", text)))
        mentions += [(path, text, m.start(), m.group()) for m in C_TOKEN.finditer(text) if m.group()[0] == "/"]
    for path in h.tracked():
        if path.endswith(".md"):
            mentions.append((path, h.read(path), 0, h.read(path)))
    starts = {name[:i] for name in known for i, c in enumerate(name, 1) if c == "_"}
    refused = tuple(h.rules["refused"]["prefixes"])
    for path, text, at, part in mentions:
        for m in OUR_NAME.finditer(part):
            word = m.group()
            if word in known or word.startswith(refused) or word[0] == "n" and PLACEHOLDER.search(word):
                continue
            if word in starts or part[m.end():m.end() + 1] == "*" and any(x.startswith(word) for x in known):
                continue
            h.say(path, text.count("\n", 0, at + m.start()) + 1, f"{word}: no such name")


def check_beside(h):
    for path in h.tracked():
        try:
            text = h.read(path)
        except OSError:
            continue
        if BESIDE in text:
            for n, line in enumerate(text.split("\n"), 1):
                if BESIDE in line:
                    h.say(path, n, f"names a folder outside the project: {line.strip()[:80]}")


def check_symbols(h, build):
    """External symbols are nd_<file>_<verb>: read from the static libraries, which have no static functions."""
    for lib in sorted(glob.glob(os.path.join(build, "src", "*", "libnd_*.a"))):
        room = os.path.basename(os.path.dirname(lib))
        out = subprocess.run(["nm", "-g", "--defined-only", lib], capture_output=True, text=True,
                             check=True).stdout
        member = None
        for line in out.split("\n"):
            if line.endswith(":"):
                member = os.path.basename(line[:-1])     # thin archives give the path
                h.seen.add(f"{os.path.basename(lib)}({member})")
            elif member and len(line.split()) == 3:
                check_symbol(h, lib, room, member, line.split()[2])


def file_prefixes(h, folder, stem):
    """nd_name_text_ and nd_name_ for name_text.c if there is a name.h: one header, implemented in two files."""
    parts = stem.split("_")
    out = ["nd_" + stem]
    for i in range(1, len(parts)):
        start = "_".join(parts[:i])
        if any(os.path.isfile(os.path.join(h.root, folder, start + end)) for end in (".c", ".h")):
            out.append("nd_" + start)
    return out


def check_symbol(h, lib, room, member, symbol):
    if symbol.startswith(("__asan", "__ubsan", "__odr_asan")):
        return
    parts = member[:-len(".c.o")].split("_")    # meson: folder_file.c.o
    wanted, exact = ["nd_plugins"], False       # the table generated from plugins.list
    if room == "plugin":
        # Folder and file are joined by "_" and may contain one: try every split.
        for i in range(1, len(parts)):
            name, stem = "_".join(parts[:i]), "_".join(parts[i:])
            folder = os.path.join("src", "plugin", name)
            if os.path.isfile(os.path.join(h.root, folder, stem + ".c")):
                exact = name == stem
                wanted = ["nd_plugin_" + name] if exact else file_prefixes(h, folder, stem)
    else:
        wanted = file_prefixes(h, os.path.join("src", room), "_".join(parts))
        wanted += ["nd_" + x for x in h.rules["symbols"].get(room + "/" + "_".join(parts), [])]
    # A plural or an agent noun may extend the name: nd_flights_add in flight.c.
    if symbol in wanted or not exact and any(
            re.match(re.escape(w) + r"(?:s|r|rs)?(?:_|$)", symbol) for w in wanted):
        return
    h.say(f"{os.path.basename(lib)}({member})", symbol,
          f"an external symbol of this file must be {' or '.join(wanted)}{'' if exact else '_<verb>'}")


def allows(expression, allowed):
    """Whether an SPDX expression without parentheses (AND binds closer than OR) allows the use."""
    return any(all(term.strip() in allowed for term in side.split(" AND ")) for side in expression.split(" OR "))


def check_licences(h, program):
    """The libraries are those that the dynamic loader finds."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    names = [os.path.basename(x.split()[0]) for x in out.splitlines() if "=>" in x or x.strip().startswith("/")]
    rules = h.rules["licences"]
    if not names:
        h.say(program, 1, "no shared library: what it is linked with cannot be checked")
    for name in names:
        h.seen.add(name)
        known = [rules["libraries"][x] for x in rules["libraries"] if re.match(re.escape(x) + r"[-.\d]*\.so", name)]
        if not known:
            h.say(name, 1, "a library whose licence rooms.toml does not have")
        elif not allows(known[0], rules["allowed"]):
            h.say(name, 1, f"an Apache-2.0 program cannot be linked with a library under {known[0]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p.add_argument("--symbols", metavar="BUILD")
    p.add_argument("--licences", metavar="PROGRAM")
    a = p.parse_args()
    h = House(a.root)
    if a.symbols:
        check_symbols(h, a.symbols)
    elif a.licences:
        check_licences(h, a.licences)
    else:
        for check in (check_sources, check_test_includes, check_unique, check_documents, check_maps,
                      check_names, check_beside):
            check(h)
    for path in sorted(h.bad):
        print("\n".join(h.bad[path]))
    print(f"{len(h.seen - set(h.bad))} passed, {len(h.bad)} failed")
    return 1 if h.bad else 0


if __name__ == "__main__":
    sys.exit(main())
