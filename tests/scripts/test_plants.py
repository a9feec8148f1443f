# SPDX-License-Identifier: Apache-2.0
"""The place of every planted bug exists: a change of the code that removes one fails within seconds, not at the end of
the full tier."""
import os
import tomllib

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FUZZ = os.path.join(ROOT, "tests", "fuzz")

with open(os.path.join(FUZZ, "plants.toml"), "rb") as plants:
    PLANTS = tomllib.load(plants)
TARGETS = sorted(name[:-2] for name in os.listdir(FUZZ) if name.endswith(".c"))


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_has_a_bug_that_stands_once(target):
    plant = PLANTS[target]
    with open(os.path.join(ROOT, plant["file"]), encoding="utf-8") as f:
        assert f.read().count(plant["find"]) == 1
