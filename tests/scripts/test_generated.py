# SPDX-License-Identifier: Apache-2.0
"""The comparison of generated questions: the same seed gives the same; each spoilt reply differs."""
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
    assert {s["type"] for s in specs} == {"ClusterIP", "ExternalName"}
    assert any(s.get("clusterIP") == "None" for s in specs) and any(len(s.get("clusterIPs", [])) == 2 for s in specs)
    q = questions.Questions(random.Random(1), c)
    asked = [q.next() for _ in range(3000)]
    assert {a["qtype"] for a in asked} == set(questions.TYPES)
    assert all(dns.query(a, 1) for a in asked)
    assert any(a.get("transport") for a in asked) and any(a.get("bufsize") for a in asked)


def test_order_and_serial_do_not_count():
    other = changed(answer=REPLY["answer"][::-1], ns=[["test.", 5, "IN", "SOA", "ns.test. h.test. 99 7200 1800 86400 5"]])
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
        spoilt = copy.deepcopy(REPLY)
        ways.add(generated.spoil(random.Random(seed), spoilt))
        assert generated.differences(REPLY, spoilt)
    assert ways == {"ttl", "lost", "twice", "data", "name", "rcode", "aa"}
    assert generated.spoil(random.Random(1), changed(answer=[])) is None


def test_documented_allows_its_parts_alone():
    rows = generated.load_documented()
    case = {"q": "Ns.dns.cluster.local.", "qtype": "A"}
    assert generated.documented_as(rows, "insecure", case, ["rcode", "answer"])["id"] == "ns-dns-letters"
    assert generated.documented_as(rows, "insecure", case, ["rcode", "opt"]) is None
    assert generated.documented_as(rows, "insecure", {"q": "x.ns.dns.cluster.local.", "qtype": "A"}, ["rcode"]) is None


def test_documented_wants_a_reason(tmp_path):
    path = tmp_path / "d.toml"
    path.write_text('[[difference]]\nid = "x"\nparts = ["tc"]\n')
    with pytest.raises(generated.Failed, match="without reason"):
        generated.load_documented(str(path))


def test_toy_api_knows_field_selectors():
    pod = {"status": {"phase": "Succeeded"}}
    assert not standins.has_fields("status.phase!=Failed,status.phase!=Succeeded", pod)
    assert standins.has_fields("status.phase!=Failed", pod) and standins.has_fields("", {})
