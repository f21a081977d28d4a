"""How large the record is, when it is full, and that a purge ends that by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.access import Step, What, changing_access
from storage.bindings import Binding, write_bindings
from storage.database import FILE_NAME, open_file, open_record
from storage.events import Event, EventIds
from storage.purging import purge_events
from storage.purging_figures import purge_figures
from storage.record_file import RecordFile
from storage.recorder import NotDurable, Recorder, RecordFull
from storage.room import Gauge, said
from storage.verifying import verify
from tests.storage.conftest import ALLOWED, NOON
from tests.storage.test_recorder_in_trouble import eventually

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]

LIMIT = 3_000_000


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (20_000, "20 KB"),
        (20_000_000_000, "20 GB"),
        (1_500_000_000_000, "1.5 TB"),
    ],
)
def test_sizes_in_words(count: int, words: str) -> None:
    assert said(count) == words


def test_the_size_is_that_of_what_is_in_use_and_of_the_log(state: Path) -> None:
    database = open_file(state)
    gauge = Gauge(database, 10**9)
    with closing(sqlite3.connect(state / FILE_NAME)) as file:
        file.execute("CREATE TABLE ballast (x)")
        file.execute("INSERT INTO ballast VALUES (zeroblob(1000000))")
        file.commit()
        assert not gauge.look().full
        there = sum((state / f"{FILE_NAME}{end}").stat().st_size for end in ("", "-wal"))
        assert gauge.room.used >= there > 1_000_000
        database.cut_log()
        whole = (state / FILE_NAME).stat().st_size
        eventually(lambda: gauge.look().used == whole)
        file.execute("DROP TABLE ballast")
        file.commit()
        database.cut_log()
        assert (state / FILE_NAME).stat().st_size == whole, "a purge gives it back later"
        eventually(lambda: gauge.look().used < whole - 900_000)
    gauge.close()


def test_a_record_that_cannot_be_read_is_not_called_full(tmp_path: Path) -> None:
    gauge = Gauge(RecordFile(tmp_path / "none" / FILE_NAME, "rw"), 1)
    assert not gauge.look().full


def fill(recorder: Recorder, ids: EventIds, day: int) -> None:
    for number in range(500):
        at = NOON + timedelta(days=day, seconds=number)
        recorder.note(replace(ALLOWED, id=ids.next(at), at=at))


class TestAFullRecord:
    """Several days of events, on a record that has no room for them all."""

    @pytest.fixture
    def recorder(self, state: Path) -> Recorder:
        recorder = Recorder(open_record(state), room=LIMIT, limit=9_000)
        recorder.start()
        ids = EventIds(3)
        for day in range(40):
            fill(recorder, ids, day)
            eventually(lambda: recorder.state.pending == 0 or recorder.state.room.full)
            if recorder.state.room.full:
                time.sleep(0.6)  # the log beside the file may be cut, and there is room again
                if recorder.state.room.full:
                    break
        assert recorder.state.room.full
        return recorder

    def test_refuses_at_once_says_why_and_keeps_what_is_refused(
        self, state: Path, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        assert recorder.state.last_error == (
            "The record is full as the school has set it (3 MB): keep less of it (retention in the"
            " policy), or give it more room (--record-limit)."
        )
        with pytest.raises(RecordFull, match="full as the school has set it"):
            asyncio.run(recorder.durable(event(), 30))
        room = recorder.state.room
        assert room.used < LIMIT * 1.5
        waiting, lost = recorder.state.pending, recorder.state.lost
        for _ in range(9_100 - waiting):
            recorder.note(event(allowed=False))
        assert recorder.state.pending == 9_000
        assert recorder.state.lost == lost + 100
        assert recorder.close(60) == 0, "at the end, what waits is written all the same"
        assert stored("SELECT count(*) > 9000 FROM events") == [(1,)]

    def test_takes_what_is_not_an_event(self, state: Path, recorder: Recorder) -> None:
        database = open_record(state)
        with changing_access(database) as changes:
            changes.add(Step(at=NOON, what=What.WITHDRAW, person="larch", by="oak"))
        write_bindings(
            database,
            [Binding(1, "a", "10.0.0.1", "", "address", "", 90, NOON, NOON, None, None, "")],
        )
        recorder.close(0.5)

    def test_is_ended_by_a_purge(
        self, state: Path, recorder: Recorder, event: Make, stored: Ask
    ) -> None:
        recorder.note(event(allowed=False))
        waiting = recorder.state.pending
        database = open_record(state)
        before = NOON + timedelta(days=3)
        ((old,),) = stored(f"SELECT count(*) FROM events WHERE at < {before.timestamp() * 1e6}")
        assert purge_events(database, before, "x", lambda: NOON, rest=lambda _: None) == old
        purge_figures(database, before, "x", lambda: NOON, lambda _: None)
        eventually(lambda: not recorder.state.room.full)
        eventually(lambda: recorder.state.pending == 0)
        assert waiting
        assert recorder.state.last_error is None
        asyncio.run(recorder.durable(event(), 10))
        assert recorder.close(10) == 0
        assert verify(database).broken is None


def test_those_who_wait_when_it_becomes_full_are_told(state: Path, event: Make) -> None:
    recorder = Recorder(open_record(state), room=1)
    recorder.start()
    with pytest.raises(NotDurable, match="full as the school has set it"):
        asyncio.run(recorder.durable(event(), 30))
    assert recorder.close(0.5) <= 1
