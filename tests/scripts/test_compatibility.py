# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md is the page that scripts/compatibility.py makes, and has a row for each plugin of CoreDNS."""
import os
import re
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "scripts", "compatibility.py")


def run(*args):
    return subprocess.run([sys.executable, SCRIPT, *args], text=True, capture_output=True, check=False)


def rows(text):
    return {m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", text, re.M)}


def test_page_is_current():
    done = run("--check")
    assert done.returncode == 0, done.stderr


def test_every_plugin_of_coredns():
    """Against plugin.cfg of the Go module that the peer is built from."""
    go = shutil.which("go", path=os.environ.get("PATH", "") + ":/usr/local/go/bin")
    if not go:
        pytest.skip("Go is not installed")
    found = subprocess.run([go, "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns"], text=True,
                           cwd=os.path.join(ROOT, "bench", "peers", "coredns"), capture_output=True, check=False,
                           env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off"})
    folder = found.stdout.strip()
    if not folder:
        pytest.skip("CoreDNS's Go module is not on this machine")
    with open(os.path.join(folder, "plugin.cfg"), encoding="utf-8") as f:
        theirs = [line.split(":")[0] for line in f if line.strip() and not line.startswith("#")]
    assert list(rows(run().stdout)) == theirs


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    def write(path, text):
        full = tmp_path / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
    write("src/plugin/plugins.list", "# order\na\n-b\n-c it is \"so\"\nd\ne\n")
    write("src/plugin/a/a.c", 'ND_SET_NOTYET_ROW("x", "");\nreturn nd_setup_unsupported(s, l, "y");\n')
    write("src/plugin/a/README.md", "# a\n\nDifferent from CoreDNS: all.\n")
    write("src/plugin/d/d.c", '\t.accepted = "no "\n\t\t"need",\n')
    write("src/plugin/e/e.c", "")
    write("src/plugin/e/README.md", "# e\n")
    write("docs/compatibility.md", "old\n")
    return tmp_path


def test_rows(tree):
    assert rows(run(str(tree)).stdout) == {
        "a": ("done", "without `x`, `y`; [differences](../src/plugin/a/README.md)"),
        "b": ("refused", "not supported yet"),
        "c": ("refused", 'it is "so"'),
        "d": ("accepted", "no need"),
        "e": ("done", ""),
    }


def test_check_and_write(tree):
    done = run("--check", str(tree))
    assert done.returncode == 1 and "out of date" in done.stderr
    assert run("--write", str(tree)).returncode == 0
    assert run("--check", str(tree)).returncode == 0


def test_refuses_a_bad_list(tree):
    (tree / "src/plugin/plugins.list").write_text("a\n-b\na\n")
    assert "plugins.list:3: invalid plugin 'a'" in run(str(tree)).stderr
    (tree / "src/plugin/plugins.list").write_text("a why\n")
    assert "plugins.list:1: invalid plugin 'a why'" in run(str(tree)).stderr


def test_needs_a_readme(tree):
    (tree / "src/plugin/e/README.md").unlink()
    done = run(str(tree))
    assert done.returncode == 1 and "README.md is missing" in done.stderr
