"""How fast the record is written and read, and how large it becomes: on SQLite and on PostgreSQL.

What stands here is the record alone; what waiting for it adds to a request is in `gate`, beside
bare mitmdump. Figures are medians of the rounds; both engines write the same to the same disk.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from storage.database import Database, open_record
from storage.events import Event, EventIds
from storage.recorder import Recorder
from storage.tallies import Tally
from storage.usage import overview
from storage.verifying import verify
from tests.bench import bindings
from tests.bench.figures import Row
from tests.bench.record_material import DAYS, START, Year, event, put_on_record
from tests.bench.record_writers import Open, sustained, waited
from tests.bench.stage import BenchError
from tests.support.postgresql import PostgresServer, missing

SQLITE = "SQLite"
POSTGRESQL = "PostgreSQL"
IN_MEMORY = "in memory"
_WRITERS = (1, 4)
_CLIENTS = (1, 32)
_STAFF = (20, 300)
_WAITED = 2_000  # events that are waited for in a round


def measure(
    rounds: int, events: int, on_record: int, say: Callable[[str], None]
) -> tuple[list[Row], tuple[str, ...]]:
    """All rows, and the engines they are of. `on_record` events are verified and summed up.

    Raises BenchError and RecordError.
    """
    with tempfile.TemporaryDirectory() as folder:
        engines: dict[str, _Engine] = {SQLITE: _SQLite(Path(folder))}
        with _server(say) as server:
            if server:
                engines[POSTGRESQL] = _PostgreSQL(Path(folder), server)
            rows = [
                *_written(engines, rounds, events, say),
                *_waited(engines, rounds, say),
                *_sizes(engines, say),
                *_read(engines, on_record, say),
            ]
    return [*rows, *_looked_up(say)], (*engines, IN_MEMORY)


@contextmanager
def _server(say: Callable[[str], None]) -> Iterator[PostgresServer | None]:
    if why := missing():
        say(f"PostgreSQL is left out: {why}")
        yield None
        return
    server = PostgresServer(Path(tempfile.gettempdir()))
    try:
        server.start()
        yield server
    finally:
        server.close()


class _Engine(Protocol):
    """Where records are kept, each under a name."""

    def named(self, name: str) -> Open:
        """How to open the record with this name, which is new the first time."""

    def size(self, name: str) -> int:
        """Bytes of a record that nobody has open."""


class _SQLite:
    """Records in files of their own, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def named(self, name: str) -> Open:
        """How to open the record with this name, which is new the first time."""
        return partial(open_record, self._folder / name)

    def size(self, name: str) -> int:
        """Bytes of a record that nobody has open."""
        return (self._folder / name / "record.sqlite3").stat().st_size


class _PostgreSQL:
    """Records in databases of their own, on one server on the same disk."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self._folder, self._server = folder, server
        self._there: dict[str, str] = {}
        self._bare = self._bytes(server.new_database())

    def named(self, name: str) -> Open:
        if name not in self._there:
            self._there[name] = self._server.new_database()
        return partial(open_record, self._folder / name, self._server.url(self._there[name]))

    def size(self, name: str) -> int:
        self._server.execute("CHECKPOINT")
        return self._bytes(self._there[name]) - self._bare  # its own tables, which are 7 MB

    def _bytes(self, database: str) -> int:
        ((size,),) = self._server.execute(f"SELECT pg_database_size('{database}')")
        return int(str(size))


type _Engines = Mapping[str, _Engine]


def _written(engines: _Engines, rounds: int, events: int, say: Callable[[str], None]) -> list[Row]:
    rows = []
    for writers in _WRITERS:
        many = "1 writer" if writers == 1 else f"{writers} writers"
        row = Row(f"on record, {many}", "events/s")
        for number in range(rounds):
            for name, engine in engines.items():
                say(f"{row.name}, {name}, round {number + 1}")
                opened = engine.named(f"{writers}-writers-{number}")
                opened().dispose()
                row.add(name, sustained(opened, events, writers))
        rows.append(row)
    return rows


def _waited(engines: _Engines, rounds: int, say: Callable[[str], None]) -> list[Row]:
    rows = []
    for clients in _CLIENTS:
        many = "1 waits" if clients == 1 else f"{clients} wait"
        middle, slow = Row(f"durable, {many}, median", "ms"), Row(f"durable, {many}, 99 %", "ms")
        for number in range(rounds):
            for name, engine in engines.items():
                say(f"{middle.name}, {name}, round {number + 1}")
                took = waited(engine.named("waited"), clients, _WAITED)
                middle.add(name, statistics.median(took) * 1000)
                slow.add(name, took[len(took) * 99 // 100] * 1000)
        rows += [middle, slow]
    return rows


def _sizes(engines: _Engines, say: Callable[[str], None]) -> list[Row]:
    rows = []
    for year in map(Year, _STAFF):
        whole = Row(f"a school year of {year.staff} staff, {year.events:,} events", "MB")
        each = Row(f"  for an event of {year.staff} staff, counts and visits included", "bytes")
        for name, engine in engines.items():
            say(f"{whole.name}, {name}")
            opened = engine.named(f"year-{year.staff}")
            _fill(opened(), year.said())
            size = engine.size(f"year-{year.staff}")
            whole.add(name, size / 1e6)
            each.add(name, size / year.events)
        rows += [whole, each]
    return rows


def _read(engines: _Engines, on_record: int, say: Callable[[str], None]) -> list[Row]:
    verified = Row(f"verifying {on_record:,} events", "s")
    week = Row(f"overview of a week, {on_record:,} events on record", "s")
    year = Row(f"overview of a year, {on_record:,} events on record", "s")
    for name, engine in engines.items():
        say(f"{on_record:,} events, {name}")
        opened = engine.named("large")
        _fill(opened(), _evenly(on_record))
        database = opened()
        verified.add(name, _timed(partial(_verify, database)))
        for row, days in ((week, 7), (year, 365)):
            until = START + timedelta(days=days)
            for _ in range(3):
                row.add(name, _timed(partial(overview, database, START, until)))
        database.dispose()
    return [verified, week, year]


def _evenly(number: int) -> Iterator[Event]:
    """So many events, spread over a school year's hours."""
    ids, step = EventIds(0), timedelta(days=DAYS) / number
    for n in range(number):
        place = START + step * n
        yield event(ids, n * 31 + n // 97, place.replace(hour=7 + place.hour * 10 // 24))


def _fill(database: Database, said: Iterator[Event | Tally]) -> None:
    recorder = Recorder(database, limit=1_000_000)
    recorder.start()
    put_on_record(recorder, said)
    if left := recorder.close(600):
        raise BenchError(f"{left} events were not written: {recorder.state.last_error}")
    database.dispose()


def _verify(database: Database) -> None:
    if (found := verify(database)).broken:
        raise BenchError(f"The record is not whole: {found}")


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _looked_up(say: Callable[[str], None]) -> list[Row]:
    rows = []
    say("bindings")
    for what, rate in bindings.rates().items():
        row = Row(f"who is at an address: {what}", "/s")
        row.add(IN_MEMORY, rate)
        rows.append(row)
    return rows
