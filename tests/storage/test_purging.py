"""What is old goes, what is held stays, nobody waits, and the chain is whole afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from storage.bindings import Binding, bindings_at, write_bindings
from storage.connections import Database
from storage.database import FILE_NAME, open_record
from storage.events import Completion, Event, EventIds, first_id
from storage.holds import hold, holds, release
from storage.purging import due, purge_bindings, purge_events
from storage.purging_figures import purge_figures
from storage.purging_visits import purge_visits
from storage.record_file import RecordFile
from storage.recorder import Recorder
from storage.tallies import Tally
from storage.verifying import head, verify
from storage.visit_keeping import visits_between
from storage.writing import Line, Work, completion_row, event_row, write
from tests.storage.conftest import ALLOWED, NOON
from tests.storage.kept import REFUSALS, Kept
from tests.support.pace import promised

Ask = Callable[[str], list[tuple[object, ...]]]
DAY = timedelta(days=1)


def no_rest(_seconds: float) -> None:
    """Nobody else is there."""


def fill(
    database: Database, days: int = 10, a_day: int = 40, people: int = 4, begin: datetime = NOON
) -> list[Event]:
    """Two workers take turns; the second's completions come a batch late, some a day late."""
    ids = [EventIds(worker, database.last_event_id()) for worker in (0, 1)]
    told: list[Event] = []
    late: list[Event] = []
    with closing(database.writer()) as connection:
        for day in range(days):
            for batch in range(a_day // 10):
                at = begin + DAY * day + timedelta(minutes=batch)
                events = [
                    replace(ALLOWED, id=ids[n % 2].next(at), at=at, person=f"p.{n % people}")
                    for n in range(10)
                ]
                ended = [*late, *events[:4]]
                late = events[5:7] if batch % 3 else told[-30:-29]
                work = Work(
                    [Line(event_row(each), False) for each in events],
                    [each.id for each in events[9:] + told[-25:-24]] if batch % 2 else [],
                    [completion_row(Completion(each.id, 200, 1, 2, at)) for each in ended],
                )
                with connection.begin():
                    write(connection, work, at, careful=False)
                told += events
    return told


def test_what_is_old_goes_and_the_rest_is_whole(kept: Kept, stored: Ask) -> None:
    database = kept.open()
    told = fill(database)
    before = NOON + 6 * DAY
    old = [each for each in told if each.at < before]
    expected = due(database, before)
    assert (expected.events, expected.held) == (len(old), 0)
    assert (expected.since, expected.until) == (old[0].at, old[-1].at)
    newest = head(database)
    removed = purge_events(database, before, "Kept for 90 days.", lambda: NOON + 11 * DAY, step=37)
    assert removed == len(old)
    assert stored("SELECT id FROM events ORDER BY id") == [
        (each.id,) for each in sorted(told, key=lambda e: e.id) if each.at >= before
    ]
    assert stored(
        "SELECT count(*) FROM corrections WHERE event < (SELECT min(id) FROM events)"
    ) == [(0,)]
    found = verify(kept.readonly(), [str(newest)])
    assert found.broken is None
    assert found.events == len(told) - len(old)
    assert sum(each.events for each in found.purged) == len(old)
    assert {each.why for each in found.purged} == {"Kept for 90 days."}
    assert found.purged[0].since == old[0].at
    assert found.purged[-1].until == old[-1].at


def test_a_purge_with_nothing_to_do_leaves_nothing(kept: Kept) -> None:
    database = kept.open()
    fill(database, days=1)
    before = head(database)
    assert purge_events(database, NOON - DAY, "x", lambda: NOON, rest=no_rest) == 0
    assert head(database) == before


def test_a_legal_hold_goes_before_the_policy(kept: Kept, stored: Ask) -> None:
    database = kept.open()
    told = fill(database)
    hold(database, "p.2", "head.teacher", "A case is being prepared.", NOON)
    (standing,) = holds(database)
    assert (standing.person, standing.ended) == ("p.2", None)
    theirs = [each for each in told if each.person == "p.2"]
    expected = due(database, NOON + 20 * DAY)
    assert (expected.events, expected.held) == (len(told) - len(theirs), len(theirs))
    later = NOON + 11 * DAY
    for _ in range(2):
        purge_events(database, NOON + 20 * DAY, "x", lambda: later, step=25, rest=no_rest)
        assert stored("SELECT DISTINCT person FROM events") == [("p.2",)]
        assert verify(database).broken is None
        assert verify(database).events == len(theirs)
    assert release(database, "p.2", "head.teacher", later) == 1
    assert release(database, "p.2", "head.teacher", later) == 0
    purge_events(database, NOON + 20 * DAY, "x", lambda: later, rest=no_rest)
    assert stored("SELECT count(*) FROM events") == [(0,)]
    found = verify(database)
    assert (found.broken, found.events) == (None, 0)


@settings(max_examples=15, deadline=None)
@given(
    days=some.integers(1, 6),
    cuts=some.lists(some.integers(0, 7), max_size=4),
    held=some.sets(some.integers(0, 3), max_size=2),
    step=some.sampled_from([1, 7, 1_000]),
)
def test_whatever_is_purged_the_rest_can_be_verified(
    days: int, cuts: list[int], held: set[int], step: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = open_record(Path(folder))
        expected = {each.id: each.person for each in fill(database, days, 30)}
        people = {f"p.{number}" for number in held}
        for person in people:
            hold(database, person, "x", "y", NOON)
        for number, cut in enumerate(cuts):
            before = NOON + cut * DAY
            purge_events(database, before, "z", lambda: NOON, step=step, rest=no_rest)
            expected = {
                key: person
                for key, person in expected.items()
                if key >= first_id(before) or person in people
            }
            expected |= {
                each.id: each.person
                for each in fill(database, 1, 10, begin=NOON + (9 + number) * DAY)
            }
        found = verify(database)
        assert (found.broken, found.events) == (None, len(expected))
        with closing(sqlite3.connect(Path(folder) / FILE_NAME)) as file:
            assert {key for (key,) in file.execute("SELECT id FROM events")} == set(expected)


def test_deleting_what_a_tombstone_does_not_cover_still_shows(kept: Kept) -> None:
    database = kept.open()
    fill(database)
    purge_events(database, NOON + 5 * DAY, "x", lambda: NOON, rest=no_rest)
    with pytest.raises(REFUSALS, match="The record is sealed"):
        kept.ask("DELETE FROM events")
    kept.unguarded("DELETE FROM events WHERE id = (SELECT min(id) FROM events)")
    assert verify(database).broken


def test_nobody_waits_for_a_purge(state: Path, event: Callable[..., Event]) -> None:
    database = open_record(state)
    fill(database, days=30, a_day=300)
    recorder = Recorder(RecordFile(state / FILE_NAME, "rw"))
    recorder.start()
    removed: list[int] = []
    purge = threading.Thread(
        target=lambda: removed.append(purge_events(database, NOON + 40 * DAY, "x", lambda: NOON))
    )
    waits = []

    async def clients() -> None:
        purge.start()
        while purge.is_alive():
            begun = time.monotonic()
            later = NOON + 50 * DAY
            await recorder.durable(event(id=IDS.next(later), at=later), 5)
            waits.append(time.monotonic() - begun)
            await asyncio.sleep(0.005)

    asyncio.run(clients())
    purge.join()
    assert recorder.close(10) == 0
    assert removed == [9_000]
    assert len(waits) > 10
    assert median(waits) < promised(0.25), "a request may wait for two seconds"
    found = verify(database)
    assert (found.broken, found.events) == (None, len(waits))


IDS = EventIds(3)


def test_figures_and_bindings_have_ends_of_their_own(kept: Kept, stored: Ask) -> None:
    database = kept.open()
    fill(database, days=30, a_day=10)
    purge_figures(database, NOON + 20 * DAY, "x", lambda: NOON, no_rest)
    hours = "SELECT min((start + span) * 3600) FROM counts WHERE span = {}"
    for span in (1, 24, 168):
        ((oldest,),) = stored(hours.format(span))
        assert isinstance(oldest, int)
        assert oldest > (NOON + 20 * DAY).timestamp()
        assert oldest <= (NOON + 20 * DAY).timestamp() + span * 3600 + 24 * 3600
    assert purge_figures(database, NOON + 20 * DAY, "x", lambda: NOON, no_rest) == 0

    def binding(number: int, person: str, ended: datetime | None) -> Binding:
        return Binding(
            number, person, "10.0.0.1", "", "address", "", 90, NOON, NOON, None, ended, "left"
        )

    write_bindings(
        database,
        [
            binding(1, "a", NOON),
            binding(2, "a", NOON + DAY),
            binding(3, "b", NOON),
            binding(4, "a", None),
        ],
    )
    hold(database, "b", "x", "y", NOON)
    assert purge_bindings(database, NOON + timedelta(hours=1), "Old.", NOON) == 1
    assert stored("SELECT id FROM bindings ORDER BY id") == [(2,), (3,), (4,)]
    assert [each.id for each in bindings_at(database, NOON + 2 * DAY)] == [4]


def test_room_is_given_back(state: Path) -> None:
    database = open_record(state)
    fill(database, days=10, a_day=200)
    with closing(database.connect()) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (state / FILE_NAME).stat().st_size
    purge_events(database, NOON + 20 * DAY, "x", lambda: NOON, rest=no_rest)
    purge_figures(database, NOON + 40 * DAY, "x", lambda: NOON, no_rest)
    with closing(database.connect()) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (state / FILE_NAME).stat().st_size < before / 5


def test_acts_and_repeats_go_with_their_events_and_visits_have_an_end_of_their_own(
    state: Path, stored: Ask
) -> None:
    database = open_record(state)
    recorder = Recorder(RecordFile(state / FILE_NAME, "rw"))
    recorder.start()
    ids = EventIds(4)
    for day in range(6):
        for person in ("a", "b"):
            for minute in (0, 1):
                at = NOON + DAY * day + timedelta(minutes=minute)
                recorder.note(
                    replace(ALLOWED, id=ids.next(at), at=at, person=person, inside=minute > 0)
                )
            at = NOON + DAY * day + timedelta(hours=1)
            app = replace(ALLOWED, id=ids.next(at), at=at, person=person, kind="app", allowed=False)
            recorder.note(app)
            recorder.note(Tally(at, person, "facebook", "app", False, repeat_of=app.id))
    assert recorder.close(10) == 0
    theirs = {
        person: visits_between(database, person, NOON, NOON + 9 * DAY) for person in ("a", "b")
    }
    assert [len(visits) for visits in theirs.values()] == [6, 6]
    assert theirs["a"][0].at_least == 60
    hold(database, "b", "x", "y", NOON)
    # As a run leaves it that died before it came to work out the visits.
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        file.execute("DELETE FROM visits WHERE person = 'a'")
        file.execute("INSERT INTO unsettled SELECT 'a', min(id) FROM acts WHERE person = 'a'")
    later = NOON + 9 * DAY
    assert purge_events(database, NOON + 4 * DAY, "x", lambda: later, step=5, rest=no_rest) == 12
    left = "SELECT person, count(*) FROM {} GROUP BY person ORDER BY person"
    assert stored(left.format("acts")) == [("a", 4), ("b", 12)]
    assert stored(left.format("repeats JOIN events ON event = events.id")) == [("a", 2), ("b", 6)]
    assert stored("SELECT count(*) FROM repeats") == [(8,)]
    assert verify(database).broken is None
    for person, visits in theirs.items():
        assert visits_between(database, person, NOON, later) == visits
    assert purge_visits(database, NOON + 2 * DAY, "y", lambda: later, rest=no_rest) == 2
    assert visits_between(database, "a", NOON, later) == theirs["a"][2:]
    assert visits_between(database, "b", NOON, later) == theirs["b"]
    assert purge_visits(database, NOON + 2 * DAY, "y", lambda: later, rest=no_rest) == 0
    release(database, "b", "x", later)
    assert purge_visits(database, NOON + 2 * DAY, "y", lambda: later, rest=no_rest) == 2
