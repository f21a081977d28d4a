"""The gate's processes are killed, one or all, while they let requests through.

`python -m tests.lab.kills` does the same two hundred times.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.lab.kills.killing import under_load
from tests.lab.kills.reckoning import reckon
from tests.support.namespace import missing

_WHY_NOT = missing("haproxy")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

KILLS = 6
SEED = 24
"""With it, one of the kills takes all processes, and one comes in the middle of a start."""


def test_every_request_that_the_origin_saw_is_on_record_once(folder: Path) -> None:
    dice = random.Random(SEED)
    with under_load(folder, 2, 6, SEED) as scene:
        while sum(scene.kills.values()) < KILLS:
            scene.kill(dice, load=20)
    assert set(scene.kills) == {"all processes", "one worker"}
    found = reckon(scene)
    assert found.faults == []
    assert found.arrived > KILLS
