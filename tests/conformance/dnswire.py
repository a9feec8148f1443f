# SPDX-License-Identifier: Apache-2.0
"""DNS messages of the cases: queries to bytes, replies to rows [name, ttl, class, type, data].

Independent of nodens and of any library, since it must also write malformed messages.
"""
import ipaddress
import re
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "NAPTR": 35, "DNAME": 39, "OPT": 41, "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48,
         "SVCB": 64, "HTTPS": 65, "IXFR": 251, "AXFR": 252, "ANY": 255, "CAA": 257}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "ANY": 255}
CLASS_NAMES = {v: k for k, v in CLASSES.items()}
RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
          "NXRRSET", "NOTAUTH", "NOTZONE", "11", "12", "13", "14", "15", "BADVERS"]


def write_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def read_name(msg, at):
    """Returns (name, offset after it)."""
    labels, end, hops = [], None, 0
    while True:
        n = msg[at]
        if n & 0xC0 == 0xC0:
            if end is None:
                end = at + 2
            at = (n & 0x3F) << 8 | msg[at + 1]
            hops += 1
            if hops > 60:
                raise ValueError("compression pointers in a loop")
            continue
        at += 1
        if n == 0:
            break
        labels.append(msg[at:at + n].decode("latin-1"))
        at += n
    return ".".join(labels) + ".", (end if end is not None else at)


def query(case, qid):
    """The query of a case: its raw bytes, or built from its fields, with an OPT only for do or bufsize. Generated cases
    may give the OPT `options` ([code, data in hex]), a `version` and other flags `z`, and an IXFR its `serial`.
    """
    if case.get("raw"):
        return bytes.fromhex(case["raw"])
    flags = 0x0100 | (0x10 if case.get("cd") else 0) | (0x20 if case.get("ad") else 0)
    opt = soa = b""
    if case.get("do") or case.get("bufsize") is not None:
        options = b"".join(struct.pack(">HH", code, len(data) // 2) + bytes.fromhex(data)
                           for code, data in case.get("options", []))
        opt = b"\0" + struct.pack(">HHBBHH", 41, case.get("bufsize", 4096), 0, case.get("version", 0),
                                  (0x8000 if case.get("do") else 0) | case.get("z", 0), len(options)) + options
    if isinstance(case.get("serial"), int):
        soa = write_row([case["q"], 0, "IN", "SOA", f". . {case['serial']} 1 1 1 1"])
    return (struct.pack(">6H", qid, flags, 1, 0, 1 if soa else 0, 1 if opt else 0) + write_name(case["q"]) +
            struct.pack(">HH", TYPES[case["qtype"]], CLASSES[case.get("qclass", "IN")]) + soa + opt)


def quoted(data):
    out, i = [], 0
    while i < len(data):
        out.append(f'"{data[i + 1:i + 1 + data[i]].decode("latin-1")}"')
        i += 1 + data[i]
    return " ".join(out)


def rdata_text(rtype, msg, at, n):
    data = msg[at:at + n]
    if rtype == 1:
        return socket.inet_ntop(socket.AF_INET, data)
    if rtype == 28:
        return str(ipaddress.IPv6Address(data))
    if rtype in (2, 5, 12, 39):
        return read_name(msg, at)[0]
    if rtype == 6:
        mname, p = read_name(msg, at)
        rname, p = read_name(msg, p)
        return " ".join(map(str, (mname, rname, *struct.unpack(">5I", msg[p:p + 20]))))
    if rtype == 15:
        return f"{struct.unpack('>H', data[:2])[0]} {read_name(msg, at + 2)[0]}"
    if rtype == 33:
        return " ".join(map(str, (*struct.unpack(">3H", data[:6]), read_name(msg, at + 6)[0])))
    if rtype in (13, 16):
        return quoted(data)
    if rtype == 257:
        k = data[1]
        return f'{data[0]} {data[2:2 + k].decode()} "{data[2 + k:].decode("latin-1")}"'
    if rtype == 46:
        covered, algorithm, labels, ttl = struct.unpack(">HBBI", data[:8])
        return f"{TYPE_NAMES.get(covered, covered)} {algorithm} {labels} {ttl} * {read_name(msg, at + 18)[0]}"
    if rtype == 47:
        return read_name(msg, at)[0] + " *"
    if rtype == 43:
        return " ".join(map(str, (*struct.unpack(">HBB", data[:4]), data[4:].hex().upper())))
    return f"\\# {n} {data.hex()}"


def parse(msg):
    qid, flags, qd, an, ns, ar = struct.unpack(">6H", msg[:12])
    reply = {"id": qid, "rcode": flags & 15, "aa": bool(flags & 0x400), "tc": bool(flags & 0x200),
             "ra": bool(flags & 0x80), "ad": bool(flags & 0x20), "qr": bool(flags & 0x8000),
             "question": [], "opt": None}
    at = 12
    for _ in range(qd):
        name, at = read_name(msg, at)
        reply["question"].append((name, *struct.unpack(">HH", msg[at:at + 4])))
        at += 4
    for section, count in (("answer", an), ("ns", ns), ("extra", ar)):
        rows = []
        for _ in range(count):
            name, at = read_name(msg, at)
            rtype, rclass, ttl, n = struct.unpack(">HHIH", msg[at:at + 10])
            at += 10
            if rtype == 41:
                reply["opt"] = {"size": rclass, "do": bool(ttl & 0x8000), "data": msg[at:at + n]}
                reply["rcode"] |= (ttl >> 24) << 4
            else:
                rows.append([name, ttl, CLASS_NAMES.get(rclass, rclass),
                             TYPE_NAMES.get(rtype, f"TYPE{rtype}"), rdata_text(rtype, msg, at, n)])
            at += n
        reply[section] = rows
    return reply


def write_row(row):
    name, ttl, rclass, rtype, data = row
    words = data.split()
    if rtype == "A":
        b = socket.inet_aton(data)
    elif rtype == "AAAA":
        b = socket.inet_pton(socket.AF_INET6, data)
    elif rtype in ("CNAME", "NS", "PTR", "DNAME"):
        b = write_name(data)
    elif rtype == "MX":
        b = struct.pack(">H", int(words[0])) + write_name(words[1])
    elif rtype == "SRV":
        b = struct.pack(">3H", *map(int, words[:3])) + write_name(words[3])
    elif rtype == "SOA":
        b = write_name(words[0]) + write_name(words[1]) + struct.pack(">5I", *map(int, words[2:]))
    elif rtype in ("TXT", "HINFO"):
        b = b"".join(bytes([len(x)]) + x.encode() for x in re.findall(r'"([^"]*)"', data))
    elif rtype == "NAPTR":
        texts = re.findall(r'"([^"]*)"', data)
        b = struct.pack(">HH", int(words[0]), int(words[1])) + b"".join(
            bytes([len(x)]) + x.encode() for x in texts) + write_name(words[-1])
    else:
        raise ValueError(rtype)
    return write_name(name) + struct.pack(">HHIH", TYPES[rtype], CLASSES[rclass], ttl, len(b)) + b


def read_frame(sock):
    """One message from a TCP connection."""
    def need(n):
        b = b""
        while len(b) < n:
            x = sock.recv(n - len(b))
            if not x:
                raise EOFError("connection closed")
            b += x
        return b
    return need(struct.unpack(">H", need(2))[0])


def read_transfer(sock, reply):
    """Reads the messages of a transfer until the SOA repeats. A single SOA means that the client is up to date."""
    while reply["rcode"] == 0 and reply["answer"] and reply["answer"][0][3] == "SOA" and not (
            len(reply["answer"]) > 1 and reply["answer"][-1][3] == "SOA"):
        reply["answer"] += parse(read_frame(sock))["answer"]


def ask(port, case, timeout=3.0, addr="127.0.0.1"):
    """The reply to a case's query, sent from the address `from`. The socket is connected, so a dead server is noticed
    at once."""
    q, source = query(case, 4660), (case.get("from", ""), 0)
    if case.get("transport") == "tcp":
        with socket.create_connection((addr, port), timeout, source) as s:
            s.sendall(struct.pack(">H", len(q)) + q)
            reply = parse(read_frame(s))
            if case["qtype"] == "AXFR" or case["qtype"] == "IXFR" and len(reply["answer"]) > 1:
                read_transfer(s, reply)
            return reply
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.bind(source)
        s.connect((addr, port))
        s.send(q)
        return parse(s.recv(65535))
