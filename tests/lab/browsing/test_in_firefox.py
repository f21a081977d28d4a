"""The scenes in which Firefox says less, or says it otherwise, each time where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.browsing.in_firefox import NEEDS, Firefox
from tests.lab.browsing.scenario import Scenario, perform
from tests.lab.browsing.scenarios import SCENARIOS
from tests.lab.browsing.stage import Stage, stage
from tests.support.namespace import missing

_WHY_NOT = missing(*NEEDS)
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

QUICK = [scenario for scenario in SCENARIOS if "Firefox" in scenario.quick]


@pytest.fixture(scope="module")
def on(folder: Path) -> Iterator[Stage]:
    with stage(folder, Firefox) as stage_:
        yield stage_


@pytest.mark.parametrize("scenario", QUICK, ids=[scenario.name for scenario in QUICK])
def test_a_scene_in_firefox_is_taken_for_what_it_was(on: Stage, scenario: Scenario) -> None:
    found = perform(on, scenario)
    assert found.as_expected, found
