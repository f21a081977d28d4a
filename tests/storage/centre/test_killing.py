from __future__ import annotations

from pathlib import Path

from tests.storage.centre.conftest import Centre
from tests.storage.centre.killing import kill_and_go_on


def test_forwarding_may_be_killed_at_any_moment(centre: Centre, state: Path) -> None:
    kill_and_go_on(centre, state, kills=5, seed=5)
