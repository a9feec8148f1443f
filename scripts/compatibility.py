#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/compatibility.py [--write | --check] [ROOT]: docs/compatibility.md, made from the code.

Every plugin of CoreDNS has a row: done, accepted or refused. The sources are src/plugin/plugins.list (which plugins
exist, and why the others do not) and the plugins' C files: `.accepted`, words that are refused by name
(ND_SET_NOTYET_ROW, nd_setup_unsupported). A README.md that names differences from CoreDNS is linked.

Without an option it prints the page; --write writes it; --check fails if the file is not this page."""
import os
import re
import sys

import plugins

HEAD = """# Compatibility with CoreDNS 1.15.0

<!-- Made by scripts/compatibility.py --write. Change the code or a plugin's README.md, not this page. -->

Every plugin of CoreDNS 1.15.0, in the order of its chain:

* **done**: it works as in CoreDNS. Words that are named are refused; the README has all that differs.
* **accepted**: the Corefile loads. The plugin has no effect, for the reason given; an INFO line says so.
* **refused**: a Corefile with it does not load. The message names the line and this reason.

| plugin | state | remarks |
|---|---|---|
"""


def sources(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".c"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                yield f.read()


def accepted(text):
    """The reason of `.accepted = "..." "..."`, or None."""
    found = re.search(r'\.accepted\s*=\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', text)
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])) if found else None


def refused_words(text):
    words = re.findall(r'ND_SET_NOTYET_ROW\(\s*"([^"]+)"', text)
    return words + re.findall(r'nd_setup_unsupported\([^;]*?"([^"]+)"\)', text)


def has_differences(readme):
    if not os.path.exists(readme):
        sys.exit(f"{readme} is missing")
    with open(readme, encoding="utf-8") as f:
        return bool(re.search(r"[Dd]iffer(s|ent|ences)( from CoreDNS|:)|not supported", f.read()))


def row(root, name, present, reason):
    if not present:
        return name, "refused", reason or "not supported yet"
    folder = os.path.join(root, "src", "plugin", name)
    texts = list(sources(folder))
    why = [a for a in map(accepted, texts) if a]
    if why:
        return name, "accepted", why[0]
    words = sorted({w for t in texts for w in refused_words(t)})
    remarks = "without " + ", ".join(f"`{w}`" for w in words) if words else ""
    if has_differences(os.path.join(folder, "README.md")):
        remarks += ("; " if remarks else "") + f"[differences](../src/plugin/{name}/README.md)"
    return name, "done", remarks


def page(root):
    rows = [row(root, *r) for r in plugins.read(os.path.join(root, "src", "plugin", "plugins.list"))]
    count = {state: sum(r[1] == state for r in rows) for state in ("done", "accepted", "refused")}
    return (HEAD + "".join(f"| `{name}` | {state} | {remarks} |\n" for name, state, remarks in rows)
            + f"\n{count['done']} done, {count['accepted']} accepted, {count['refused']} refused.\n")


def main():
    options = [a for a in sys.argv[1:] if a.startswith("--")]
    roots = [a for a in sys.argv[1:] if not a.startswith("--")]
    root = roots[0] if roots else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    text, path = page(root), os.path.join(root, "docs", "compatibility.md")
    if options == ["--write"]:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    elif options == ["--check"]:
        with open(path, encoding="utf-8") as f:
            if f.read() != text:
                sys.exit("docs/compatibility.md is out of date; run scripts/compatibility.py --write")
    elif options:
        sys.exit(__doc__)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
