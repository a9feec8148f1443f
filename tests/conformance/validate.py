#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate.py [-q]

Checks the cases: the JSON parses, the fields are known and of the right type, ids are unique, each named cluster exists
and contains well-formed Kubernetes objects, and every case in scope is in passing.txt. Prints counts by kind.
"""
import collections
import ipaddress
import json
import os
import sys

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases
import dnswire as dns

FIELDS = {
    "id": str, "kind": str, "source": str, "note": str, "derived": bool, "own_server": bool,
    "cluster": (str, type(None)), "corefile_opts": list, "zones": list, "k8s_external": dict, "transfer": list,
    "api": str, "corefile": str, "files": dict, "upstream": list, "before": list, "upstream_hits": int,
    "config_error": bool, "error": list, "q": str, "qtype": str, "qclass": str, "do": bool, "cd": bool, "ad": bool,
    "ra": bool, "bufsize": int, "transport": str, "rcode": (str, type(None)), "aa": (bool, type(None)),
    "tc": (bool, type(None)), "answer": (list, type(None)), "ns": (list, type(None)), "extra": (list, type(None)),
    "ede": int, "no_reply": bool, "no_ttl": bool, "exact_case": bool, "compare": str, "skip_cname_order": bool,
    "env": dict, "autopath": bool, "raw": str, "opt": (dict, type(None))}
KINDS = {"Service": ("v1", ("spec",)), "Namespace": ("v1", ()), "Pod": ("v1", ("status",)),
         "EndpointSlice": ("discovery.k8s.io/v1", ("addressType", "endpoints", "ports")),
         "ServiceImport": ("multicluster.x-k8s.io/v1alpha1", ("spec",))}
WORDS = {"SOA": 7, "SRV": 4, "MX": 2}     # in the rdata
SERVICE_LABELS = ("kubernetes.io/service-name", "multicluster.kubernetes.io/service-name")
errors = []


def bad(where, what):
    errors.append(f"{where}: {what}")


def check_row(where, row, ttl_free):
    if not (isinstance(row, list) and len(row) == 5):
        bad(where, f"row is not [name, ttl, class, type, rdata]: {row!r}")
        return
    name, ttl, rclass, rtype, data = row
    if not (isinstance(name, str) and name.endswith(".")):
        bad(where, f"owner {name!r}")
    if not (isinstance(ttl, int) or ttl is None and ttl_free):
        bad(where, f"ttl {ttl!r}")
    if rclass not in dns.CLASSES or rtype not in dns.TYPES or not isinstance(data, str):
        bad(where, f"class, type or data in {row!r}")
        return
    try:
        if rtype in ("A", "AAAA") and "@" not in data:
            if (ipaddress.ip_address(data).version == 4) != (rtype == "A"):
                bad(where, f"address family {row!r}")
        elif rtype in ("CNAME", "NS", "PTR", "DNAME") and not data.endswith("."):
            bad(where, f"target {data!r}")
        elif rtype in WORDS and len(data.split()) != WORDS[rtype]:
            bad(where, f"data {data!r}")
    except ValueError:
        bad(where, f"address {data!r}")


def check_sections(where, reply, ttl_free):
    for section in ("answer", "ns", "extra"):
        for row in reply.get(section) or []:
            check_row(where, row, ttl_free)


def check_slice(where, who, obj):
    if not any(obj["metadata"]["labels"].get(x) for x in SERVICE_LABELS):
        bad(where, who + " has no service label")
    if obj["addressType"] == "FQDN":
        return
    version = {"IPv4": 4, "IPv6": 6}[obj["addressType"]]
    for endpoint in obj["endpoints"] or []:
        for a in endpoint["addresses"]:
            if "@" not in a and ipaddress.ip_address(a).version != version:
                bad(where, who + " address " + a)


def check_cluster(path, where):
    """Checks a cluster file; returns how many objects of each kind it has."""
    with open(path, encoding="utf-8") as f:
        objects = json.load(f)
    if objects.get("apiVersion") != "v1" or objects.get("kind") != "List":
        bad(where, "not a v1 List")
    seen, count = set(), collections.Counter()
    for obj in objects["items"]:
        meta, kind = obj["metadata"], obj["kind"]
        who = f"{kind} {meta.get('namespace', '')}/{meta.get('name')}"
        count[kind] += 1
        if kind not in KINDS:
            bad(where, "kind " + kind)
            continue
        version, needed = KINDS[kind]
        if obj["apiVersion"] != version:
            bad(where, who + " apiVersion")
        for field in needed:
            if field not in obj:
                bad(where, f"{who} has no {field}")
        if who in seen:
            bad(where, who + " is given twice")
        seen.add(who)
        if kind != "Namespace" and not meta.get("namespace"):
            bad(where, who + " has no namespace")
        if kind == "EndpointSlice":
            check_slice(where, who, obj)
    return count


def check_fields(where, case):
    for field, value in case.items():
        if field not in FIELDS:
            bad(where, "unknown field " + field)
        elif not isinstance(value, FIELDS[field]):
            bad(where, "type of " + field)
    for field in ("id", "kind", "source") + (() if case.get("config_error") else ("q", "qtype")):
        if field not in case:
            bad(where, "no " + field)
    if ("corefile" in case) == ("corefile_opts" in case):
        bad(where, "needs either corefile or corefile_opts")
    if "error" in case and not case.get("config_error"):
        bad(where, "error without config_error")


def check_case(where, case, folder):
    check_fields(where, case)
    if case.get("config_error"):
        # Without `error` any refusal would pass, that of a missing plugin included.
        if cases.in_scope(case) and not case.get("error"):
            bad(where, "a refusal in scope needs an error")
        return
    if not case["q"].endswith(".") or case["qtype"] not in dns.TYPES:
        bad(where, "question")
    if not case.get("no_reply") and case["rcode"] is not None and case["rcode"] not in dns.RCODES:
        bad(where, "rcode")
    check_sections(where, case, True)
    for reply in case.get("upstream") or []:
        if not reply["q"].endswith(".") or not (reply.get("drop") or reply["rcode"] in dns.RCODES):
            bad(where, "upstream entry")
        check_sections(where, reply, False)
    if case.get("cluster"):
        if not os.path.exists(os.path.join(HERE, folder, case["cluster"])):
            bad(where, "no cluster file " + case["cluster"])
    elif "corefile_opts" in case and case.get("api") != "unreachable":
        bad(where, "no cluster")


def read_cases(folder, ids):
    """The cases of a folder, each checked; adds their ids to ids."""
    found = []
    with open(os.path.join(HERE, folder, "cases.jsonl"), encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            where = f"{folder}/cases.jsonl:{number}"
            try:
                case = json.loads(text)
            except ValueError as e:
                bad(where, f"JSON: {e}")
                continue
            check_case(where, case, folder)
            if case["id"] in ids:
                bad(where, f"id {case['id']} is given twice")
            ids.add(case["id"])
            found.append(case)
    return found


def check_folder(folder, ids, quiet):
    """Checks a folder's cases and clusters, and prints its counts; returns its cases."""
    found = read_cases(folder, ids)
    used = {c.get("cluster") for c in found}
    for name in sorted(os.listdir(os.path.join(HERE, folder))):
        if not name.endswith(".json"):
            continue
        where = f"{folder}/{name}"
        count = check_cluster(os.path.join(HERE, folder, name), where)
        if name not in used:
            bad(where, "no case uses it")
        if not quiet:
            print(f"  {where}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(count.items())))
    derived = sum(bool(c.get("derived")) for c in found)
    print(f"{folder}: {len(found)} cases ({derived} derived from the code, the rest from test tables)")
    if not quiet:
        for kind, n in sorted(collections.Counter(c["kind"] for c in found).items()):
            print(f"    {kind:40} {n}")
    return found


def check_passing(found, ids):
    """Every case in scope passes; so no id can be removed to make a run pass."""
    passing = cases.read_passing()
    for i in sorted({c["id"] for c in found if cases.in_scope(c)} - passing):
        bad("passing.txt", f"{i} is in scope and missing")
    if passing - ids:
        bad("passing.txt", "no such case: " + " ".join(sorted(passing - ids)))


def main():
    ids, found = set(), []
    for folder in cases.folders():
        found += check_folder(folder, ids, "-q" in sys.argv)
    print(f"{len(found)} cases in total, {sum(bool(c.get('derived')) for c in found)} of them derived")
    check_passing(found, ids)
    for e in errors:
        print("ERROR " + e)
    print(f"{len(found)} passed, {len(errors)} failed")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
