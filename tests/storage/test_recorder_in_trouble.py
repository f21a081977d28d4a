"""The disk is full, the file locked, read-only or gone: nothing is lost, and all goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from storage.database import FILE_NAME, RecordError, open_record
from storage.events import Event, EventIds
from storage.record_file import RecordFile
from storage.recorder import NotDurable, Recorder
from storage.verifying import verify
from tests.support.pace import eventually, promised

Make = Callable[..., Event]
Ask = Callable[[str], list[tuple[object, ...]]]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")


def running(state: Path, limit: int = 100_000, patience: float = 0.01) -> Recorder:
    recorder = Recorder(RecordFile(state / FILE_NAME, "rw", patience), limit=limit)
    recorder.start()
    return recorder


def refused_because(recorder: Recorder, event: Event) -> str:
    with pytest.raises(NotDurable) as raised:
        asyncio.run(recorder.durable(event, promised(0.15)))
    return str(raised.value)


def test_a_locked_record(state: Path, event: Make, stored: Ask) -> None:
    database = open_record(state)
    recorder = running(state, limit=50)
    with closing(database.connect()) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(30):
            recorder.note(event())
        assert "locked: close it" in refused_because(recorder, event())
        assert recorder.state.pending == 31
        for _ in range(30):
            recorder.note(event())
        assert (recorder.state.pending, recorder.state.lost) == (50, 11)
        other.rollback()
    eventually(lambda: recorder.state.pending == 0)
    assert recorder.state.last_error is None
    asyncio.run(recorder.durable(event(), 10))
    recorder.close(10)
    assert stored("SELECT allowed, count(*) FROM events GROUP BY 1") == [(0, 1), (1, 50)]


def test_a_record_that_may_not_grow(state: Path, event: Make, stored: Ask) -> None:
    open_record(state)

    class Small(RecordFile):
        """A record on a disk with room for a few pages; `room` is how many."""

        room = 20

        def connect(self):  # type: ignore[no-untyped-def]
            connection = super().connect()
            connection.execute(f"PRAGMA max_page_count={self.room}")
            return connection

    database = Small(state / FILE_NAME, "rw")
    recorder = Recorder(database)
    recorder.start()
    for _ in range(2_000):
        recorder.note(event())
    eventually(lambda: recorder.state.last_error)
    assert "There is no room left for" in refused_because(recorder, event())
    Small.room = 1_000_000
    eventually(lambda: recorder.state.pending == 0)
    recorder.close(10)
    assert stored("SELECT count(*), sum(allowed) FROM events") == [(2_001, 2_000)]
    assert stored("SELECT sum(number) FROM counts WHERE span = 24") == [(2_001,)]


@as_root
class TestOnASmallDisk:
    @pytest.fixture
    def state(self, tmp_path: Path) -> Iterator[Path]:
        state = tmp_path / "disk"
        state.mkdir()
        options = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "none", str(state)]
        if subprocess.run(options, check=False).returncode:
            pytest.skip("needs leave to mount a small disk")
        yield state
        subprocess.run(["umount", str(state)], check=True)

    def test_a_full_disk(self, state: Path, event: Make, stored: Ask) -> None:
        open_record(state)
        recorder = running(state)
        asyncio.run(recorder.durable(event(), 10))
        ballast = state / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        for _ in range(3_000):
            recorder.note(event())
        eventually(lambda: recorder.state.last_error)
        assert "There is no room left for" in refused_because(recorder, event())
        ballast.unlink()
        eventually(lambda: recorder.state.pending == 0)
        asyncio.run(recorder.durable(event(), 10))
        assert recorder.close(10) == 0
        assert stored("SELECT count(*), sum(allowed) FROM events") == [(3_003, 3_002)]
        assert stored("SELECT sum(number) FROM counts WHERE span = 24") == [(3_003,)]

    def test_a_disk_that_becomes_read_only(self, state: Path, event: Make, stored: Ask) -> None:
        open_record(state)
        recorder = running(state)

        def remount(how: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{how}", str(state)], check=True)

        # A disk with a file open for writing cannot become read-only; the recorder has none yet.
        remount("ro")
        recorder.note(event())
        eventually(lambda: recorder.state.last_error)
        assert "make the file and its folder" in refused_because(recorder, event())
        remount("rw")
        eventually(lambda: recorder.state.pending == 0)
        assert recorder.close(10) == 0
        assert stored("SELECT count(*), sum(allowed) FROM events") == [(2, 1)]


class TestAFileThatGoes:
    def test_and_comes_back(self, state: Path, event: Make, stored: Ask) -> None:
        open_record(state)
        recorder = running(state)
        asyncio.run(recorder.durable(event(), 10))
        away = state / "away"
        away.mkdir()
        for path in list(state.glob("record*")):
            path.rename(away / path.name)
        assert "is gone: put it back" in refused_because(recorder, event())
        recorder.note(event())
        for path in list(away.glob("record*")):
            path.rename(state / path.name)
        eventually(lambda: recorder.state.pending == 0)
        recorder.close(10)
        assert stored("SELECT count(*), sum(allowed) FROM events") == [(3, 2)]

    def test_and_a_new_record_is_begun(self, state: Path, event: Make, stored: Ask) -> None:
        open_record(state)
        recorder = running(state)
        asyncio.run(recorder.durable(event(), 10))
        for path in list(state.glob("record*")):
            path.unlink()
        assert "is gone" in refused_because(recorder, event())
        open_record(state)
        eventually(lambda: recorder.state.pending == 0)
        asyncio.run(recorder.durable(event(), 10))
        recorder.close(10)
        assert stored("SELECT count(*), sum(allowed) FROM events") == [(2, 1)]

    def test_and_one_without_tables_takes_its_place(
        self, state: Path, event: Make, stored: Ask
    ) -> None:
        open_record(state)
        recorder = running(state)
        for path in list(state.glob("record*")):
            path.unlink()
        (state / FILE_NAME).touch()
        assert "does not hold the tables of a record" in refused_because(recorder, event())
        open_record(state)
        eventually(lambda: recorder.state.pending == 0)
        recorder.close(10)


class TestALogThatIsTakenAway:
    """SQLite itself goes on into a file without a name, which a sudden death would take away."""

    @pytest.mark.parametrize("ends", [("-wal",), ("-shm",), ("-wal", "-shm")])
    def test_stops_what_must_be_durable_and_loses_nothing(
        self, state: Path, event: Make, stored: Ask, ends: tuple[str, ...]
    ) -> None:
        database = open_record(state)
        recorder, other = running(state, patience=5), running(state, patience=5)
        for each in (recorder, other):
            asyncio.run(each.durable(event(), 10))
        with database.reading() as reader:  # as whoever follows grants and bindings does
            for end in ends:
                (state / f"{FILE_NAME}{end}").unlink()
            for each in (recorder, other):
                assert "was taken away while it was in use: restart" in refused_because(
                    each, event()
                )
                each.note(event(allowed=False))
            reader.rollback()
        assert (recorder.close(10), other.close(10)) == (0, 0)
        found = verify(open_record(state))
        assert found.broken is None
        assert stored("SELECT count(*), sum(allowed) FROM events") == [(6, 2)]

    def test_may_be_followed_by_a_new_one_after_a_restart(self, state: Path, event: Make) -> None:
        open_record(state)
        for _ in range(2):
            recorder = running(state, patience=5)
            asyncio.run(recorder.durable(event(), 10))
            (state / f"{FILE_NAME}-wal").unlink()
            assert "was taken away" in refused_because(recorder, event())
            recorder.close(10)
        found = verify(open_record(state))
        assert (found.broken, found.events) == (None, 4)


def test_a_folder_that_becomes_read_only(state: Path, event: Make, stored: Ask) -> None:
    """Who has the record open goes on; who comes later is told."""
    if os.geteuid():
        pytest.skip("needs root, to mount")
    open_record(state)
    recorder = running(state)
    asyncio.run(recorder.durable(event(), 10))
    mount = ["mount", "--bind", str(state), str(state)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("needs leave to mount")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(state)], check=True)
        asyncio.run(recorder.durable(event(), 10))
        with pytest.raises(RecordError, match="make the file and its folder writable"):
            open_record(state)
    finally:
        subprocess.run(["umount", str(state)], check=True)
    asyncio.run(recorder.durable(event(), 10))
    assert recorder.close(10) == 0
    assert stored("SELECT count(*), sum(allowed) FROM events") == [(3, 3)]


def test_attempts_become_rarer_and_closing_does_not_wait_for_the_next(
    state: Path, event: Make
) -> None:
    database = open_record(state)
    recorder = running(state)
    with closing(database.connect()) as other:
        other.execute("BEGIN IMMEDIATE")
        recorder.note(event(id=EventIds().next(event().at)))
        eventually(lambda: recorder.state.last_error)
        time.sleep(1.5)  # by now it pauses for more than a second
        begun = time.monotonic()
        assert recorder.close(0.1) == 1
        assert time.monotonic() - begun < promised(1)
        other.rollback()
