# SPDX-License-Identifier: Apache-2.0
"""auto: zones come and go with the files of a folder."""
import os

import dns.query
import dns.zone
import pytest

from serving import Server, wait_for

COREFILE = """.:@PORT {
    bind 127.0.0.1
    transfer {
        to *
    }
    auto test {
        directory @DIR/zones%s
        reload 50ms
    }
    whoami
}
"""
ZONE = "$TTL 60\n@ SOA ns h %d 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nv TXT %d\n"


def zone(number):
    return ZONE % (number, number)


def version(s, name="v.a.test."):
    """The version that s serves, or the rcode with the number of additional records (whoami has two)."""
    r = s.ask(name, "TXT")
    return int(r.answer[0][0].strings[0]) if r.answer else (r.rcode(), len(r.additional))


PASSED = (0, 2)   # answered by whoami


def test_files_come_and_go(serve):
    s = serve(COREFILE % "", files={"zones/db.a.test": zone(1), "zones/readme": "no zone"})
    assert version(s) == 1
    assert version(s, "v.b.test.") == PASSED
    s.write("zones/deep/er/db.b.test", zone(2))
    wait_for(lambda: version(s, "v.b.test.") == 2)
    s.write("zones/db.a.test", zone(3))
    wait_for(lambda: version(s) == 3)
    os.unlink(os.path.join(s.folder, "zones/db.a.test"))
    wait_for(lambda: version(s) == PASSED)
    assert version(s, "v.b.test.") == 2
    log = s.log()
    assert "Inserting zone `b.test.' from: " in log and "Deleting zone `a.test.'" in log
    # A name outside of ZONES, whatever files there are.
    s.write("zones/db.a.other", zone(4))
    wait_for(lambda: "Inserting zone `a.other.'" in s.log())
    assert version(s, "v.a.other.") == PASSED


def test_broken_file(serve):
    """It is not a zone until it loads, and does not hide the zone above it."""
    s = serve(COREFILE % "", files={"zones/db.a.test": zone(1), "zones/db.x.a.test": "@ 5 SOA"})
    assert version(s) == 1
    assert s.ask("v.x.a.test.", "TXT").rcode() == 3
    assert "cannot load zone \"x.a.test.\"" in s.log()
    s.write("zones/db.x.a.test", zone(2))
    wait_for(lambda: version(s, "v.x.a.test.") == 2)
    s.write("zones/db.a.test", "@ 5 SOA")
    s.wait_log(r"Parsing zone \"a\.test\.\": .*; keeping its last records")
    assert version(s) == 1


def test_mounted_config_map(serve, tmp_path):
    """The files are links into a folder that is replaced, as the kubelet does it."""
    def mount(s, name, text):
        s.write(f"zones/..{name}/db.a.test", text)
        os.symlink(f"..{name}", os.path.join(s.folder, "zones/..data.new"))
        os.rename(os.path.join(s.folder, "zones/..data.new"), os.path.join(s.folder, "zones/..data"))

    s = Server(tmp_path, COREFILE % "")
    mount(s, "2026_1", zone(1))
    os.symlink("..data/db.a.test", os.path.join(s.folder, "zones/db.a.test"))
    s.start()
    try:
        assert version(s) == 1
        mount(s, "2026_2", zone(2))
        os.unlink(os.path.join(s.folder, "zones/..2026_1/db.a.test"))
        wait_for(lambda: version(s) == 2)
        assert "have the zone of another file and are ignored" in s.log()
        assert "Deleting" not in s.log()
    finally:
        s.stop()


def test_template(serve):
    s = serve(COREFILE % " (?P<name>.*)\\.(zone|txt) {name}.{2}.test",
              files={"zones/a.zone": zone(1), "zones/b.txt": zone(2), "zones/c.other": zone(3)})
    assert version(s, "v.a.zone.test.") == 1
    assert version(s, "v.b.txt.test.") == 2
    assert version(s, "v.c.other.test.") == PASSED


def test_transfer(serve):
    s = serve(COREFILE % "", files={"zones/db.a.test": zone(5)})
    z = dns.zone.from_xfr(dns.query.xfr("127.0.0.1", "a.test.", port=s.port, lifetime=10))
    assert len(z.nodes) == 3


def test_missing_folder(serve):
    """It may appear later."""
    s = serve(COREFILE % "")
    assert "Directory does not exist" in s.log() and version(s) == PASSED
    s.write("zones/db.a.test", zone(1))
    wait_for(lambda: version(s) == 1)


def test_reload_of_the_corefile(serve):
    s = serve(COREFILE % "", files={"zones/db.a.test": zone(1)})
    s.write("Corefile", (COREFILE % "").replace("    whoami", "    errors\n    whoami"))
    s.write("zones/db.b.test", zone(2))
    s.signal(10)
    wait_for(lambda: "Reloading complete" in s.log())
    assert version(s) == 1
    wait_for(lambda: version(s, "v.b.test.") == 2)


@pytest.mark.parametrize("words, message", [
    ("directory", "give directory DIR [REGEXP TEMPLATE]"),
    ("directory d x", "give directory DIR [REGEXP TEMPLATE]"),
    ("directory d ( {1}", "invalid regular expression"),
    ("directory d x {1}", "invalid regular expression \"x\": must be an expression with a group"),
    ("reload 1m", "missing folder; give directory DIR"),
    ("directory d\n reload x", "invalid reload \"x\""),
    ("directory d\n what", "unknown property \"what\""),
])
def test_refused(tmp_path, words, message):
    s = Server(tmp_path, f"test:@PORT {{\n auto {{\n  {words}\n }}\n}}\n").start(wait=False)
    try:
        assert s.wait() == 1
        assert message in s.log()
    finally:
        s.stop()
