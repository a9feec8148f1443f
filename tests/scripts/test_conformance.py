# SPDX-License-Identifier: Apache-2.0
"""The conformance driver can fail: it finds a reply or a refusal with one error."""
import copy
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "tests", "conformance")
sys.path.insert(0, FOLDER)

import cases  # noqa: E402
import compare  # noqa: E402
import dnswire as dns  # noqa: E402
import run as driver  # noqa: E402

CASE = {"q": "a.test.", "qtype": "A", "rcode": "NOERROR", "aa": True, "opt": {"size": 1232, "do": False},
        "answer": [["a.test.", 60, "IN", "CNAME", "b.test."], ["b.test.", 60, "IN", "A", "10.0.0.1"]],
        "ns": [], "extra": []}
REPLY = {"id": 1, "rcode": 0, "aa": True, "tc": False, "ra": False, "ad": False, "qr": True,
         "question": [("a.test.", 1, 1)], "opt": {"size": 1232, "do": False, "data": b""},
         "answer": copy.deepcopy(CASE["answer"]), "ns": [], "extra": []}


def test_right_reply():
    assert compare.check(CASE, REPLY, []) == []


@pytest.mark.parametrize("change, complaint", [
    ({"rcode": 3}, "rcode NXDOMAIN"),
    ({"aa": False}, "aa False"),
    ({"tc": True}, "tc True"),
    ({"opt": None}, "OPT None"),
    ({"question": [("A.test.", 1, 1)]}, "question A.test."),
    ({"answer": CASE["answer"][:1]}, "missing"),
    ({"answer": CASE["answer"][::-1]}, "CNAME after its target"),
    ({"answer": [CASE["answer"][0], ["b.test.", 61, "IN", "A", "10.0.0.1"]]}, "unexpected"),
    ({"ns": [["test.", 1, "IN", "NS", "ns.test."]]}, "ns: "),
], ids=lambda x: x if isinstance(x, str) else None)
def test_wrong_reply(change, complaint):
    bad = compare.check(CASE, {**REPLY, **change}, [])
    assert len(bad) == 1 and complaint in bad[0]


class Ended:
    def __init__(self, status):
        self.returncode = status

    def poll(self):
        return self.returncode


@pytest.mark.parametrize("status, log, complaint", [
    (1, 'Corefile:3 - plugin/cache: unexpected "x"', None),
    (None, "", "accepted a Corefile"),
    (0, 'Corefile:3 - "x"', "exit status 0"),
    (-11, 'Corefile:3 - "x"', "exit status -11"),
    (1, 'Corefile:2 - "x"', "Corefile:3"),
    (1, "Corefile:3 - something is wrong", '"x"'),
    (1, 'Corefile:3 - "x" is not supported yet; remove it', "a feature is missing"),
])
def test_refusal(monkeypatch, status, log, complaint):
    group = driver.Group.__new__(driver.Group)
    group.process = Ended(status)
    monkeypatch.setattr(driver.Group, "log", lambda self: log)
    bad = group.check_refusal({"config_error": True, "error": ["Corefile:3", '"x"']}, True)
    assert bad == [] if complaint is None else complaint in bad[0]


def test_message_round_trip():
    q = dns.query({"q": "a.test.", "qtype": "AAAA", "do": True, "bufsize": 1400, "cd": True}, 7)
    m = dns.parse(q)
    assert m["id"] == 7 and m["question"] == [("a.test.", 28, 1)]
    assert m["opt"] == {"size": 1400, "do": True, "data": b""}


@pytest.mark.parametrize("corefile, inside", [
    (".:@PORT@ {\n  whoami\n}\n", True),
    (".:@PORT@\nwhoami\n", True),
    (".:@PORT@ {\n  cache {\n    success 10\n  }\n  # rewrite\n}\n", True),
    (".:@PORT@ {\n  cache {\n    prefetch 5\n  }\n}\n", False),
    (".:@PORT@ {\n  rewrite name a b\n}\n", True),
    (".:@PORT@ {\n  forward . tls://127.0.0.1\n}\n", True),
    (".:@PORT@ {\n  forward . quic://127.0.0.1\n}\n", False),
])
def test_scope(corefile, inside):
    assert cases.in_scope({"corefile": corefile}) == inside


def test_cases_are_well_formed():
    p = subprocess.run([sys.executable, os.path.join(FOLDER, "validate.py"), "-q"], capture_output=True,
                       text=True, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
