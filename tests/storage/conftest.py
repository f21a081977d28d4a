"""What the tests of the record share: a record on the disk, and events to put in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.database import FILE_NAME, Database, open_record
from storage.events import Event, EventIds
from storage.recorder import Recorder

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)

ALLOWED = Event(
    id=1,
    at=NOON,
    person="a.larch",
    source="address",
    address="192.168.1.20",
    site="facebook",
    host="www.facebook.com",
    scheme="https",
    method="GET",
    kind="navigation",
    allowed=True,
    outcome="purpose",
    reason="The office keeps the school's page up to date.",
    rule="school-page",
    clause="personal-use",
    policy="0123456789ab",
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def database(state: Path) -> Iterator[Database]:
    opened = open_record(state)
    yield opened
    opened.dispose()


@pytest.fixture
def recorder(database: Database) -> Iterator[Recorder]:
    running = Recorder(database)
    running.start()
    yield running
    running.close(10)


@pytest.fixture
def event() -> Callable[..., Event]:
    """Makes events with ids of their own; what a test cares about is given by name."""
    ids = EventIds()

    def make(**differences: object) -> Event:
        return replace(ALLOWED, **({"id": ids.next(NOON)} | differences))  # type: ignore[arg-type]

    return make


@pytest.fixture
def stored(state: Path) -> Callable[[str], list[tuple[object, ...]]]:
    """Asks the file itself, as any other program would."""

    def ask(query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(state / FILE_NAME)) as connection:
            return connection.execute(query).fetchall()

    return ask
