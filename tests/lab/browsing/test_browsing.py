"""Some scenes of the table, each time; the whole of it is `python -m tests.lab.browsing`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.browsing.in_chromium import NEEDS, Chromium
from tests.lab.browsing.scenario import Scenario, opens_on_record, perform
from tests.lab.browsing.scenarios import SCENARIOS
from tests.lab.browsing.sessions import spend
from tests.lab.browsing.stage import Stage, stage
from tests.lab.browsing.tricks import TRICKS, attempt
from tests.support.namespace import missing

_WHY_NOT = missing(*NEEDS, "curl")
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

QUICK = [scenario for scenario in SCENARIOS if "Chromium" in scenario.quick]
QUICK_TRICKS = [trick for trick in TRICKS if "Chromium" in trick.quick]


@pytest.fixture(scope="module")
def on(folder: Path) -> Iterator[Stage]:
    with stage(folder, Chromium) as stage_:
        yield stage_


@pytest.mark.parametrize("scenario", QUICK, ids=[scenario.name for scenario in QUICK])
def test_a_scene_is_taken_for_what_it_was(on: Stage, scenario: Scenario) -> None:
    found = perform(on, scenario)
    assert found.as_expected, found
    assert opens_on_record(on, found) == found.opened


@pytest.mark.parametrize("trick", QUICK_TRICKS, ids=[trick.name for trick in QUICK_TRICKS])
def test_a_page_of_another_site_makes_nobody_seem_to_post(on: Stage, trick: Scenario) -> None:
    tricked = attempt(on, trick)
    assert tricked.found.as_expected, tricked
    assert tricked.is_fair, tricked


def test_time_on_the_site_is_within_its_bounds(on: Stage) -> None:
    session = spend(on, random.Random(3))
    assert session.within, session
