# SPDX-License-Identifier: Apache-2.0
"""nodens resolvconf: files edited in place, and YAML that gives a pod an option."""
import fcntl
import os
import subprocess
import time

import pytest
import yaml

from serving import NODENS

POD = "nameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local\noptions ndots:5\n"
FORMS = ["dnsConfig", "postStart", "entrypoint", "configMap"]


def run(*args):
    p = subprocess.run([NODENS, "resolvconf", *map(str, args)], capture_output=True, text=True, timeout=20, check=False)
    return p.returncode, p.stdout, p.stderr


@pytest.fixture(name="conf")
def conf_fixture(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text(POD)
    return path


# --- add, remove, show ---

@pytest.mark.parametrize("before,args,after", [
    (POD, ["add", "single-request-reopen"], POD[:-1] + " single-request-reopen\n"),
    (POD, ["add", "ndots:2"], POD.replace("ndots:5", "ndots:2")),
    (POD, ["add", "ndots:5"], POD),
    (POD, ["add", "rotate", "timeout:1"], POD[:-1] + " rotate timeout:1\n"),
    (POD[:-1], ["add", "rotate"], POD[:-1] + " rotate\n"),
    ("nameserver 1.2.3.4", ["add", "rotate"], "nameserver 1.2.3.4\noptions rotate\n"),
    ("", ["add", "rotate"], "options rotate\n"),
    ("options ndots:5\noptions ndots:2\n", ["add", "ndots:5"], "options ndots:5\n"),
    ("options rotate\nnameserver 1.2.3.4\n", ["add", "edns0"], "options rotate edns0\nnameserver 1.2.3.4\n"),
    ("#options rotate\n", ["add", "rotate"], "#options rotate\noptions rotate\n"),
    ("options single-request-reopen\n", ["add", "single-request"], "options single-request-reopen single-request\n"),
    (POD, ["remove", "ndots"], POD.replace("options ndots:5\n", "")),
    (POD, ["remove", "ndots:5"], POD.replace("options ndots:5\n", "")),
    (POD, ["remove", "ndots:4"], POD),
    (POD, ["remove", "rotate"], POD),
    ("options  a  rotate\tb\n", ["remove", "rotate"], "options a b\n"),
    ("options single-request single-request-reopen\n", ["remove", "single-request"], "options single-request-reopen\n"),
    ("optionsrotate\n; rotate\n", ["remove", "rotate"], "optionsrotate\n; rotate\n"),
])
def test_edit(conf, before, args, after):
    """A repeated edit changes nothing."""
    conf.write_text(before)
    inode = conf.stat().st_ino
    for _ in range(2):
        assert run(*args, "-file", conf) == (0, "", "")
        assert conf.read_text() == after
    assert conf.stat().st_ino == inode


def test_nothing_is_written_when_nothing_changes(conf):
    os.utime(conf, (1, 1))
    assert run("add", "ndots:5", "-file", conf)[0] == 0
    assert conf.stat().st_mtime == 1


def test_another_ones_change_is_waited_for(conf):
    with open(conf, "a", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        p = subprocess.Popen([NODENS, "resolvconf", "add", "edns0", "-file", conf])
        with pytest.raises(subprocess.TimeoutExpired):
            p.wait(0.5)
        f.write("options rotate\n")
    assert p.wait(10) == 0
    assert conf.read_text() == POD + "options rotate edns0\n"


def test_a_lock_that_is_never_released(conf):
    """Any process that can read the file can lock it."""
    with open(conf, encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        begin = time.monotonic()
        assert run("add", "edns0", "-file", conf) == (
            1, "", f"nodens resolvconf: {conf}: another process has locked it for 5 s\n")
        assert time.monotonic() - begin > 4
        assert run("show", "-file", conf) == (0, "ndots:5\n", "")     # takes no lock
    assert conf.read_text() == POD


def test_bind_mounted_file(conf, tmp_path):
    """In a mount namespace, where a rename to the file would fail."""
    target = tmp_path / "mounted"
    target.write_text("")
    script = 'mount --bind "$1" "$2" && ! mv -T "$1.new" "$2" 2>/dev/null && "$0" resolvconf add rotate -file "$2"'
    (tmp_path / "resolv.conf.new").write_text("x")
    p = subprocess.run(["unshare", "-rm", "sh", "-c", script, NODENS, conf, target], capture_output=True, text=True,
                       timeout=20, check=False)
    if "unshare" in p.stderr:
        pytest.skip("no mount namespace: " + p.stderr)
    assert (p.returncode, p.stderr) == (0, "")
    assert conf.read_text() == POD[:-1] + " rotate\n"


def test_link_is_told(conf, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(conf)
    status, _, err = run("add", "rotate", "-file", link)
    assert status == 0 and "is a symbolic link" in err
    assert link.is_symlink() and "rotate" in conf.read_text()


def test_show(conf):
    conf.write_text(POD + "options rotate\n")
    assert run("show", "-file", conf) == (0, "ndots:5\nrotate\n", "")
    assert run("show", "ndots", "-file", conf) == (0, "ndots:5\n", "")
    assert run("show", "edns0", "-file", conf) == (1, "", "")
    assert run("show", "ndots:4", "-file", conf) == (1, "", "")


# --- render ---

def rendered(form, *options, conf="/nowhere"):
    status, out, err = run("render", *options, "-as", form, "-container", "web", "-file", conf)
    assert status == 0, err
    return list(yaml.safe_load_all(out)), out


def apply_shell(argv, path):
    """Runs a rendered command on a file instead of /etc/resolv.conf."""
    argv = [a.replace("/etc/resolv.conf", str(path)) for a in argv]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout


def effective(path):
    return run("show", "-file", path)[1].split()


def test_dns_config():
    (doc,), _ = rendered("dnsConfig", "ndots:2", "single-request-reopen")
    options = [{"name": "ndots", "value": "2"}, {"name": "single-request-reopen"}]
    assert doc == {"spec": {"dnsConfig": {"options": options}}}


def test_post_start(conf):
    (doc,), _ = rendered("postStart", "ndots:2", "single-request-reopen")
    container, = doc["spec"]["containers"]
    assert container["name"] == "web"
    for _ in range(2):      # a restarted container finds them set
        apply_shell(container["lifecycle"]["postStart"]["exec"]["command"], conf)
        assert effective(conf) == ["ndots:5", "ndots:2", "single-request-reopen"]   # the last one counts
    conf.write_text("options edns0 ndots:2 single-request-reopen rotate\n")
    apply_shell(container["lifecycle"]["postStart"]["exec"]["command"], conf)
    assert conf.read_text() == "options edns0 ndots:2 single-request-reopen rotate\n"


def test_entrypoint(conf):
    (doc,), _ = rendered("entrypoint", "single-request")
    container, = doc["spec"]["containers"]
    assert container["args"] == ["/path/of/the/program"]
    out = apply_shell(container["command"] + ["echo", "a b", "c"], conf)
    assert out == "a b c\n" and effective(conf) == ["ndots:5", "single-request"]


def test_config_map(conf):
    conf.write_text("  # indented\n\n" + POD)
    (config, pod), text = rendered("configMap", "single-request", conf=conf)
    assert (config["apiVersion"], config["kind"]) == ("v1", "ConfigMap")
    assert config["data"]["resolv.conf"] == "  # indented\n\n" + POD[:-1] + " single-request\n"
    mount, = pod["spec"]["containers"][0]["volumeMounts"]
    volume, = pod["spec"]["volumes"]
    assert (mount["mountPath"], mount["subPath"]) == ("/etc/resolv.conf", "resolv.conf")
    assert mount["name"] == volume["name"] and volume["configMap"]["name"] == config["metadata"]["name"]
    assert "does not update live" in text
    assert conf.read_text().endswith(POD)       # only read, not changed


# --- errors ---

@pytest.mark.parametrize("args,status,says", [
    ([], 2, "usage:"),
    (["frob"], 2, 'unknown command "frob"'),
    (["add"], 2, "add: an OPTION is required"),
    (["add", "frob"], 2, 'add: invalid option "frob": must be an option of resolv.conf(5)'),
    (["add", "ndots"], 2, 'invalid option "ndots": must be ndots:N with N from 0 to 15'),
    (["add", "ndots:16"], 2, 'invalid option "ndots:16": must be ndots:N with N from 0 to 15'),
    (["add", "timeout:1s"], 2, 'invalid option "timeout:1s": must be timeout:N with N from 1 to 30'),
    (["add", "rotate:1"], 2, "add: option rotate takes no value"),
    (["add", "rotate\nnameserver 6.6.6.6"], 2, "must be an option of resolv.conf(5)"),
    (["add", "rotate", "-frob"], 2, 'unknown flag "-frob"'),
    (["add", "rotate", "-file"], 2, "-file: missing value"),
    (["add", "rotate", "-file", "/nowhere/resolv.conf"], 1, "/nowhere/resolv.conf: No such file"),
    (["add", "rotate", "-file", "/dev/null"], 1, "/dev/null: Invalid argument"),
    (["show", "-file", "/nowhere/resolv.conf"], 1, "/nowhere/resolv.conf: No such file"),
    (["render", "rotate"], 2, "an OPTION and -as FORM are required"),
    (["render", "rotate", "-as", "frob"], 2,
     '-as: invalid form "frob": must be dnsConfig, postStart, entrypoint or configMap'),
    (["render", "rotate", "-as", "postStart", "-container", "a: b"], 2,
     '-container: invalid container name "a: b": must be a DNS label'),
])
def test_mistakes(args, status, says):
    got, out, err = run(*args)
    assert (got, out) == (status, "") and says in err, err


def test_text_that_yaml_cannot_carry(conf):
    conf.write_bytes(b"# caf\xe9\n")
    status, out, err = run("render", "rotate", "-as", "configMap", "-file", conf)
    assert (status, out) == (1, "") and "non-ASCII" in err


def test_file_with_nul(conf):
    conf.write_bytes(b"options\0rotate\n")
    assert run("add", "edns0", "-file", conf)[0] == 1
    assert conf.read_bytes() == b"options\0rotate\n"


def test_too_long_a_file_is_left_alone(conf):
    conf.write_text("#" * 65535 + "\n")
    status, _, err = run("add", "rotate", "-file", conf)
    assert status == 1 and "resolv.conf: " in err
    assert conf.read_text() == "#" * 65535 + "\n"
