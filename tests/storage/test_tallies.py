"""Counting what has no row of its own: durable before it is let through, and never twice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import FILE_NAME, Database, open_record
from storage.events import Event
from storage.record_file import RecordFile
from storage.recorder import NotDurable, Recorder
from storage.tallies import Batch, Tally, additions_of, tally_row, write_tallies
from storage.usage import overview
from tests.support.running_gate import wait_until

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
EMBED = Tally(NOON, "a.larch", "facebook", "embed", True)
COUNTED = "SELECT kind, allowed, number FROM counts WHERE span = 1 ORDER BY 1, 2"


def test_a_tally_is_counted_when_durable_returns_and_has_no_row(
    recorder: Recorder, stored: Ask
) -> None:
    asyncio.run(recorder.durable(EMBED, 10))
    assert stored(COUNTED) == [("embed", 1, 1)]
    assert stored("SELECT count(*) FROM events") == [(0,)]


def test_many_at_once_are_few_commits_and_all_counted(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    async def page() -> None:
        pictures = (recorder.durable(EMBED, 10) for _ in range(400))
        await asyncio.gather(recorder.durable(event(), 10), *pictures)

    asyncio.run(page())
    assert stored(COUNTED) == [("embed", 1, 400), ("navigation", 1, 1)]
    ((batches,),) = stored("SELECT batch FROM writers")
    assert isinstance(batches, int)
    assert batches < 20


def test_counts_hold_for_the_hour_the_day_and_the_week(recorder: Recorder, stored: Ask) -> None:
    for hours in (0, 1, 24):
        recorder.note(replace(EMBED, at=NOON + timedelta(hours=hours), person=None))
    assert recorder.close(10) == 0
    counted = stored(
        "SELECT span, count(*), sum(number), max(person) FROM counts GROUP BY 1 ORDER BY 1"
    )
    assert counted == [(1, 3, 3, ""), (24, 2, 3, ""), (168, 1, 3, "")]


def test_the_overview_counts_them_apart(recorder: Recorder, database: Database) -> None:
    for _ in range(30):
        recorder.note(EMBED)
    assert recorder.close(10) == 0
    found = overview(database, NOON - timedelta(days=7), NOON + timedelta(hours=1))
    assert (found.by_itself.about, found.sites) == (30, ())


def test_repeats_raise_the_number_beside_their_event(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    first = event(kind="app", allowed=False)
    recorder.note(first)
    for _ in range(7):
        recorder.note(Tally(NOON, "a.larch", "facebook", "app", False, first.id))
    assert recorder.close(10) == 0
    assert stored("SELECT event, number FROM repeats") == [(first.id, 7)]
    assert stored(COUNTED) == [("app", 0, 8)]


def test_what_could_not_be_counted_in_time_is_counted_as_refused(state: Path, stored: Ask) -> None:
    open_record(state)
    recorder = Recorder(RecordFile(state / FILE_NAME, "rw", patience=0.01))
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recorder.start()
        with pytest.raises(NotDurable):
            asyncio.run(recorder.durable(EMBED, 0.3))
        other.execute("ROLLBACK")
    assert recorder.close(10) == 0
    assert stored(COUNTED) == [("embed", 0, 1)]


def test_one_that_is_cancelled_after_it_was_counted_is_counted_as_refused(
    recorder: Recorder, stored: Ask
) -> None:
    async def cancelled() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(recorder.durable(EMBED, 10))
        for _ in range(2):  # for it to be queued, and for the writer to be called
            await asyncio.sleep(0)
        # Without giving way again, so that the loop cannot tell the task that it is done.
        wait_until(lambda: recorder.state.written)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())
    assert recorder.close(10) == 0
    assert stored(COUNTED) == [("embed", 0, 1)]


def test_a_batch_that_reached_the_disk_after_all_is_not_added_again(
    database: Database, stored: Ask
) -> None:
    batch = Batch("w", 1, additions_of([tally_row(EMBED)] * 3, []), 0)
    for attempt in range(3):
        with database.writer() as connection, connection.begin():
            write_tallies(connection, batch, careful=attempt > 0)
    assert stored(COUNTED) == [("embed", 1, 3)]
    with database.writer() as connection, connection.begin():
        write_tallies(connection, batch._replace(number=2), careful=True)
    assert stored(COUNTED) == [("embed", 1, 6)]


def test_old_writers_are_forgotten(database: Database, stored: Ask) -> None:
    rows = additions_of([tally_row(EMBED)], [])
    month = 30 * 24 * 3_600_000_000
    for number, writer in enumerate(("a", "b"), 1):
        with database.writer() as connection, connection.begin():
            write_tallies(connection, Batch(writer, 1, rows, number * month), careful=False)
    assert stored("SELECT writer FROM writers") == [("b",)]


def test_a_time_without_a_zone_or_an_impossible_event_is_refused(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="time zone"):
        recorder.note(replace(EMBED, at=datetime(2026, 11, 18, 12)))  # noqa: DTZ001
    with pytest.raises(ValueError, match="cannot be the id"):
        recorder.note(replace(EMBED, repeat_of=0))
