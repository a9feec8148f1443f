# SPDX-License-Identifier: Apache-2.0
"""Each check of scripts/rooms.py: a sound tree, and the same tree with one planted mistake."""
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOMS = os.path.join(ROOT, "scripts", "rooms.py")

SOUND = {
    "src/base/err.h": "#pragma once\n#include <stdint.h>\n#include <sys/types.h>\n",
    "src/base/rcu.c": '#include <urcu/urcu-memb.h>\n',
    "src/wire/name.h": '#pragma once\n#include "base/err.h"\n',
    "src/core/plugin.h": '#pragma once\n#include "wire/name.h"\n#include "io/loop.h"\n',
    "src/core/chain_parts.h": "#pragma once\n",
    "src/core/chain.c": '#include "core/chain_parts.h"\n',
    "tests/unit/core/chain_test.c": '#include "core/chain_parts.h"\n',
    "src/plugin/any/parts.h": "#pragma once\n",
    "src/base/hash.h": "#pragma once\n",
    "src/core/site.c": '#include "base/hash.h"\n',
    "src/io/loop.h": '#pragma once\n#include "base/err.h"\n',
    "src/io/loop.c": '#include "io/loop.h"\n#include <uv.h>\n',
    "src/upstream/pool.h": '#pragma once\n#include "core/plugin.h"\n',
    "src/plugin/any/any.c": '#include "core/plugin.h"\n',
    "src/plugin/any/deep.h": "#pragma once\n",
    "src/plugin/forward/forward.c": '#include "upstream/pool.h"\n',
    "src/cmd/serve.c": '#include "plugin/any/deep.h"\n#include "core/plugin.h"\n',
    "docs/QUERY.md": "`src/wire/name.h` and `wire/name.h`, `core/plugin`, tests/unit/ROOM, "
                     "[link](../README.md), https://example.org/src/none.c\n",
    "README.md": "See `docs/QUERY.md` and src/plugin/<name>/x.c.\n",
    "tests/unit/base/a_test.c": "",
}


def plant(folder, files):
    for path, text in files.items():
        full = folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)


def rooms(folder, *args):
    p = subprocess.run([sys.executable, ROOMS, "--root", str(folder), *args], capture_output=True,
                       text=True, check=False)
    return p.returncode, p.stdout + p.stderr


def test_sound_house(tmp_path):
    plant(tmp_path, SOUND)
    status, out = rooms(tmp_path)
    assert out == f"{len(SOUND)} passed, 0 failed\n"
    assert status == 0


CRACKS = [
    ("up", "src/wire/name.c", '\n#include "core/plugin.h"\n', "src/wire/name.c:2: ", "wire may not include core"),
    ("sideways", "src/plugin/forward/f.c", '#include "plugin/any/deep.h"\n', "src/plugin/forward/f.c:1: ",
     "never another plugin"),
    ("a plugin without the right", "src/plugin/any/a.c", '#include "upstream/pool.h"\n', "src/plugin/any/a.c:1: ",
     "plugin any may not include upstream"),
    ("not by path", "src/wire/name.c", '#include "name.h"\n', "src/wire/name.c:1: ", "include by path"),
    ("no such file", "src/wire/name.c", '#include "wire/none.h"\n', "src/wire/name.c:1: ", "no such file"),
    ("an unknown room", "src/attic/x.c", '#include "base/err.h"\n', "src/attic/x.c:1: ", "no row"),
    ("another room's parts", "src/plugin/any/a.c", '#include "core/chain_parts.h"\n', "src/plugin/any/a.c:1: ",
     "private to core"),
    ("a plugin's parts", "src/cmd/x.c", '#include "plugin/any/parts.h"\n', "src/cmd/x.c:1: ", "private to plugin/any"),
    ("parts in another room's test", "tests/unit/wire/x_test.c", '\n#include "core/chain_parts.h"\n',
     "tests/unit/wire/x_test.c:2: ", "private to core"),
    ("parts in a test's support", "tests/support/rig.c", '#include "core/chain_parts.h"\n', "tests/support/rig.c:1: ",
     "private to core"),
    ("libuv elsewhere", "src/core/setup.c", "#include <uv.h>\n", "src/core/setup.c:1: ", "only in io"),
    ("urcu elsewhere", "src/base/log.c", "#include <urcu.h>\n", "src/base/log.c:1: ", "only in base/rcu"),
    ("an unkeyed hash", "src/upstream/x.c", '#include "base/hash.h"\n', "src/upstream/x.c:1: ",
     "only in conf/corefile"),
    ("unknown library", "src/core/setup.c", "#include <zlib.h>\n", "src/core/setup.c:1: ", "does not know"),
    ("unknown library's folder", "src/core/setup.c", "#include <curl/curl.h>\n", "src/core/setup.c:1: ",
     "does not know"),
    ("same name twice", "src/wire/sub/name.h", "", "src/wire/sub/name.h:1: ", "the room has another name.h"),
    ("icmp6's name", "src/base/x.c", "\n\nint nd_opt_read(void);\n", "src/base/x.c:3: ", "nd_opt_read"),
    ("a document's path", "docs/NEW.md", "text\n`src/wire/gone.c`\n", "docs/NEW.md:2: ", "src/wire/gone.c"),
    ("a room's path", "docs/NEW.md", "`wire/gone.h`\n", "docs/NEW.md:1: ", "wire/gone.h"),
    ("a document's link", "README.md", "[x](docs/NONE.md)\n", "README.md:1: ", "docs/NONE.md"),
    ("a comment's name", "src/base/x.c",
     "int nd_x_add(void);\n/* See nd_x_add, nd_x_*, nd_x_<verb>.\n * nd_x_gone */\n",
     "src/base/x.c:3: ", "nd_x_gone: no such name"),
    ("a line comment's name", "src/base/x.c", "int nd_x_add(void);\n// \"nd_x_gone\"\n",
     "src/base/x.c:2: ", "nd_x_gone"),
    ("a prefix of no name", "src/base/x.c", "int nd_x_add(void);\n/* nd_y_* */\n", "src/base/x.c:2: ", "nd_y_: no"),
    ("a name in a string alone", "src/base/x.c", 'const char *x = "ND_GONE";\n/* ND_GONE */\n',
     "src/base/x.c:2: ", "ND_GONE"),
    ("a document's name", "docs/NEW.md", "text\n`nd_plugin_NAME`, `ND_GONE`\n", "docs/NEW.md:2: ",
     "ND_GONE: no such name"),
    ("a folder beside", "src/base/x.c", "/* .." + "/shared */\n", "src/base/x.c:1: ", "outside the project"),
]


@pytest.mark.parametrize("name, path, text, where, what", CRACKS, ids=[c[0] for c in CRACKS])
def test_crack(tmp_path, name, path, text, where, what):
    plant(tmp_path, {**SOUND, path: text})
    status, out = rooms(tmp_path)
    assert status == 1
    findings = out.strip().split("\n")[:-1]
    assert findings and all(f.startswith(where) and what in f for f in findings), out
    assert out.strip().endswith(", 1 failed")


LARGE = {f"src/upstream/{name}.c": "" for name in "abcdefghi"} | {"src/upstream/x_1.c": "", "src/upstream/x_2.c": ""}
MAP = "| file | is |\n|---|---|\n| `a.c`, `b.c` | |\n| `c.c` | d |\n" + "".join(f"| `{x}.c` | |\n" for x in "defghi")


@pytest.mark.parametrize("text, finding", [
    (None, "src/upstream/README.md:1: is missing: src/upstream has 12 files"),
    (MAP + "| `x_*.c` | |\n| `pool.h` | |\n", None),
    (MAP + "| `x_1.c` | |\n", "src/upstream/README.md:1: does not name x_2.c"),
    (MAP + "| `x_*.c`, `y.c` | |\n", "src/upstream/README.md:11: y.c: no such file"),
])
def test_map(tmp_path, text, finding):
    plant(tmp_path, {**SOUND, **LARGE, **({"src/upstream/README.md": text} if text else {})})
    status, out = rooms(tmp_path)
    assert (status, out.split("\n")[:-2]) == ((1, [finding]) if finding else (0, []))


SYMBOLS = [
    ("right name", "src/wire/name.c", "int nd_name_read(void) { return 0; }", None),
    ("a table of them", "src/wire/name.c", "int nd_names_add(void) { return 0; }", None),
    ("static is free", "src/wire/name.c", "static int x = 1;\nint nd_name_y(void) { return x; }", None),
    ("a header's second file", "src/wire/name_text.c", "int nd_name_parse(void) { return 0; }", None),
    ("no such header", "src/wire/nome_text.c", "int nd_nome_parse(void) { return 0; }", "nd_nome_parse"),
    ("wrong name", "src/wire/name.c", "int nd_msg_read(void) { return 0; }", "nd_msg_read"),
    ("only the start", "src/wire/name.c", "int nd_namesake_read(void) { return 0; }", "nd_namesake_read"),
    ("no prefix", "src/wire/name.c", "int name_read(void) { return 0; }", "name_read"),
    ("a variable", "src/wire/name.c", "int counter;", "counter"),
    ("plugin", "src/plugin/any/any.c", "const int nd_plugin_any = 1;", None),
    ("plugin with more", "src/plugin/any/any.c", "int nd_any_query(void) { return 0; }", "nd_any_query"),
    ("plugin's second file", "src/plugin/any/deep.c", "int nd_deep_read(void) { return 0; }", None),
]


@pytest.mark.parametrize("name, path, text, bad", SYMBOLS, ids=[s[0] for s in SYMBOLS])
def test_symbols(tmp_path, name, path, text, bad):
    plant(tmp_path, {**SOUND, path: text + "\n"})
    room = path.split("/")[1]
    # Named as meson names a library and its members: the folder below the room, then the file.
    folder = tmp_path / "build" / "src" / room
    folder.mkdir(parents=True)
    obj = folder / ("_".join(path.split("/")[2:]) + ".o")
    subprocess.run(["gcc", "-c", "-o", str(obj), str(tmp_path / path)], check=True)
    subprocess.run(["ar", "rcs", str(folder / (f"libnd_{room}.a")), str(obj)], check=True)
    status, out = rooms(tmp_path, "--symbols", str(tmp_path / "build"))
    if bad:
        assert status == 1 and bad in out.split("\n")[0], out
    else:
        assert (status, out) == (0, "1 passed, 0 failed\n")


@pytest.mark.parametrize("name, finding", [
    ("libuv.so.1", None),
    ("libuv-2.5.so", None),
    ("libuvx.so.1", "whose licence rooms.toml does not have"),
    ("libgpltest.so.1", "under GPL-2.0-or-later"),
    ("libeither.so.1", None),
    ("libboth.so.1", "under MIT AND GPL-3.0-only"),
])
def test_licences(tmp_path, monkeypatch, name, finding):
    """A program linked with a library of that name, which rooms.toml has among the others or not."""
    with open(os.path.join(ROOT, "scripts", "rooms.toml"), encoding="utf-8") as f:
        rules = f.read().replace("[licences.libraries]\n", '[licences.libraries]\n"libgpltest" = "GPL-2.0-or-later"\n'
                                 '"libeither" = "GPL-2.0-only OR MIT"\n"libboth" = "MIT AND GPL-3.0-only"\n')
    with open(ROOMS, encoding="utf-8") as f:
        plant(tmp_path, {"scripts/rooms.py": f.read(), "scripts/rooms.toml": rules,
                         "lib.c": "int of_lib(void) { return 0; }\n",
                         "main.c": "int of_lib(void);\nint main(void) { return of_lib(); }\n"})
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    for argv in (["-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", name, "lib.c"],
                 ["-o", "main", "main.c", "./" + name]):
        subprocess.run(["cc", *argv], cwd=tmp_path, check=True)
    p = subprocess.run([sys.executable, "scripts/rooms.py", "--licences", "main"], cwd=tmp_path, capture_output=True,
                       text=True, check=False)
    found = [x for x in p.stdout.splitlines()[:-1] if x.startswith(name + ":1: ") and finding and finding in x]
    assert (p.returncode, len(found)) == (bool(finding), bool(finding)), p.stdout + p.stderr
    assert p.stdout.endswith(f" {bool(finding):d} failed\n")


def test_licences_of_a_static_program(tmp_path):
    plant(tmp_path, {"main.c": "int main(void) { return 0; }\n"})
    subprocess.run(["cc", "-static", "-o", "main", "main.c"], cwd=tmp_path, check=True)
    status, out = rooms(tmp_path, "--licences", str(tmp_path / "main"))
    assert status == 1 and "cannot be checked" in out
