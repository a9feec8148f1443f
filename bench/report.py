# SPDX-License-Identifier: Apache-2.0
"""The tables for the reader, and the comparison with the bars."""

import os
import tomllib
from dataclasses import dataclass

import servers

HEAD = (("server", 22), ("qps", 8), ("CPU us", 8), ("user", 6), ("system", 7), ("x echo", 7),
        ("spread", 12), ("busy", 5), ("RSS MiB", 8), ("lost", 5), ("fwd", 5), ("sent/s", 8),
        ("p50 us", 7), ("p99 us", 8), ("p99.9 us", 9), ("checked", 8), ("differ", 6))


@dataclass(frozen=True)
class Verdict:
    """One bar and the figure measured for it."""

    what: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def held(self):
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self):
        sign = ">=" if self.at_least else "<="
        mark = "held  " if self.held else "MISSED"
        return f"{mark}  {self.what}: {self.value:.4g} ({sign} {self.bar:g})"


def bars():
    with open(os.path.join(servers.HERE, "bars.toml"), "rb") as f:
        return tomllib.load(f)


def line(cells):
    return " ".join(f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}"
                    for i, (cell, (_, width)) in enumerate(zip(cells, HEAD))).rstrip()


def server_line(row):
    latency = row["latency"]
    return line((f"{row['name']} {row['version']}", f"{row['qps']:.0f}", f"{row['cpu_us']:.2f}",
                 f"{row['user_us']:.2f}", f"{row['system_us']:.2f}", f"{row['ratio']:.3f}",
                 f"{row['ratio_min']:.2f}-{row['ratio_max']:.2f}", f"{row['busy']:.0%}",
                 f"{row['memory_mib']['rss']:.1f}", row["lost"] + latency["lost"],
                 row["forwarded"], f"{latency['rate']:.0f}", f"{latency['p50_us']:.0f}",
                 f"{latency['p99_us']:.0f}", f"{latency['p999_us']:.0f}", latency["checked"],
                 latency["differing"]))


def print_cached(result):
    cores = result["cores"]
    for mode in result["modes"]:
        print(f"\n{mode['mode']}: {mode['rounds']} rounds of {result['seconds']:g} s per server "
              f"({mode['repeated']} repeated), {result['sources']} source ports, server on core "
              f"{cores['server']}, load on core {cores['client']}, "
              f"{'wildcard' if result['wildcard'] else 'one address'}")
        print(line([name for name, _ in HEAD]))
        for row in mode["servers"]:
            print(server_line(row))
            if row["latency"]["differing"]:
                print(row["latency"]["difference"])
    for name, reason in result["absent"].items():
        print(f"{name} skipped: {reason}")


def judge_cached(result):
    bar = bars()["cached"]
    for mode in result["modes"]:
        for row in mode["servers"]:
            if row["name"] != "nodens":
                continue
            name = f"cached, {mode['mode']}"
            yield Verdict(f"{name}: CPU per query / echo", row["ratio"],
                          bar["cpu_ratio_to_echo_max"])
            yield Verdict(f"{name}: answers that differ", row["latency"]["differing"],
                          bar["differing_answers_max"])
            yield Verdict(f"{name}: lost", row["lost"] + row["latency"]["lost"], bar["lost_max"])
            yield Verdict(f"{name}: share forwarded", row["forwarded"] / row["completed"],
                          bar["forwarded_share_max"])


def cluster_name(row):
    pods = f", {row['pods']} pods verified" if row["pods"] else ""
    return f"{row['services']} Services, {row['endpoints']} endpoints{pods} from the {row['source']}"


def peer_of(row, rows):
    """CoreDNS with the same cluster; None if it was skipped."""
    return next((r for r in rows if r["server"] == "coredns" and cluster_name(r) == cluster_name(row)), None)


def cluster_line(row):
    return (f"  {row['server']} {row['version']}: {row['cpu_s']:.2f} s of CPU until ready "
            f"({row['cpu_s_min']:.2f}-{row['cpu_s_max']:.2f}, {row['starts']} starts), RSS "
            f"{row['rss_mib']:.1f} MiB; relist: {row['relist_cpu_s']:.2f} s, peak "
            f"{row['peak_mib']:.1f} MiB, then {row['after_mib']:.1f}")


def print_kubernetes(result):
    """The rows of large clusters are already printed."""
    print_cached(result)


def judge_clusters(rows):
    bar = bars()["kubernetes"]
    for row in rows:
        if row["server"] != "nodens":
            continue
        name, peer = f"kubernetes, {cluster_name(row)}", peer_of(row, rows)
        if row["source"] == "stub":
            yield Verdict(f"{name}: RSS, MiB", row["rss_mib"],
                          bar["rss_pods_mib_max" if row["pods"] else "rss_mib_max"])
        yield Verdict(f"{name}: peak of a relist / steady", row["peak_mib"] / row["rss_mib"],
                      bar["relist_peak_ratio_max"])
        yield Verdict(f"{name}: RSS after it / before", row["after_mib"] / row["rss_mib"],
                      bar["growth_ratio_max"])
        if peer and row["source"] == "stub":   # the cost of TLS at the start is not part of this
            yield Verdict(f"{name}: CPU until ready / CoreDNS's", row["cpu_s"] / peer["cpu_s"],
                          bar["ready_cpu_ratio_max"])


def judge_kubernetes(result):
    bar = bars()["kubernetes"]
    yield from judge_clusters(result["clusters"])
    for mode in result["modes"]:
        row = next(r for r in mode["servers"] if r["name"] == "nodens")
        name = f"kubernetes, {mode['mode']}"
        yield Verdict(f"{name}: CPU per query / echo", row["ratio"], bar["cpu_ratio_to_echo_max"])
        yield Verdict(f"{name}: answers that differ", row["latency"]["differing"],
                      bar["differing_answers_max"])
        yield Verdict(f"{name}: lost", row["lost"] + row["latency"]["lost"], bar["lost_max"])


def print_changes(result):
    for row in result["changes"]:
        print(f"\n{row['changes']} changes, {cluster_name(row)}, {row['server']} {row['version']} at {row['qps']:.0f} "
              f"queries a second ({row['share']:.0%} of dnsperf's maximum; {row['busy']:.0%} of its core), round "
              f"of {row['rounds']} with the least noise; ms: p50, p99, worst")
        for name, what in (("answer", "new answer after a bare watcher has the event"),
                           ("neighbour", "a second bare watcher, on the server's core, after the first"),
                           ("late", "delay of the client's latest query, per change"),
                           ("whole", "new answer after the change was sent")):
            figures = "  ".join(f"{row[f'{name}_p{q}_ms']:7.2f}" for q in (50, 99, 100))
            print(f"  {figures}  {what}")
        if not row["realtime"]:
            print("  the client has no real-time priority: its own delays are part of all these figures")
    for row in result["relists"]:
        answers = row["answers"]
        print(f"\n{row['relists']} relists, {cluster_name(row)}, {row['server']} {row['version']} at {row['qps']:.0f} "
              f"queries a second: {row['seconds_median']:.2f} s each (worst {row['seconds_max']:.2f}), RSS "
              f"{row['before_kib'] / 1024:.1f} MiB before, {row['after_kib'] / 1024:.1f} after, at most "
              f"{max(row['rss_kib']) / 1024:.1f}; {row['lost'] + answers['lost']} lost, {answers['differing']} of "
              f"{answers['checked']} answers differ, {row['failed']} failed")
        if row["difference"]:
            print(row["difference"])


def judge_changes(result):
    bar = bars()["changes"]
    for row in result["changes"]:
        if row["server"] != "nodens":
            continue
        name = f"changes, {row['source']}"
        yield Verdict(f"{name}: new answer after a watcher's event, p99, ms", row["answer_p99_ms"],
                      bar["answer_ms_max"])
        yield Verdict(f"{name}: never answered", row["lost_changes"], bar["lost_max"])
        yield Verdict(f"{name}: answers neither old nor new, or old again", row["wrong"] + row["back"],
                      bar["differing_answers_max"])
        yield Verdict(f"{name}: queries lost or failed", row["lost"] + row["failed"], bar["lost_max"])
    for row in result["relists"]:
        if row["server"] != "nodens":
            continue
        name, answers = f"{row['relists']} relists", row["answers"]
        yield Verdict(f"{name}: lost", row["lost"] + answers["lost"], bar["lost_max"])
        yield Verdict(f"{name}: answers that differ or failed", row["failed"] + answers["differing"],
                      bar["differing_answers_max"])
        yield Verdict(f"{name}: RSS after / before", row["after_kib"] / row["before_kib"], bar["growth_ratio_max"])


def print_instructions(result):
    print()
    for count in result:
        print(f"instructions per answer {count['what']}, {count['mode']} (callgrind, over "
              f"{count['queries']} queries): {count['instructions']:.0f}")


def judge_instructions(result):
    bar = bars()["instructions"]
    for count in result:
        if count["what"] == "from the cache":
            yield Verdict(f"instructions per cached answer, {count['mode']}", count["instructions"],
                          bar[f"cached_{count['mode']}_max"])


def print_hitratio(result):
    print("\nhit ratio, percent: 1,024 entries, beside random eviction with 1,024 and 4,096")
    for row in result["ratios"]:
        print(f"{row['names']:>9,} names: {row['ours']:.1f}   {row['random']:.1f}   {row['random4']:.1f}")
    print(f"growth of the RSS by 10,000 names: {result['growth_mib']:.1f} MiB")


def judge_hitratio(result):
    bar = bars()["hitratio"]
    for row in result["ratios"]:
        yield Verdict(f"hit ratio / that of random eviction with 4 x as many entries, {row['names']:,} names",
                      row["ours"] / row["random4"], bar["ratio_to_random4_min"], at_least=True)
    yield Verdict("growth of the RSS by 10,000 cached names, MiB", result["growth_mib"], bar["growth_mib_max"])


def print_start(result):
    memory = result["memory_mib"]
    print(f"\nstart with the sample cluster, {result['starts']} times: first answer "
          f"{result['first_answer_ms']:.1f} ms after exec (median; "
          f"{result['first_answer_ms_min']:.1f} to {result['first_answer_ms_max']:.1f}), with "
          f"{result['cpu_ms']:.1f} ms of CPU; the bare echo takes {result['echo_ms']:.1f} ms\n"
          f"idle memory: RSS {memory['rss']:.1f} MiB, PSS {memory['pss']:.1f}, private and written "
          f"{memory['private']:.1f}")


def judge_start(result):
    bar = bars()["start"]
    yield Verdict("exec to first answer, ms", result["first_answer_ms"],
                  bar["first_answer_ms_max"])
    yield Verdict("RSS idle with the sample cluster, MiB", result["memory_mib"]["rss"],
                  bar["rss_idle_mib_max"])


def print_forwarded(result):
    print(f"\nforwarded: {result['rounds']} rounds ({result['repeated']} repeated)")
    for row in result["rows"]:
        print(f"  {row['name']:<16} {row['cpu_us']:6.2f} us of CPU a query, x{row['ratio']:.3f} of two echoes "
              f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f}), {row['qps']:.0f} qps, {row['lost']} lost, "
              f"{row['failed']} failed")
    for name, reason in result["absent"].items():
        print(f"  {name} skipped: {reason}")
    s, o = result["streams"], result["overload"]
    print(f"cached over TCP: {s['tcp_us']:.2f} us, over UDP {s['udp_us']:.2f} us, x{s['ratio']:.3f}; {s['lost']} lost")
    print(f"flood: {o['sent_qps']:.0f} a second sent, {o['answered_qps']:.0f} answered; peak {o['peak_qps']:.0f}: "
          f"x{o['ratio']:.3f}")


def judge_forwarded(result):
    bar = bars()["forwarded"]
    for row in result["rows"]:
        if row["server"] == "nodens":
            way = row["name"].rpartition(" ")[2]
            yield Verdict(f"forwarded over {way.upper()}: CPU per query / two echoes", row["ratio"],
                          bar[f"cpu_ratio_{way}_max"])
            yield Verdict(f"forwarded over {way.upper()}: lost or failed", row["lost"] + row["failed"], bar["lost_max"])
    yield Verdict("cached over TCP: CPU per query / UDP", result["streams"]["ratio"], bar["cached_tcp_ratio_max"])
    yield Verdict("flood: cached answers a second / peak", result["overload"]["ratio"], bar["flood_ratio_min"], True)


def print_hosts(result):
    print(f"\nhosts, a file of {result['lines']} names, median of {result['starts']}:")
    for name, row in result["servers"].items():
        print(f"  {name:<8} {row['cpu_s']:.2f} s of CPU to load it, RSS {row['rss_mib']:.0f} MiB; after a change "
              f"{row['change_cpu_s']:.2f} s, at most {row['peak_mib']:.0f} MiB")
    for reason in result["missing"]:
        print(f"  skipped: {reason}")


def judge_hosts(result):
    bar, own, peer = bars()["hosts"], result["servers"]["nodens"], result["servers"].get("coredns")
    yield Verdict("hosts: CPU to load the list, s", own["cpu_s"], bar["cpu_s_max"])
    yield Verdict("hosts: RSS with the list, MiB", own["rss_mib"], bar["rss_mib_max"])
    yield Verdict("hosts: peak while the list is read again, MiB", own["peak_mib"], bar["rss_mib_max"])
    if peer:
        yield Verdict("hosts: CPU to load the list / CoreDNS", own["cpu_s"] / peer["cpu_s"], bar["cpu_ratio_max"])
        yield Verdict("hosts: RSS with the list / CoreDNS", own["rss_mib"] / peer["rss_mib"], bar["rss_ratio_max"])


def list_figures(row):
    return ", ".join(f"{name.removesuffix('_ms').replace('_', ' ')} {value:.4g}{' ms' if name.endswith('_ms') else ''}"
                     for name, value in row.items())


def print_faults(result):
    for server, rows in result["servers"].items():
        print(f"\nfaults, {server}:")
        for name, row in rows.items():
            print(f"  {name:<16} {list_figures(row)}")
    for reason in result["missing"]:
        print(f"  skipped: {reason}")


def judge_faults(result):
    bar, own, peer = bars()["faults"], result["servers"]["nodens"], result["servers"].get("coredns")
    for name in (x for x in own if x.startswith("dead")):
        yield Verdict(f"{name}: failed", own[name]["failed"], bar["failed_max"])
        yield Verdict(f"{name}: later than 300 ms", own[name]["late"], bar["dead_late_max"])
    if peer:
        yield Verdict("in-order upstream with slow names: p99 of the others less CoreDNS's, ms",
                      own["ordered"]["p99_ms"] - peer["ordered"]["p99_ms"], bar["ordered_over_coredns_ms_max"])
    yield Verdict("in-order upstream: failed", own["ordered"]["failed"] + own["ordered"]["slow_failed"],
                  bar["failed_max"])
    for name in ("closes", "resets", "first", "half"):
        yield Verdict(f"upstream that {name}: answered of 120", own[name]["answered"], bar["answered_min"],
                      at_least=True)
    yield Verdict("silent upstream: packets for one question", own["silent, one"]["packets"], bar["packets_one_max"])
    yield Verdict("silent upstream: packets for each of 2,000", own["silent, 2000"]["packets"], bar["packets_each_max"])
    loss = own["lossy"]
    yield Verdict("1 % loss each way: failed", loss["failed"], bar["failed_max"])
    yield Verdict("1 % loss each way: p99.9, ms", loss["p999_ms"], bar["loss_p999_ms_max"])
    yield Verdict("1 % loss each way: slowest, ms", loss["max_ms"], bar["loss_max_ms_max"])
    yield Verdict("1 % loss each way: extra packets", loss["extra"], bar["loss_extra_max"])
    yield Verdict("one of two upstreams silent: later than 300 ms", own["one of two"]["late"],
                  bar["one_of_two_late_max"])
    yield Verdict("one of two upstreams silent: failed", own["one of two"]["failed"], bar["failed_max"])
    yield Verdict("return of all upstreams: first answer, ms", own["back"]["first_ms"], bar["back_ms_max"])


def print_reload(result):
    print(f"\nreload, {result['server']}: {result['reloads']} reloads in {result['seconds']:.0f} s"
          f", {result['seen']} seen to serve before the next one (slowest {result['slowest_ms']:.0f} "
          f"ms), {result['qps']:.0f} answers a second, {result['lost']} of {result['completed']} "
          f"lost, {result['failed']} failed")


def judge_reload(result):
    bar = bars()["reload"]
    if result["server"] != "nodens":
        return
    yield Verdict("reloads under load: lost", result["lost"], bar["lost_max"])
    yield Verdict("reloads under load: failed", result["failed"], bar["failed_max"])
    yield Verdict("reloads under load: share seen to serve", result["seen"] / result["reloads"],
                  bar["seen_share_min"], at_least=True)
