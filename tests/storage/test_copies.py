"""Copies are whole, restoring says so in the chain, and damage is set aside."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from storage.continuity import Break
from storage.copies import backup, open_or_begin_anew, restore
from storage.database import FILE_NAME, RecordError, open_record, open_record_readonly
from storage.events import Event
from storage.record_file import RecordFile
from storage.recorder import Recorder
from storage.verifying import head, verify
from tests.storage.conftest import NOON

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]


def record(state: Path, events: list[Event]) -> None:
    recorder = Recorder(open_record(state))
    recorder.start()
    for each in events:
        recorder.note(each)
    assert recorder.close(10) == 0


def last_note(state: Path) -> dict[str, str]:
    with closing(sqlite3.connect(state / FILE_NAME)) as file:
        (text,) = file.execute(
            "SELECT facts FROM seals WHERE what = 'note' ORDER BY number DESC"
        ).fetchone()
    return dict(json.loads(text))


def test_a_copy_made_under_load_is_whole(state: Path, event: Make, tmp_path: Path) -> None:
    database = open_record(state)
    recorder = Recorder(database)
    recorder.start()
    done = threading.Event()

    async def clients() -> None:
        while not done.is_set():
            await asyncio.gather(*(recorder.durable(event(), 20) for _ in range(20)))

    load = threading.Thread(target=lambda: asyncio.run(clients()))
    load.start()
    copies = [tmp_path / f"copy-{number}.sqlite3" for number in range(3)]
    heads = [backup(open_record_readonly(state), each) for each in copies]
    done.set()
    load.join()
    assert recorder.close(10) == 0
    for copy, newest in zip(copies, heads, strict=True):
        assert copy.stat().st_mode & 0o777 == 0o600
        found = verify(RecordFile(copy, "ro"))
        assert (found.broken, found.head) == (None, newest)
        assert verify(database, [str(newest)]).broken is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "copy-0.sqlite3", "copy-1.sqlite3", "copy-2.sqlite3", "var",
    ]  # fmt: skip


def test_a_copy_never_goes_over_a_file(state: Path, tmp_path: Path) -> None:
    open_record(state)
    (tmp_path / "there").write_text("x")
    with pytest.raises(RecordError, match="exists already: name another file"):
        backup(open_record_readonly(state), tmp_path / "there")
    with pytest.raises(RecordError, match="No such file or directory"):
        backup(open_record_readonly(state), tmp_path / "none" / "copy")


def test_a_copy_put_back_says_so(state: Path, event: Make, tmp_path: Path, stored: Ask) -> None:
    record(state, [event() for _ in range(10)])
    copy = tmp_path / "copy.sqlite3"
    backup(open_record_readonly(state), copy)
    record(state, [event() for _ in range(5)])
    left = head(open_record_readonly(state))
    aside = restore(state, copy, NOON)
    assert aside == state / "record.before-restore-20261118-120000.sqlite3"
    assert stored("SELECT count(*) FROM events") == [(10,)]
    assert last_note(state) == {
        "why": "A copy was put back.",
        "copy": "copy.sqlite3",
        "set aside as": aside.name,
        "its head": str(left),
    }
    assert verify(open_record_readonly(state)).broken is None
    assert verify(open_record_readonly(state), [str(left)]).broken
    assert verify(RecordFile(aside, "ro")).events == 15
    assert copy.exists()


def test_a_copy_goes_where_there_is_no_record(state: Path, event: Make, tmp_path: Path) -> None:
    record(state, [event()])
    copy = tmp_path / "copy.sqlite3"
    backup(open_record_readonly(state), copy)
    assert restore(tmp_path / "new", copy, NOON) is None
    assert verify(open_record_readonly(tmp_path / "new")).events == 1


def test_nothing_is_restored_while_it_is_in_use(state: Path, event: Make, tmp_path: Path) -> None:
    record(state, [event()])
    copy = tmp_path / "copy.sqlite3"
    backup(open_record_readonly(state), copy)
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with pytest.raises(RecordError, match="is in use: stop Schoolgate first"):
        restore(state, copy, NOON)
    os.close(lock)
    with closing(sqlite3.connect(state / FILE_NAME)) as other:
        other.execute("SELECT count(*) FROM events").fetchall()
        with pytest.raises(RecordError, match="is in use: stop Schoolgate first"):
            restore(state, copy, NOON)
    assert restore(state, copy, NOON)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nothing", "There is no file"),
        ("noise", "is not a Schoolgate record"),
        ("empty", "is not a Schoolgate record"),
        ("another", "is not a Schoolgate record"),
        ("newer", "was written by a newer Schoolgate: update this program"),
        ("damaged", "is damaged"),
    ],
)
def test_only_a_whole_copy_of_a_record_is_put_back(
    state: Path, event: Make, tmp_path: Path, what: str, words: str
) -> None:
    record(state, [event() for _ in range(500)])
    copy = tmp_path / "copy.sqlite3"
    if what == "noise":
        copy.write_bytes(b"noise" * 5_000)
    elif what == "another":
        with closing(sqlite3.connect(copy)) as other:
            other.execute("CREATE TABLE cookies (name)")
    elif what == "empty":
        copy.touch()
    elif what == "newer":
        backup(open_record_readonly(state), copy)
        with closing(sqlite3.connect(copy)) as file, file:
            file.execute("UPDATE alembic_version SET version_num = '9999'")
    elif what == "damaged":
        backup(open_record_readonly(state), copy)
        with copy.open("r+b") as file:
            file.seek(12_288)
            file.write(b"\xff" * 40_000)
    before = head(open_record_readonly(state))
    with pytest.raises(RecordError, match=words):
        restore(state, copy, NOON)
    assert head(open_record_readonly(state)) == before
    kept = {path.name for path in state.iterdir() if not path.name.endswith(("-wal", "-shm"))}
    assert kept <= {FILE_NAME, "lock"}


class TestDamage:
    @pytest.mark.parametrize("where", [0, 100, 20_000])
    def test_is_set_aside_and_a_new_record_says_so(
        self, state: Path, event: Make, where: int
    ) -> None:
        record(state, [event() for _ in range(2_000)])
        with (state / FILE_NAME).open("r+b") as file:
            file.seek(where)
            file.write(b"\xff" * 9_000)
        spoilt = (state / FILE_NAME).read_bytes()
        database, broken = open_or_begin_anew(state, NOON)
        assert broken
        aside = broken.aside
        assert aside == state / "record.damaged-20261118-120000.sqlite3"
        assert aside.read_bytes() == spoilt
        assert last_note(state)["set aside as"] == aside.name
        found = verify(database)
        assert (found.broken, found.events) == (None, 0)
        assert (broken.how, broken.at, broken.carried) == (Break.DAMAGED, NOON, 0)
        later = NOON + timedelta(seconds=1)
        assert open_or_begin_anew(state, later)[1] is None, "the new one is well"

    def test_is_not_seen_where_there_is_none(self, state: Path, event: Make) -> None:
        assert open_or_begin_anew(state, NOON)[1] is None
        record(state, [event()])
        assert open_or_begin_anew(state, NOON)[1] is None

    def test_another_programs_database_is_left_alone(self, state: Path) -> None:
        state.mkdir()
        with closing(sqlite3.connect(state / FILE_NAME)) as other:
            other.execute("CREATE TABLE cookies (name)")
        with pytest.raises(RecordError, match="is not a Schoolgate record"):
            open_or_begin_anew(state, NOON)
