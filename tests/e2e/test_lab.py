# SPDX-License-Identifier: Apache-2.0
"""nodens lab: counts of stalls; and it leaves nothing on the host, however it ends."""
import json
import os
import signal
import subprocess
import sys

import pytest

from serving import NODENS, ROOT, wait_for

sys.path.insert(0, os.path.join(ROOT, "scripts"))
import gomodules  # noqa: E402

REFUSED = 3


def host():
    """State that the lab could leave on this host if it did not use namespaces. Other tests create links and namespaces
    meanwhile; these are the lab's names."""
    links = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    routes = subprocess.run(["ip", "route", "show", "table", "all"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False).stdout
    sysctls = []
    for path in ("net/ipv4/ip_forward", "net/ipv4/ip_local_port_range", "net/netfilter/nf_conntrack_udp_timeout",
                 "net/ipv4/conf/all/rp_filter"):
        if os.path.exists("/proc/sys/" + path):
            with open("/proc/sys/" + path) as f:
                sysctls.append(f.read())
    with open("/proc/mounts") as f:
        mounts = [x for x in f if "nodens-lab" in x]
    return {"links": links.count("to-pod") + links.count("uplink"),
            "places": {"pod", "node", "dns0"} & set(names.split()),
            "routes": routes.count("192.0.2.1"), "rules": rules.count("KUBE-"), "sysctls": sysctls, "mounts": mounts}


def processes(parent):
    """Processes of the lab: those in its network namespace."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                ppid = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if ppid in parent:
            found.add(int(pid))
    return found


def family(pid):
    """The process and its descendants."""
    all_, new = {pid}, {pid}
    while new:
        new = processes(new) - all_
        all_ |= new
    return all_


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def skip_if_refused(status, errors):
    if status == REFUSED:
        pytest.skip("nodens lab: namespaces are refused here: " + errors.strip())


def run(folder, cause, seconds, *more):
    """{(cause, dns, cure): row}"""
    path = str(folder / (cause + ".json"))
    p = subprocess.run([NODENS, "lab", cause, "-seconds", str(seconds), "-json", path, *more], capture_output=True,
                       text=True, timeout=400, check=False)
    skip_if_refused(p.returncode, p.stderr)
    with open(path) as f:
        got = json.load(f)
    assert "THE " + cause.upper() in p.stdout and got["seen"][cause]
    assert p.returncode == (1 if got["bars"]["missed"] else 0), p.stderr
    return {(r["cause"], r["dns"], r["cure"]): r for r in got["rows"]}


UNCURED = [("burst", "CoreDNS pod", "none"), ("race", "nodens pods", "none")]


def is_cured(key):
    return key[1].startswith("nodens") and key not in UNCURED


def losses(row):
    return row["timeouts"], row["errors"], sum(row["udp_rcvbuf_errors"].values())


def run_until_shown(*args):
    """Runs a scenario again while its uncured row shows nothing, three times at most: a busy machine has no bursts."""
    for _ in range(3):
        rows = run(*args)
        if all(row["timeouts"] > 0 for key, row in rows.items() if key in UNCURED):
            break
    return rows


def test_causes_and_cures(tmp_path):
    try:
        coredns = gomodules.build("coredns")
    except gomodules.Missing as e:
        pytest.skip("nodens lab: " + str(e))
    before = host()
    rows = {**run_until_shown(tmp_path, "burst", 10, "-coredns", coredns), **run_until_shown(tmp_path, "race", 5)}
    assert len(rows) == 9
    for key, r in rows.items():
        assert r["requests"] > 0, key
        if is_cured(key):
            assert losses(r) == (0, 0, 0), (key, r)
        if r["dns"] == "nodens agent":
            assert r["dnat"]["kube-dns"] == 0, r       # the agent answered all
    burst = rows[UNCURED[0]]
    assert burst["timeouts"] > 0 and burst["udp_rcvbuf_errors"]["dns"] > 0, burst
    assert burst["conntrack"]["drop"] == burst["conntrack"]["insert_failed"] == 0
    assert rows["burst", "CoreDNS pod", "single-request-reopen"]["timeouts"] <= burst["timeouts"] / 10
    race = rows[UNCURED[1]]
    assert race["timeouts"] > 0 and race["old_kernel_lost"] >= race["timeouts"], race
    assert rows["race", "nodens pods", "this kernel"]["conntrack"]["drop"] == 0
    assert host() == before


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(sig, tmp_path):
    before = host()
    with open(tmp_path / "out", "wb") as out:
        p = subprocess.Popen([NODENS, "lab", "burst", "-seconds", "60"], stdout=out, stderr=out)
    started = set()

    def runs():
        if p.poll() is None:
            started.update(family(p.pid))
        return p.poll() is not None or sum(map(alive, started)) >= 4    # lab, cage, server, load generator
    wait_for(runs, 60)
    if p.poll() is not None:
        skip_if_refused(p.returncode, (tmp_path / "out").read_text())
    assert p.poll() is None, (tmp_path / "out").read_text()
    p.send_signal(sig)
    status = p.wait(20)
    assert status == (-sig if sig == signal.SIGKILL else 128 + sig)
    wait_for(lambda: not any(map(alive, started)), 20)
    assert not any(map(alive, started))
    assert host() == before


@pytest.mark.parametrize("args,message", [
    (("storm",), 'invalid scenario "storm": must be burst or race'),
    (("-coredns", "/nowhere"), "-coredns /nowhere: No such"),
    (("-seconds", "0"), '-seconds: invalid value "0": must be a whole number from 1 to 3600')])
def test_command_line(args, message):
    p = subprocess.run([NODENS, "lab", *args], capture_output=True, text=True, timeout=20, check=False)
    assert p.returncode == 2 and message in p.stderr
