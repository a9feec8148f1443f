# SPDX-License-Identifier: Apache-2.0
"""The comparison of generated queries: a seed repeats itself; each spoilt reply differs."""
import copy
import os
import random
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "conformance"))

import cluster  # noqa: E402
import dnswire as dns  # noqa: E402
import generated  # noqa: E402
import questions  # noqa: E402
import standins  # noqa: E402

REPLY = {"id": 1, "rcode": 0, "aa": True, "tc": False, "ra": False, "ad": False, "qr": True,
         "question": [("a.test.", 1, 1)], "opt": {"size": 1232, "do": False, "data": b""},
         "answer": [["a.test.", 5, "IN", "A", "10.0.0.1"], ["a.test.", 5, "IN", "A", "10.0.0.2"]],
         "ns": [["test.", 5, "IN", "SOA", "ns.test. h.test. 17 7200 1800 86400 5"]], "extra": []}


def changed(**fields):
    return {**copy.deepcopy(REPLY), **fields}


def test_seed_repeats():
    def run(seed):
        c = cluster.Cluster(random.Random(seed))
        q = questions.Questions(random.Random(seed), c)
        return c.items, [q.next() for _ in range(300)]
    assert run(5) == run(5)
    assert run(5) != run(6)


def test_objects_and_questions_are_of_all_sorts():
    c = cluster.Cluster(random.Random(1))
    specs = [s["spec"] for s in c.services]
    assert {s["type"] for s in specs} == {"ClusterIP", "ExternalName", "LoadBalancer"}
    assert any(s.get("clusterIP") == "None" for s in specs) and any(len(s.get("clusterIPs", [])) == 2 for s in specs)
    assert {i["spec"]["type"] for i in c.imports} == {"Headless", "ClusterSetIP"}
    q = questions.Questions(random.Random(1), c)
    asked = [q.next() for _ in range(3000)]
    assert {a["qtype"] for a in asked} == set(questions.TYPES)
    assert all(dns.query(a, 1) for a in asked)
    for field in ("transport", "bufsize", "options", "version", "z", "from", "qclass", "do", "cd", "ad"):
        assert any(a.get(field) for a in asked), field


@pytest.mark.parametrize("name", generated.SET_UPS)
def test_set_ups(name):
    up = generated.SET_UPS[name]
    c = cluster.Cluster(random.Random(1))
    q = questions.Questions(random.Random(1), c, **up.ask)
    asked = [q.next() for _ in range(1000)]
    types = {a["qtype"] for a in asked}
    assert ("AXFR" in types and "IXFR" in types) == any(x.startswith("transfer") for x in up.beside)
    names = [a["q"].lower() for a in asked]
    for zone in [*up.ask.get("zones", ["cluster.local."]), *up.ask.get("multi", ()), *up.ask.get("external", ())]:
        assert sum(n.endswith(zone) for n in names) > 50
    assert up.corefile("source x", 1, 2).count("{") == up.corefile("source x", 1, 2).count("}")


def test_a_cluster_changes():
    def run(seed):
        c = cluster.Cluster(random.Random(seed))
        return c, [c.change(), c.change()], c.mark()
    c, changes, (marks, names) = run(3)
    assert (changes, (marks, names)) == run(3)[1:]
    for some in changes:
        for verb in ("create", "patch", "delete"):
            kinds = {obj["kind"] for v, obj in some if v == verb}
            assert {"Service", "EndpointSlice"} <= kinds and (verb == "patch" or {"Pod", "ServiceImport"} <= kinds)
    there = [(o["kind"], o["metadata"]["namespace"], o["metadata"]["name"])
             for o in c.items if o["kind"] != "Namespace"]
    assert len(set(there)) == len(there)
    assert all(o in c.items for o in marks) and not any(o in c.items for o in c.gone)
    assert len(marks) >= 5 and set(names) == {"service", "endpoint", "pod", "import"}
    q = questions.Questions(random.Random(1), c)
    assert any(q.gone in form for form in q.forms)
    assert all(dns.query({"q": q.gone()[0], "qtype": "A"}, 1) for _ in range(200))


def test_query_with_options():
    plain = dns.query({"q": "a.", "qtype": "A"}, 1)
    assert plain[10:12] == b"\0\0" and len(plain) == 12 + 3 + 4
    m = dns.query({"q": "a.", "qtype": "A", "bufsize": 0, "version": 1, "z": 1, "do": True,
                   "options": [[10, "0102"]]}, 1)
    assert m[len(plain):] == bytes.fromhex("00 0029 0000 00 01 8001 0006 000a 0002 0102")
    m = dns.query({"q": "a.", "qtype": "IXFR", "serial": 7}, 1)
    assert m[8:10] == b"\0\1" and dns.parse(m)["ns"] == [["a.", 0, "IN", "SOA", ". . 7 1 1 1 1"]]


def test_order_and_serial_do_not_count():
    soa = ["test.", 5, "IN", "SOA", "ns.test. h.test. 99 7200 1800 86400 5"]
    other = changed(answer=REPLY["answer"][::-1], ns=[soa])
    assert generated.differences(REPLY, other) == {}


@pytest.mark.parametrize("part, value", [
    ("rcode", 3), ("aa", False), ("tc", True), ("ra", True), ("ad", True), ("opt", None),
    ("opt", {"size": 1232, "do": True, "data": b""}), ("opt", {"size": 1232, "do": False, "data": b"\0\x0f"}),
    ("question", [("A.test.", 1, 1)]), ("answer", REPLY["answer"][:1]), ("answer", REPLY["answer"] * 2),
    ("answer", [["A.test.", *REPLY["answer"][0][1:]], REPLY["answer"][1]]), ("ns", []),
    ("ns", [["test.", 5, "IN", "SOA", "ns.test. h.test. 17 7200 1800 86400 6"]]),
    ("extra", REPLY["answer"][:1]),
])
def test_each_part_counts(part, value):
    assert list(generated.differences(REPLY, changed(**{part: value}))) == [part]


def test_spoilt_is_caught():
    ways = set()
    for seed in range(100):
        spoilt, of_zone = copy.deepcopy(REPLY), copy.deepcopy(REPLY)
        ways.add(generated.spoil(random.Random(seed), spoilt))
        assert generated.differences(REPLY, spoilt)
        assert generated.spoil(random.Random(seed), of_zone, True) != "twice"
        assert generated.differences(REPLY, of_zone, True)
    assert ways == {"ttl", "lost", "twice", "data", "name", "rcode", "aa"}
    assert generated.spoil(random.Random(1), changed(answer=[], ns=[])) is None


def test_documented_allows_its_parts_alone():
    rows = [{"id": "one", "reason": "r", "name": "^ns\\.dns\\.", "set_ups": ["a"], "types": ["A"],
             "parts": ["rcode", "answer"]}]
    case = {"q": "Ns.dns.cluster.local.", "qtype": "A"}

    def row(set_up="a", asked=None, **fields):
        return generated.documented_as(rows, set_up, asked or case, REPLY, changed(**fields))
    assert row(rcode=3, answer=[])["id"] == "one"
    assert row(rcode=3, opt=None) is None
    assert row("b", rcode=3) is None
    assert row(asked={**case, "q": "x.ns.dns.cluster.local."}, rcode=3) is None
    assert row(asked={**case, "qtype": "AAAA"}, rcode=3) is None


def test_documented_repeats_and_records():
    srv = ["a.test.", 5, "IN", "SRV", "0 1 1 b."]
    case = {"q": "a.test.", "qtype": "A"}
    twice, other = changed(answer=REPLY["answer"] * 2), changed(answer=REPLY["answer"] + [srv])
    rows = [{"id": "r", "reason": "r", "repeats": True, "parts": []}]
    assert generated.documented_as(rows, "a", case, REPLY, twice)
    assert not generated.documented_as(rows, "a", case, REPLY, other)
    rows = [{"id": "r", "reason": "r", "records": ["SRV"], "parts": []}]
    assert generated.documented_as(rows, "a", case, REPLY, other)
    assert not generated.documented_as(rows, "a", case, REPLY, twice)


def test_documented_letters():
    rows, case = [{"id": "r", "reason": "r", "letters": True, "parts": []}], {"q": "a.test.", "qtype": "A"}
    big = [["A.test.", *REPLY["answer"][0][1:]], REPLY["answer"][1]]
    assert generated.documented_as(rows, "a", case, REPLY, changed(answer=big))
    assert not generated.documented_as(rows, "a", case, REPLY, changed(answer=big[:1]))
    assert not generated.documented_as(rows, "a", case, REPLY, changed(answer=big, aa=False))


def test_what_was_cut_is_of_the_whole():
    assert list(generated.differences(REPLY, changed(astray=[["b.test.", 5, "IN", "A", "10.0.0.1"]]))) == ["astray"]


def test_documented_wants_a_reason(tmp_path):
    path = tmp_path / "d.toml"
    path.write_text('[[difference]]\nid = "x"\nparts = ["tc"]\n')
    with pytest.raises(generated.Failed, match="without reason"):
        generated.load_documented(str(path))


def test_toy_api_knows_field_selectors():
    pod = {"status": {"phase": "Succeeded"}}
    assert not standins.has_fields("status.phase!=Failed,status.phase!=Succeeded", pod)
    assert standins.has_fields("status.phase!=Failed", pod) and standins.has_fields("", {})
