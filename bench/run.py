#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`./dev bench`: measures nodens, the bare echo and the peers, and compares nodens with the bars of bars.toml.

Exit status: 0; 1 if a bar is missed; 2 if a measurement was impossible; 130 on Ctrl-C.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile

import cached
import callgrind
import changes
import faults
import forwarded
import hitratio
import hosts
import kubernetes
import reload
import report
import servers
import start
from proc import BenchError

PARTS = {
    "cached": (cached.measure, report.print_cached, report.judge_cached),
    "instructions": (callgrind.measure, report.print_instructions, report.judge_instructions),
    "hitratio": (hitratio.measure, report.print_hitratio, report.judge_hitratio),
    "start": (start.measure, report.print_start, report.judge_start),
    "kubernetes": (kubernetes.measure, report.print_kubernetes, report.judge_kubernetes),
    "changes": (changes.measure, report.print_changes, report.judge_changes),
    "forwarded": (forwarded.measure, report.print_forwarded, report.judge_forwarded),
    "faults": (faults.measure, report.print_faults, report.judge_faults),
    "hosts": (hosts.measure, report.print_hosts, report.judge_hosts),
    "reload": (reload.measure, report.print_reload, report.judge_reload),
}

TOGETHER = {"all": tuple(PARTS), "kubernetes": ("kubernetes", "changes")}


def arguments(argv):
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    p.add_argument("part", nargs="?", default="all", choices=("all", *PARTS))
    p.add_argument("--rounds", type=int, help="interleaved rounds (default 5)")
    p.add_argument("--seconds", type=float, help="of load per server and round (default 10)")
    p.add_argument("--reload-seconds", type=float, help="of load during reloads (default 30)")
    p.add_argument("--quick", action="store_true",
                   help="one round of 2 s, five starts, reloads for 5 s: for a first look only")
    p.add_argument("--first", action="store_true",
                   help="with priority over everything else on this machine (needs root): for a shared machine")
    p.add_argument("--only", action="append", metavar="SERVER",
                   help="measure only this server and the echo; may be repeated")
    p.add_argument("--wildcard", action="store_true",
                   help="bind everything to the wildcard address instead of 127.0.0.1")
    p.add_argument("--profile", metavar="FILE",
                   help="write callgrind's last profile there, for callgrind_annotate")
    p.add_argument("--cached-only", action="store_true",
                   help="instructions: of answers from the cache only")
    p.add_argument("--json", metavar="FILE", help="also write all figures to this file")
    p.add_argument("--build", default=os.path.join(start.ROOT, "build"), metavar="FOLDER",
                   help="the build folder (default build)")
    bench = p.parse_args(argv)
    bench.rounds = bench.rounds or (1 if bench.quick else 5)
    bench.seconds = bench.seconds or (2 if bench.quick else 10)
    bench.reload_seconds = bench.reload_seconds or (5 if bench.quick else 30)
    if bench.rounds < 1 or bench.seconds < 1 or bench.reload_seconds < 1:
        p.error("--rounds, --seconds and --reload-seconds must be at least 1")
    known = ["echo", "nodens", *(peer.name for peer in servers.PEERS)]
    for name in bench.only or ():
        if name not in known:
            p.error(f"--only {name}: must be one of {', '.join(known)}")
    return bench


def needs():
    if not servers.find("dnsperf"):
        raise BenchError("dnsperf is not installed (Debian package dnsperf)")


def warn_if_busy():
    load, cpus = os.getloadavg()[0], os.cpu_count()
    if load > cpus / 4:
        print(f"note: this machine is busy (load {load:.1f} on {cpus} cores); time spent waiting for a "
              "core counts as slowness")


@contextlib.contextmanager
def priority(bench):
    """With --first, raises the priority of all our processes alike: by nice value, and by that of our session where the
    kernel schedules by session (sched(7), autogroup)."""
    group, before = "/proc/self/autogroup", None
    if bench.first:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            if os.path.exists(group):
                with open(group, encoding="ascii") as f:
                    before = f.read().split()[-1]
                with open(group, "w", encoding="ascii") as f:
                    f.write("-20")
        except PermissionError as e:
            raise BenchError(f"--first: {e}; run it as root") from None
    try:
        yield
    finally:
        if before:
            with open(group, "w", encoding="ascii") as f:
                f.write(before)


def run(bench):
    """Returns the results by part, and whether every bar was met."""
    results, verdicts = {"machine": platform.platform(), "cpus": os.cpu_count()}, []
    for part in TOGETHER.get(bench.part, (bench.part,)):
        measure, show, judge = PARTS[part]
        with tempfile.TemporaryDirectory(prefix="nodens-bench-") as folder:
            results[part] = measure(bench, folder)
        show(results[part])
        verdicts += judge(results[part])
    print()
    for verdict in verdicts:
        print(verdict)
    results["bars"] = [{"what": v.what, "value": v.value, "bar": v.bar, "held": v.held}
                       for v in verdicts]
    return results, all(v.held for v in verdicts)


def interrupted(*_):
    raise KeyboardInterrupt


def main(argv):
    bench = arguments(argv)
    signal.signal(signal.SIGTERM, interrupted)  # SIGTERM cleans up as Ctrl-C does
    try:
        needs()
        with priority(bench):
            if not bench.first:
                warn_if_busy()
            results, held = run(bench)
    except BenchError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    if bench.json:
        with open(bench.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
