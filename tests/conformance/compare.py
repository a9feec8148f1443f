# SPDX-License-Identifier: Apache-2.0
"""Compares a reply with a case, by the rules in README.md."""
import ipaddress
import struct

import dnswire as dns


def expand(rows, ips, qtype):
    """@LOCALIP@ is each of the machine's addresses, @LOCALIP_DASHED@ the first, with dashes."""
    out = []
    for row in rows:
        if row[4] == "@LOCALIP@":
            for ip in ips:
                rtype = "AAAA" if ":" in ip else "A"
                if qtype not in ("A", "AAAA") or rtype == qtype:
                    out.append([row[0], row[1], row[2], rtype, ip])
        else:
            out.append(list(row))
    v4 = [i for i in ips if ":" not in i]
    one = v4[0] if v4 else "127.0.0.1"
    return [[x.replace("@LOCALIP_DASHED@", one.replace(".", "-")).replace("@LOCALIP@", one)
             if isinstance(x, str) else x for x in r] for r in out]


def normal(rows, case, any_serial):
    out = []
    for name, ttl, rclass, rtype, data in rows:
        if rtype == "SOA" and any_serial:
            words = data.split()
            words[2] = "*"
            data = " ".join(words)
        if rtype == "AAAA":
            data = str(ipaddress.IPv6Address(data))
        if case.get("no_ttl"):
            ttl = None
        if not case.get("exact_case"):
            name = name.lower()
            if rtype not in ("TXT", "HINFO", "CAA"):
                data = data.lower()
        out.append((name, ttl, rclass, rtype, data))
    return sorted(out, key=str)


def check_section(case, section, got, ips):
    wanted = expand(case[section], ips, case["qtype"])
    any_serial = any(r[3] == "SOA" and r[4].split()[2] == "*" for r in wanted)
    a, b = normal(got, case, any_serial), normal(wanted, case, any_serial)
    free = {(r[0],) + r[2:] for r in b if r[1] is None}
    a = sorted([(r[0], None) + r[2:] if (r[0],) + r[2:] in free else r for r in a], key=str)
    if case.get("compare") == "set":
        a, b = sorted(set(a), key=str), sorted(set(b), key=str)
    if case.get("compare") == "subset" and a and all(r in b for r in a):
        return []
    if a == b:
        return []
    more, fewer = [r for r in a if a.count(r) > b.count(r)], [r for r in b if b.count(r) > a.count(r)]
    return [f"{section}: {more} unexpected, {fewer} missing"]


def extended_errors(reply):
    codes, d = [], reply["opt"]["data"] if reply["opt"] else b""
    while len(d) >= 4:
        code, n = struct.unpack(">HH", d[:4])
        if code == 15:
            codes.append(struct.unpack(">H", d[4:6])[0])
        d = d[4 + n:]
    return codes


def check(case, reply, ips):
    """The errors in the reply, one line each; [] if it is correct."""
    bad = []
    rcode = dns.RCODES[reply["rcode"]] if reply["rcode"] < len(dns.RCODES) else str(reply["rcode"])
    if case["rcode"] is not None and rcode != case["rcode"]:
        bad.append(f"rcode {rcode}, want {case['rcode']}")
    for flag in ("aa", "tc", "ad", "ra"):
        want = case.get(flag, False if flag == "tc" else None)
        if want is not None and reply[flag] != want:
            bad.append(f"{flag} {reply[flag]}, want {want}")
    for section in ("answer", "ns", "extra"):
        if case.get(section) is not None:
            bad += check_section(case, section, reply[section], ips)
    names = [r[0].lower() for r in reply["answer"]]
    for i, r in enumerate(reply["answer"]):
        if (r[3] == "CNAME" and r[4].lower() in names[:i] and case["qtype"] != "AXFR" and
                not case.get("skip_cname_order")):
            bad.append("CNAME after its target")
    if "opt" in case:
        opt = reply["opt"]
        got = {"size": opt["size"], "do": opt["do"]} if opt else None
        if got != case["opt"]:
            bad.append(f"OPT {got}, want {case['opt']}")
    if "ede" in case and extended_errors(reply) != [case["ede"]]:
        bad.append(f"extended errors {extended_errors(reply)}, want [{case['ede']}]")
    if reply["question"] and not case.get("raw") and reply["question"][0][0] != case["q"]:
        bad.append(f"question {reply['question'][0][0]}")
    return bad
