"""Conversations with the recorder: what is told, what the file says afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.events import LARGEST_ID, Completion, Event
from storage.record_file import RecordFile
from storage.recorder import NotDurable, Recorder
from storage.writing import EVENT_COLUMNS, UNAVAILABLE
from tests.storage.kept import Kept
from tests.support import pace

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]

ENDED = datetime(2026, 11, 18, 12, 5, tzinfo=UTC)


eventually = partial(pace.eventually, within=10)


@pytest.fixture
def impatient(kept: Kept, database: Database) -> Iterator[Recorder]:
    """A recorder that finds out quickly that the record is locked."""
    running = Recorder(kept.impatient())
    running.start()
    yield running
    running.close(10)


COUNTED = "SELECT * FROM counts ORDER BY 1, 2, 3, 4, 5, 6"
# From the moments in the events: hours, days, and weeks since Monday 5 January 1970.
RECOUNTED = (
    " UNION ALL ".join(
        f"SELECT {span}, (at / 3600000000 - {offset}) / {span} * {span} + {offset}, "
        "site, coalesce(person, ''), kind, allowed, count(*) FROM events GROUP BY 1, 2, 3, 4, 5, 6"
        for span, offset in ((1, 0), (24, 0), (168, 96))
    )
    + " ORDER BY 1, 2, 3, 4, 5, 6"
)


def test_everything_an_event_says_is_in_the_file(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    told = event(path="/barningham", confidence=90, at=ENDED + timedelta(microseconds=7))
    recorder.note(told)
    assert recorder.close(10) == 0
    (row,) = stored(f"SELECT {', '.join(EVENT_COLUMNS)} FROM events")
    assert row[1] == 1_795_003_500_000_007
    assert row[2:] == astuple(told)[2 : len(EVENT_COLUMNS)]
    assert stored("SELECT status, bytes_up, bytes_down, ended_at FROM events") == [(None,) * 4]


def test_an_event_is_in_the_file_when_durable_returns(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    told = event()
    asyncio.run(recorder.durable(told, 10))
    assert stored("SELECT id, allowed FROM events") == [(told.id, 1)]
    assert recorder.state.pending == 0
    assert recorder.state.written == 1


def test_many_clients_share_commits(recorder: Recorder, event: Make, stored: Ask) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(recorder.durable(event(), 10) for _ in range(500)))

    asyncio.run(all_at_once())
    assert stored("SELECT count(*) FROM events") == [(500,)]
    assert stored(COUNTED) == stored(RECOUNTED)


def test_what_a_loop_has_at_hand_is_one_commit(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    async def a_few_at_once() -> None:
        await asyncio.gather(*(recorder.durable(event(), 10) for _ in range(20)))

    asyncio.run(a_few_at_once())
    assert stored("SELECT rows FROM seals WHERE what = 'events'") == [(20,)]


def test_a_completion_is_added_once(recorder: Recorder, event: Make, stored: Ask) -> None:
    told = [event() for _ in range(1_500)]
    for one in told:
        recorder.note(one)
        recorder.complete(Completion(one.id, 200, 300, 2**40, ENDED))
    recorder.complete(Completion(told[0].id, 500, 1, 1, ENDED))
    recorder.complete(Completion(told[-1].id + 1, 200, 1, 1, ENDED))
    assert recorder.close(10) == 0
    assert stored("SELECT DISTINCT status, bytes_up, bytes_down, ended_at FROM events") == [
        (200, 300, 2**40, 1_795_003_500_000_000)
    ]


def test_a_completion_does_not_wait_for_the_next_event(
    recorder: Recorder, event: Make, stored: Ask
) -> None:
    told = event()
    recorder.note(told)
    recorder.complete(Completion(told.id, None, 0, 0, ENDED))
    eventually(lambda: stored("SELECT count(*) FROM events WHERE ended_at IS NOT NULL") == [(1,)])


def test_no_completion_is_kept_beyond_the_limit(
    database: Database, event: Make, stored: Ask
) -> None:
    recorder = Recorder(database, limit=3)
    told = [event() for _ in range(3)]
    for one in told:
        recorder.note(one)
    for status in (1, 2, 3, 4):
        recorder.complete(Completion(told[min(status, 3) - 1].id, status, 0, 0, ENDED))
    recorder.start()
    recorder.close(10)
    assert stored("SELECT status FROM events ORDER BY id") == [(None,), (2,), (3,)]


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("/caf\udce9", "/caf\\udce9"),
        ("/a\0b\x1b[31m\r\n", "/a\\x00b\\x1b[31m\\r\\n"),
        ("/naïve £5 ✓", "/naïve £5 ✓"),
        ("/a\u00a0b", "/a\u00a0b"),
        ("x" * 70_000, "x" * 2_000),
    ],
)
def test_hostile_text_is_kept_harmlessly(
    recorder: Recorder, event: Make, stored: Ask, sent: str, written: str
) -> None:
    recorder.note(event(path=sent))
    recorder.close(10)
    assert stored("SELECT path FROM events") == [(written,)]


@pytest.mark.parametrize(
    "wrong",
    [{"id": 0}, {"id": LARGEST_ID + 1}, {"at": datetime(2026, 1, 1)}],  # noqa: DTZ001
)
def test_an_impossible_event_is_refused_at_the_door(
    recorder: Recorder, event: Make, wrong: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"cannot be the id|needs a time zone"):
        recorder.note(event(**wrong))
    asyncio.run(recorder.durable(event(), 10))


class TestTooLate:
    def test_an_event_not_yet_written_goes_on_record_as_refused(
        self, database: Database, event: Make, stored: Ask
    ) -> None:
        recorder = Recorder(database)
        told = event()
        with pytest.raises(NotDurable, match=r"took longer than 0.05 seconds"):
            asyncio.run(recorder.durable(told, 0.05))
        recorder.start()
        recorder.close(10)
        assert stored("SELECT id, allowed, outcome, rule, clause FROM events") == [
            (told.id, 0, UNAVAILABLE, None, None)
        ]
        assert stored(COUNTED) == stored(RECOUNTED)

    def test_a_refused_event_stays_as_it_is(
        self, database: Database, event: Make, stored: Ask
    ) -> None:
        recorder = Recorder(database)
        with pytest.raises(NotDurable):
            asyncio.run(recorder.durable(event(allowed=False, outcome="no-purpose"), 0.01))
        recorder.start()
        recorder.close(10)
        assert stored("SELECT allowed, outcome FROM events") == [(0, "no-purpose")]

    def test_while_the_record_is_locked(
        self, kept: Kept, impatient: Recorder, event: Make, stored: Ask
    ) -> None:
        with kept.locked():
            with pytest.raises(NotDurable, match=r"locked( by another program)?: close it"):
                asyncio.run(impatient.durable(event(), 0.5))
            assert stored("SELECT * FROM events") == []
        eventually(lambda: impatient.state.written == 1)
        assert stored("SELECT allowed, outcome FROM events") == [(0, UNAVAILABLE)]

    def test_while_the_writer_waits_its_turn(
        self, kept: Kept, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        with kept.locked():
            recorder.note(event())  # the writer waits with this one and the next
            with pytest.raises(NotDurable):
                asyncio.run(recorder.durable(event(), 0.5))
        eventually(lambda: recorder.state.written == 2)
        assert stored("SELECT allowed, outcome FROM events ORDER BY id") == [
            (1, "purpose"),
            (0, UNAVAILABLE),
        ]
        assert stored("SELECT * FROM corrections") == []
        assert stored(COUNTED) == stored(RECOUNTED)

    def test_in_the_middle_of_the_commit(
        self, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        """Hundreds of waits about as long as a commit: the record agrees with each answer."""
        answers: dict[int, bool] = {}

        async def ask(wait: float) -> None:
            told = event()
            try:
                await recorder.durable(told, wait)
                answers[told.id] = True
            except NotDurable:
                answers[told.id] = False

        async def everyone() -> None:
            for turn in range(60):
                await asyncio.gather(*(ask(turn * n / 20_000) for n in range(8)))
            await ask(10)

        asyncio.run(everyone())
        assert recorder.close(10) == 0
        on_record = dict(stored("SELECT id, allowed FROM events"))
        assert on_record == {told: int(allowed) for told, allowed in answers.items()}
        assert stored(COUNTED) == stored(RECOUNTED)
        assert set(answers.values()) == {True, False}

    def test_a_correction_keeps_what_was_said_before(
        self, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        told = event()

        async def cancelled_once_recorded() -> None:
            waiting = asyncio.create_task(recorder.durable(told, 10))
            for _ in range(2):  # it is told, and the writer is called
                await asyncio.sleep(0)
            # The loop is kept busy, so the answer cannot be delivered before the task is cancelled.
            eventually(lambda: recorder.state.written == 1)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting

        asyncio.run(cancelled_once_recorded())
        recorder.close(10)
        assert stored("SELECT id, allowed, outcome, rule FROM events") == [
            (told.id, 0, UNAVAILABLE, None)
        ]
        assert stored("SELECT event, outcome, reason, rule, clause FROM corrections") == [
            (told.id, told.outcome, told.reason, told.rule, told.clause)
        ]
        assert stored(COUNTED) == stored(RECOUNTED)

    def test_a_cancelled_wait_is_never_on_record_as_allowed(
        self, database: Database, event: Make, stored: Ask
    ) -> None:
        recorder = Recorder(database)

        async def cancelled() -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(recorder.durable(event(), 60), 0.05)

        asyncio.run(cancelled())
        recorder.start()
        recorder.close(10)
        assert stored("SELECT allowed FROM events") == [(0,)]

    def test_an_answer_to_a_loop_that_has_ended_harms_nobody(
        self, kept: Kept, impatient: Recorder, event: Make
    ) -> None:
        async def give_up() -> None:
            asyncio.get_running_loop().create_task(impatient.durable(event(), 60))
            await asyncio.sleep(0)

        with kept.locked():
            asyncio.run(give_up())
        eventually(lambda: impatient.state.written == 1)


class TestAFullQueue:
    def test_what_does_not_fit_is_counted_as_lost(
        self, database: Database, event: Make, stored: Ask
    ) -> None:
        recorder = Recorder(database, limit=3)
        for _ in range(5):
            recorder.note(event())
        assert (recorder.state.pending, recorder.state.lost) == (3, 2)
        with pytest.raises(NotDurable, match="Too many events wait"):
            asyncio.run(recorder.durable(event(), 60))
        recorder.start()
        assert recorder.close(10) == 0
        assert stored("SELECT count(*) FROM events") == [(3,)]

    def test_the_oldest_event_tells_how_far_behind_the_record_is(
        self, database: Database, event: Make
    ) -> None:
        recorder = Recorder(database)
        assert recorder.state.lag == 0
        recorder.note(event())
        time.sleep(0.02)
        recorder.note(event())
        assert recorder.state.lag >= 0.02


class TestClosing:
    def test_what_could_not_be_written_is_told(
        self, kept: Kept, impatient: Recorder, event: Make
    ) -> None:
        with kept.locked():
            for _ in range(7):
                impatient.note(event())
            assert impatient.close(0.2) == 7

    def test_those_who_wait_are_refused(
        self, kept: Kept, impatient: Recorder, event: Make, stored: Ask
    ) -> None:
        async def wait_and_close() -> None:
            waiting = asyncio.create_task(impatient.durable(event(), 60))
            await asyncio.sleep(0.05)
            assert await asyncio.to_thread(impatient.close, 0.1) == 1
            with pytest.raises(NotDurable, match="Schoolgate is stopping"):
                await waiting

        with kept.locked():
            asyncio.run(wait_and_close())
        assert stored("SELECT count(*) FROM events WHERE allowed") == [(0,)]

    def test_nothing_is_taken_afterwards(self, recorder: Recorder, event: Make) -> None:
        recorder.close(10)
        recorder.note(event())
        assert recorder.state.lost == 1
        with pytest.raises(NotDurable):
            asyncio.run(recorder.durable(event(), 1))

    def test_a_recorder_never_started_closes_too(self, database: Database, event: Make) -> None:
        recorder = Recorder(database)
        recorder.note(event())
        assert recorder.close(1) == 1


class TestTheSameId:
    def test_another_event_with_a_known_id_is_not_written(
        self, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        first = event()
        asyncio.run(recorder.durable(first, 10))
        with pytest.raises(NotDurable, match="id belongs to another event"):
            asyncio.run(recorder.durable(replace(first, site="instagram"), 10))
        assert "Two workers gave out the same event ids" in str(recorder.state.last_error)
        assert recorder.state.lost == 1
        asyncio.run(recorder.durable(event(), 10))
        assert stored("SELECT site FROM events") == [("facebook",), ("facebook",)]
        assert stored(COUNTED) == stored(RECOUNTED)

    def test_the_same_event_twice_is_written_once(
        self, database: Database, event: Make, stored: Ask
    ) -> None:
        recorder = Recorder(database)
        told = event()
        recorder.note(told)
        recorder.note(told)
        recorder.start()
        assert recorder.close(10) == 0
        assert recorder.state.lost == 0
        assert stored("SELECT count(*) FROM events") == [(1,)]
        assert stored(COUNTED) == stored(RECOUNTED)


def test_a_commit_that_was_thought_lost_is_not_counted_twice(
    database: Database, event: Make, stored: Ask
) -> None:
    """Seen from the writer: an attempt reached the disk, and the program did not hear of it."""
    from storage.writing import Line, Work, event_row, refused, write

    told, late, too_late = (event_row(event()) for _ in range(3))
    first = Work([Line(told, False), Line(late, False), Line(too_late, True)], [], [])
    again = Work([Line(told, False), Line(late, True), Line(too_late, True)], [], [])
    for work in (first, again, again):
        with database.writer() as connection, connection.begin():
            assert write(connection, work, ENDED, careful=True) == set()
    assert stored("SELECT allowed FROM events ORDER BY id") == [(1,), (0,), (0,)]
    assert stored(COUNTED) == stored(RECOUNTED)
    assert refused(refused(told)) == refused(told)


def test_a_completion_is_found_by_its_key(file_database: RecordFile) -> None:
    """Or a thousand completions would read the whole record a thousand times."""
    with file_database.reading() as connection:
        from storage.writing import _complete

        plan = connection.execute(
            text("EXPLAIN QUERY PLAN " + _complete.of_size(4).replace("?", "1"))
        ).fetchall()
    assert any("SEARCH events USING INTEGER PRIMARY KEY" in row[-1] for row in plan)
    assert not any("SCAN events" in row[-1] for row in plan)
