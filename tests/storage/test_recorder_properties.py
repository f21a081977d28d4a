"""Whatever the recorder is told, in whatever order and trouble, is exactly what is on record."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from storage.database import FILE_NAME, open_record, open_record_readonly
from storage.events import Completion, Event, EventIds
from storage.record_file import RecordFile
from storage.recorder import NotDurable, Recorder
from storage.verifying import verify

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
PLAIN = Event(
    id=1,
    at=NOON,
    person=None,
    source="",
    address="192.168.1.20",
    site="facebook",
    host="facebook.com",
    scheme="https",
    method="GET",
    kind="navigation",
    allowed=True,
    outcome="purpose",
    reason="A school purpose.",
)

steps = some.lists(
    some.one_of(
        some.tuples(some.just("note"), some.booleans()),
        some.tuples(some.just("durable"), some.sampled_from([0.0, 0.001, 0.01, 20.0])),
        some.tuples(some.just("complete"), some.integers(0, 30)),
        some.tuples(some.just("lock"), some.booleans()),
        some.tuples(some.just("pause"), some.sampled_from([0.0, 0.005, 0.03])),
        some.tuples(some.just("restart"), some.just(None)),
    ),
    max_size=30,
)


class Conversation:
    """The recorder, another program that may lock the file, and what the record should say."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.ids = EventIds()
        self.expected: dict[int, bool] = {}
        self.completed: set[int] = set()
        self.other = open_record(state).connect()
        self.recorder = self.begin()

    def begin(self) -> Recorder:
        recorder = Recorder(RecordFile(self.state / FILE_NAME, "rw", patience=0.005))
        recorder.start()
        return recorder

    def event(self, allowed: bool, number: int) -> Event:
        at = NOON + timedelta(minutes=7 * number)
        person = ("a.larch", "b.birch", None)[number % 3]
        return replace(PLAIN, id=self.ids.next(at), at=at, person=person, allowed=allowed)

    async def durable(self, event: Event, within: float) -> None:
        try:
            await self.recorder.durable(event, within)
            self.expected[event.id] = True
        except NotDurable:
            self.expected[event.id] = False

    async def hold(self, said: list[tuple[str, object]]) -> None:
        waiting = []
        for number, (word, detail) in enumerate(said):
            if word == "note":
                event = self.event(bool(detail), number)
                self.recorder.note(event)
                self.expected[event.id] = bool(detail)
            elif word == "durable":
                assert isinstance(detail, float)
                waiting.append(asyncio.create_task(self.durable(self.event(True, number), detail)))
                await asyncio.sleep(0)
            elif word == "complete" and self.expected:
                assert isinstance(detail, int)
                event_id = list(self.expected)[detail % len(self.expected)]
                self.recorder.complete(Completion(event_id, 200, 10, 20, NOON))
                self.completed.add(event_id)
            elif word == "lock":
                self.lock(bool(detail))
            elif word == "pause":
                assert isinstance(detail, float)
                await asyncio.sleep(detail)
            elif word == "restart":
                self.lock(False)
                await asyncio.gather(*waiting)
                assert await asyncio.to_thread(self.recorder.close, 20) == 0
                self.recorder = self.begin()
        self.lock(False)
        await asyncio.gather(*waiting)
        assert await asyncio.to_thread(self.recorder.close, 20) == 0

    def lock(self, wanted: bool) -> None:
        if wanted and not self.other.in_transaction:
            self.other.execute("PRAGMA busy_timeout=5000")
            self.other.execute("BEGIN IMMEDIATE")
        elif not wanted and self.other.in_transaction:
            self.other.rollback()


@settings(max_examples=40, deadline=None)
@given(steps)
def test_the_record_holds_exactly_what_was_told(said: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        conversation = Conversation(Path(folder))
        try:
            asyncio.run(conversation.hold(said))
        finally:
            conversation.other.close()
            conversation.recorder.close(0)
        found = verify(open_record_readonly(Path(folder)))
        assert (found.broken, found.events) == (None, len(conversation.expected))
        with closing(sqlite3.connect(Path(folder) / FILE_NAME)) as file:
            rows = dict(file.execute("SELECT id, allowed FROM events"))
            assert rows == {key: int(value) for key, value in conversation.expected.items()}
            ended = {key for (key,) in file.execute("SELECT id FROM events WHERE status = 200")}
            assert ended == conversation.completed
            assert (
                file.execute(
                    "SELECT start, site, person, kind, allowed, number FROM counts WHERE span = 1 "
                    "ORDER BY 1, 2, 3, 4, 5"
                ).fetchall()
                == file.execute(
                    "SELECT at / 3600000000, site, ifnull(person, ''), kind, allowed, count(*) "
                    "FROM events GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
                ).fetchall()
            )
