"""Opening the record: what is made, and each thing that can be wrong, in one sentence."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import RecordError, open_record, open_record_readonly
from storage.events import Event
from storage.record_file import RecordFile
from storage.recorder import Recorder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
NOBODY = 65534

# Everything is imported while it may still be read: the interpreter itself can be in root's home.
OPEN = """
import os, sys
from pathlib import Path
import alembic.command, alembic.script
from storage.database import RecordError, open_record, open_record_readonly
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
try:
    opener = open_record_readonly if sys.argv[3] == "read" else open_record
    opener(Path(sys.argv[2])).last_event_id()
except RecordError as error:
    print(error)
else:
    print("opened")
"""


def opened_by(user: int, state: Path, how: str = "write") -> str:
    run = subprocess.run(
        [sys.executable, "-c", OPEN, str(user), str(state), how],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return run.stdout.strip()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def raised(call: Callable[[], object]) -> str:
    with pytest.raises(RecordError) as error:
        call()
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_a_new_record_is_for_its_owner_alone(
    state: Path, file_database: RecordFile, event: Callable[..., Event]
) -> None:
    assert mode(state) == 0o700
    recorder = Recorder(file_database)
    recorder.start()
    recorder.note(event())
    while not recorder.state.written:
        pass
    files = {path.name: mode(path) for path in state.iterdir()}
    assert files == dict.fromkeys(
        ("record.sqlite3", "record.sqlite3-wal", "record.sqlite3-shm"), 384
    )
    recorder.close(10)


def test_an_open_file_is_closed_to_others_again(state: Path) -> None:
    open_record(state)
    (state / "record.sqlite3").chmod(0o644)
    open_record(state)
    assert mode(state / "record.sqlite3") == 0o600


def test_an_existing_folder_keeps_its_mode(state: Path) -> None:
    state.mkdir(mode=0o750)
    open_record(state)
    assert mode(state) == 0o750


@pytest.mark.parametrize("name", ["with space", "100%", "a?b#c", "ünï"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    assert open_record(tmp_path / name).last_event_id() == 0
    assert open_record_readonly(tmp_path / name).last_event_id() == 0


def test_what_sqlite_was_told_holds(state: Path, file_database: RecordFile) -> None:
    with file_database.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "auto_vacuum",
                "secure_delete",
                "temp_store",
            )
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "auto_vacuum": 2,
        "secure_delete": 2,
        "temp_store": 2,
    }


def test_many_may_open_a_new_record_at_once(state: Path) -> None:
    problems: list[Exception] = []

    def try_it() -> None:
        try:
            open_record(state)
        except RecordError as error:
            problems.append(error)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_an_empty_file_left_by_a_crash_becomes_a_record(state: Path) -> None:
    state.mkdir()
    (state / "record.sqlite3").touch()
    assert open_record(state).last_event_id() == 0


@pytest.mark.parametrize("noise", [b"hello", b"\0" * 5_000, b"SQLite format 3\0" + b"x" * 8_000])
@pytest.mark.parametrize("opener", [open_record, open_record_readonly])
def test_a_file_that_is_not_a_database(
    state: Path, noise: bytes, opener: Callable[[Path], object]
) -> None:
    state.mkdir()
    (state / "record.sqlite3").write_bytes(noise)
    assert "is not a Schoolgate record: move the file away" in raised(lambda: opener(state))
    assert (state / "record.sqlite3").read_bytes() == noise


@pytest.mark.parametrize("opener", [open_record, open_record_readonly])
def test_another_programs_database_is_left_alone(
    state: Path, opener: Callable[[Path], object]
) -> None:
    state.mkdir()
    with closing(sqlite3.connect(state / "record.sqlite3")) as other:
        other.execute("CREATE TABLE cookies (name)")
    assert "is not a Schoolgate record" in raised(lambda: opener(state))


@pytest.mark.parametrize("opener", [open_record, open_record_readonly])
def test_a_record_of_a_newer_program(state: Path, opener: Callable[[Path], object]) -> None:
    open_record(state)
    with closing(sqlite3.connect(state / "record.sqlite3")) as other, other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "was written by a newer Schoolgate: update this program" in raised(lambda: opener(state))


def test_a_record_without_its_tables_is_not_one_to_read(state: Path) -> None:
    state.mkdir()
    (state / "record.sqlite3").touch()
    assert "is not a Schoolgate record" in raised(lambda: open_record_readonly(state))


def test_a_damaged_record(state: Path) -> None:
    open_record(state)
    path = state / "record.sqlite3"
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3_000)
    assert "is damaged: stop Schoolgate" in raised(lambda: open_record(state))


def test_damage_met_while_reading(state: Path) -> None:
    database = open_record(state)
    with (state / "record.sqlite3").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (file.seek(0, os.SEEK_END) - 4096 or 1))
        file.seek(4096)
        file.write(b"\xff" * 4096 * 4)
    assert "is damaged" in raised(database.last_event_id)


def test_a_state_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is not a folder: name a folder with --state" in raised(
        lambda: open_record(tmp_path / "file")
    )
    assert "is inside a file" in raised(lambda: open_record(tmp_path / "file" / "var"))
    assert "There is no record at" in raised(lambda: open_record_readonly(tmp_path / "file"))


def test_a_record_that_is_a_folder(state: Path) -> None:
    (state / "record.sqlite3").mkdir(parents=True)
    assert "is not a Schoolgate record" in raised(lambda: open_record(state))
    assert "is not a Schoolgate record" in raised(lambda: open_record_readonly(state))


def test_no_record_yet(state: Path) -> None:
    assert "There is no record at" in raised(lambda: open_record_readonly(state))
    assert not state.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    text = raised(lambda: open_record(Path("/proc/schoolgate/var")))
    assert "The folder /proc/schoolgate/var cannot be made" in text


def test_reading_changes_nothing(state: Path) -> None:
    open_record(state)
    database = open_record_readonly(state)
    with pytest.raises(RecordError, match="cannot be written to"), database.reading() as connection:
        connection.exec_driver_sql("DELETE FROM events")


def test_a_record_that_vanishes_is_said_to_be_gone(state: Path, file_database: RecordFile) -> None:
    shutil.rmtree(state)
    assert "is gone: put it back" in raised(file_database.last_event_id)


def test_too_many_open_files_is_one_sentence(state: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    state.mkdir()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(RecordError) as error:
            open_record(state)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "cannot be used (Too many open files)" in str(error.value)


@as_root
class TestAnotherUser:
    """`setuid` in a child, since nothing is forbidden to root."""

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        """A folder that the other user can reach; pytest's own are closed to them."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        return tmp_path / "var"

    def test_a_state_folder_of_another_user(self, state: Path) -> None:
        open_record(state)
        assert "belongs to another user" in opened_by(NOBODY, state)
        assert "cannot be opened: make the file and its folder readable" in opened_by(
            NOBODY, state, "read"
        )

    def test_root_does_not_take_over_a_folder_either(self, state: Path) -> None:
        state.mkdir()
        os.chown(state, NOBODY, NOBODY)
        assert "belongs to another user" in raised(lambda: open_record(state))

    def test_a_file_of_another_user(self, state: Path) -> None:
        open_record(state)
        os.chown(state, NOBODY, NOBODY)
        assert "record.sqlite3 belongs to another user" in opened_by(NOBODY, state)

    def test_a_file_of_another_user_is_not_readable(self, state: Path) -> None:
        open_record(state)
        state.chmod(0o755)
        assert "cannot be opened" in opened_by(NOBODY, state, "read")

    def test_a_folder_that_may_not_be_made(self, tmp_path: Path) -> None:
        assert "cannot be made (Permission denied)" in opened_by(NOBODY, tmp_path / "var")

    def test_a_read_only_file(self, state: Path) -> None:
        open_record(state)
        for path in (state, state / "record.sqlite3"):
            os.chown(path, NOBODY, NOBODY)
        (state / "record.sqlite3").chmod(0o400)
        assert "cannot be written to: make the file and its folder writable" in opened_by(
            NOBODY, state
        )

    def test_a_read_only_folder(self, state: Path) -> None:
        state.mkdir()
        os.chown(state, NOBODY, NOBODY)
        state.chmod(0o500)
        assert "cannot be written to" in opened_by(NOBODY, state)

    def test_a_read_only_folder_around_a_record(self, state: Path) -> None:
        open_record(state)
        for path in (state, state / "record.sqlite3"):
            os.chown(path, NOBODY, NOBODY)
        state.chmod(0o500)
        assert "make the file and its folder" in opened_by(NOBODY, state)

    def test_a_full_disk(self, tmp_path: Path) -> None:
        state = tmp_path / "small"
        state.mkdir()
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none", str(state)], check=False
        )
        if mount.returncode:
            pytest.skip("needs leave to mount a small disk")
        try:
            assert "There is no room left for" in raised(lambda: open_record(state))
        finally:
            subprocess.run(["umount", str(state)], check=True)
