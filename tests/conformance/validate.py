#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the cases: the JSON parses, the fields are known and well typed, ids are unique,
the clusters named exist and hold well-formed Kubernetes objects. Prints counts by kind.

    validate.py [-q]        (run anywhere; standard library only)
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
WORDS = {"SOA": 7, "SRV": 4, "MX": 2}     # of the data
OWNERS = ("kubernetes.io/service-name", "multicluster.kubernetes.io/service-name")
errors = []


def bad(where, what):
    errors.append(f"{where}: {what}")


def row(where, r, ttl_free):
    if not (isinstance(r, list) and len(r) == 5):
        return bad(where, f"row is not [name, ttl, class, type, rdata]: {r!r}")
    n, ttl, k, t, d = r
    if not (isinstance(n, str) and n.endswith(".")):
        bad(where, f"owner {n!r}")
    if not (isinstance(ttl, int) or ttl is None and ttl_free):
        bad(where, f"ttl {ttl!r}")
    if k not in dns.CLASSES or t not in dns.TYPES or not isinstance(d, str):
        return bad(where, f"class, type or data in {r!r}")
    try:
        if t in ("A", "AAAA") and "@" not in d:
            if (ipaddress.ip_address(d).version == 4) != (t == "A"):
                bad(where, f"address family {r!r}")
        elif t in ("CNAME", "NS", "PTR", "DNAME") and not d.endswith("."):
            bad(where, f"target {d!r}")
        elif t in WORDS and len(d.split()) != WORDS[t]:
            bad(where, f"data {d!r}")
    except ValueError:
        bad(where, f"address {d!r}")


def cluster(path, where):
    with open(path) as f:
        l = json.load(f)
    if l.get("apiVersion") != "v1" or l.get("kind") != "List":
        bad(where, "not a v1 List")
    seen, n = set(), collections.Counter()
    for o in l["items"]:
        m, k = o["metadata"], o["kind"]
        who = f"{k} {m.get('namespace', '')}/{m.get('name')}"
        n[k] += 1
        if k not in KINDS:
            bad(where, "kind " + k)
            continue
        av, need = KINDS[k]
        if o["apiVersion"] != av:
            bad(where, who + " apiVersion")
        for x in need:
            if x not in o:
                bad(where, who + " lacks " + x)
        if who in seen:
            bad(where, who + " twice")
        seen.add(who)
        if k != "Namespace" and not m.get("namespace"):
            bad(where, who + " has no namespace")
        if k == "EndpointSlice":
            if not any(m["labels"].get(x) for x in OWNERS):
                bad(where, who + " has no service label")
            for e in o["endpoints"] or []:
                for a in e["addresses"]:
                    if o["addressType"] == "FQDN" or "@" in a:
                        continue
                    if ipaddress.ip_address(a).version != {"IPv4": 4, "IPv6": 6}[o["addressType"]]:
                        bad(where, who + " address " + a)
    return n


def main():
    quiet, total, ids = "-q" in sys.argv, 0, set()
    derived = 0
    for d in sorted(os.listdir(HERE)):
        p = os.path.join(HERE, d, "cases.jsonl")
        if not os.path.exists(p):
            continue
        kinds, used, n, dv = collections.Counter(), set(), 0, 0
        for ln, text in enumerate(open(p), 1):
            where = f"{d}/cases.jsonl:{ln}"
            try:
                c = json.loads(text)
            except ValueError as e:
                bad(where, f"JSON: {e}")
                continue
            n += 1
            for k, v in c.items():
                if k not in FIELDS:
                    bad(where, "unknown field " + k)
                elif not isinstance(v, FIELDS[k]):
                    bad(where, "type of " + k)
            for k in ("id", "kind", "source") + (() if c.get("config_error") else ("q", "qtype")):
                if k not in c:
                    bad(where, "no " + k)
            if c["id"] in ids:
                bad(where, f"id {c['id']} twice")
            ids.add(c["id"])
            kinds[c["kind"]] += 1
            dv += bool(c.get("derived"))
            if ("corefile" in c) == ("corefile_opts" in c):
                bad(where, "needs one of corefile and corefile_opts")
            if "error" in c and not c.get("config_error"):
                bad(where, "error without config_error")
            if c.get("config_error"):
                # Without it any refusal would do, that of a plugin which is not there included.
                if cases.in_scope(c) and not c.get("error"):
                    bad(where, "a refusal in scope must say what the error names")
                continue
            if not c["q"].endswith(".") or c["qtype"] not in dns.TYPES:
                bad(where, "question")
            if not c.get("no_reply") and c["rcode"] is not None and c["rcode"] not in dns.RCODES:
                bad(where, "rcode")
            for s in ("answer", "ns", "extra"):
                for r in c.get(s) or []:
                    row(where, r, True)
            for u in c.get("upstream") or []:
                if not u["q"].endswith(".") or not (u.get("drop") or u["rcode"] in dns.RCODES):
                    bad(where, "upstream entry")
                for s in ("answer", "ns", "extra"):
                    for r in u.get(s) or []:
                        row(where, r, False)
            if c.get("cluster"):
                used.add(c["cluster"])
                if not os.path.exists(os.path.join(HERE, d, c["cluster"])):
                    bad(where, "no cluster file " + c["cluster"])
            elif "corefile_opts" in c and c.get("api") != "unreachable":
                bad(where, "no cluster")
        for f in sorted(os.listdir(os.path.join(HERE, d))):
            if f.endswith(".json"):
                k = cluster(os.path.join(HERE, d, f), d + "/" + f)
                if f not in used:
                    bad(d + "/" + f, "used by no case")
                if not quiet:
                    print(f"  {d}/{f}: " + ", ".join(f"{v} {x}" for x, v in sorted(k.items())))
        print(f"{d}: {n} cases ({dv} derived from the code, the rest from test tables)")
        if not quiet:
            for k, v in sorted(kinds.items()):
                print(f"    {k:40} {v}")
        total += n
        derived += dv
    print(f"{total} cases in all, {derived} of them derived")
    # What is in scope passes; so no id can be taken out to make a run pass.
    scope = {c["id"] for d in cases.folders() for c in cases.load(d) if cases.in_scope(c)}
    for i in sorted(scope - cases.read_passing()):
        bad("passing.txt", f"{i} is in scope and not there")
    unknown = sorted(cases.read_passing() - ids)
    if unknown:
        bad("passing.txt", "no such case: " + " ".join(unknown))
    for e in errors:
        print("ERROR " + e)
    print(f"{total} passed, {len(errors)} failed")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
