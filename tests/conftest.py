"""How several processes share the tests (`./scripts/test`, or `pytest --numprocesses 2`), and what
tests of several rooms share: one PostgreSQL server for all of a process's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.postgresql import PostgresServer, missing

pytest_plugins = ["tests.support.last_words"]

# How long an example may take would tell of the machine.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")

TOGETHER = {
    "tests/lab/evasion/": "evasion",
    "tests/lab/gateway/": "gateway",
    "tests/lab/test_browser.py": "scene",
    "tests/lab/test_curl.py": "scene",
    "tests/lab/test_sudden_death.py": "scene",
}
"""Tests of several files that use one network, which takes seconds to set up."""

LONGEST = ("tests/lab/", "tests/scripts/test_run", "tests/addon/test_mitmdump.py")
"""What takes longest begins first, so that no processor waits for another at the end."""


class Together(LoadScopeScheduling):
    """Gives a process all tests of a file, in their order, or of several files as above."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for start, name in TOGETHER.items() if file.startswith(start)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    turns = (turn for turn, start in enumerate(LONGEST) if item.nodeid.startswith(start))
    return next(turns, len(LONGEST))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if why := missing():
        pytest.skip(f"No PostgreSQL to try it on: {why}.")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
