"""What the tests of the record share: a record, in a file and on a server, and events to put in it.

A test that takes `kept`, `database` or `recorder` is run twice, once with each. What is about the
file itself takes `state` alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.database import FILE_NAME, Database, open_file, open_record
from storage.events import Event, EventIds
from storage.record_file import RecordFile
from storage.recorder import Recorder
from tests.storage.kept import Kept, KeptInFile, KeptOnServer
from tests.support.postgresql import PostgresServer

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


_HOUR = "(at / 3600000000)"
RECOUNT = "DELETE FROM counts;" + "".join(
    "INSERT INTO counts (span, start, site, person, kind, allowed, number) "
    f"SELECT {span}, {start}, site, coalesce(person, ''), kind, allowed, count(*) FROM events "
    "GROUP BY 2, 3, 4, 5, 6;"
    for span, start in (
        (1, _HOUR),
        (24, f"{_HOUR} / 24 * 24"),
        (168, f"({_HOUR} - 96) / 168 * 168 + 96"),
    )
)
"""Makes the counts anew from the events, for records that were written by hand."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture(scope="session")
def template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with an empty record."""
    name = postgres.new_database()
    open_record(tmp_path_factory.mktemp("template") / "var", postgres.url(name)).dispose()
    return name


@pytest.fixture(params=["file", "server"])
def kept(request: pytest.FixtureRequest, state: Path) -> Iterator[Kept]:
    """Where the record of a test is; in the file there is none yet."""
    if request.param == "file":
        yield KeptInFile(state)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.new_database(like=request.getfixturevalue("template"))
    yield KeptOnServer(state, server, name)
    server.drop(name)


@pytest.fixture
def on_server(postgres: PostgresServer, template: str, state: Path) -> Iterator[KeptOnServer]:
    """A record on the server, for what is about the server itself."""
    name = postgres.new_database(like=template)
    yield KeptOnServer(state, postgres, name)
    postgres.drop(name)


@pytest.fixture
def database(kept: Kept) -> Iterator[Database]:
    opened = kept.open()
    yield opened
    opened.dispose()


@pytest.fixture
def file_database(state: Path) -> Iterator[RecordFile]:
    """For what is about the file itself."""
    opened = open_file(state)
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
def stored(
    request: pytest.FixtureRequest, state: Path
) -> Callable[[str], list[tuple[object, ...]]]:
    """Asks the record itself, as any other program would."""
    both = "kept" in request.fixturenames
    kept: Kept = request.getfixturevalue("kept") if both else KeptInFile(state)
    return kept.ask


@contextmanager
def without_guards(state: Path) -> Iterator[sqlite3.Connection]:
    """The record's file for whoever gets round its triggers, and puts them back afterwards."""
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        guards = file.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in guards:
            file.execute(f"DROP TRIGGER {name}")
        yield file
        for _, made in guards:
            file.execute(made)
