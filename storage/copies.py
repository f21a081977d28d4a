"""Copies of the record: made while it is in use, put back while it is not, set aside when damaged.

A copy is made by SQLite's own backup from one moment's view of the record, so writers go on
meanwhile and the copy is whole. What happened to the record is noted in the chain of the one that
goes on: that it was restored, and from where the chain was left; or that the one before it was
damaged (`storage.continuity`).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from storage import migrations
from storage.connections import Database
from storage.continuity import Broken, Known, go_on
from storage.database import FILE_NAME, RecordError, open_file, version_of
from storage.faults import explain, is_damage, newer, not_ours
from storage.record_file import RecordFile
from storage.sealing import Chain, Head
from storage.verifying import head

ON_A_SERVER: Final = (
    "A record on a PostgreSQL server is copied with pg_dump and put back with pg_restore, "
    "by whoever looks after the server."
)
_BESIDE: Final = ("", "-wal", "-shm")


def backup(database: Database, target: Path) -> Head | None:
    """Copies the record to a new file, readable by its owner only, while others write it.

    Gives back the copy's head. Raises RecordError, also when the file exists already, and for a
    record on a server, which has a program for that.
    """
    if not isinstance(database, RecordFile):
        raise RecordError(ON_A_SERVER)
    unfinished = target.with_name(f"{target.name}.unfinished")
    if target.exists():
        raise RecordError(f"{target} exists already: name another file.")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(database.connect()) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
            # One file, that can be carried away, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
        _sound(unfinished)
        newest = head(RecordFile(unfinished, "ro"))
        unfinished.rename(target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        path = target if isinstance(error, OSError) else database.path
        raise RecordError(explain(error, path)) from error
    return newest


def restore(state: Path, source: Path, now: datetime) -> Path | None:
    """Puts a copy in the place of the record in `state`, which nothing may be using.

    Gives back where the record that was there has been put, None if there was none. Raises
    RecordError; the record is then as it was.
    """
    if not source.is_file():
        raise RecordError(f"There is no file {source}.")
    path = state.absolute() / FILE_NAME
    arriving = path.with_name("record.arriving")
    with _nobody_uses(state):
        try:
            _sound(source)
            arriving.unlink(missing_ok=True)
            os.close(os.open(arriving, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            copying = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
            with closing(copying) as copy, closing(sqlite3.connect(arriving)) as target:
                copy.backup(target)
            before = _set_aside(path, f"record.before-restore-{now:%Y%m%d-%H%M%S}.sqlite3")
            arriving.rename(path)
        except (OSError, sqlite3.Error) as error:
            with suppress(OSError):
                arriving.unlink(missing_ok=True)
            raise RecordError(explain(error, source)) from error
        database = open_file(state)
        _note(database, now, "A copy was put back.", before, copy=source.name)
    return before


def open_or_begin_anew(
    state: Path,
    now: datetime,
    before: Known | None = None,
    withdrawn: Callable[[], Collection[str]] = tuple,
) -> tuple[RecordFile, Broken | None]:
    """As `open_file`; but a record that is damaged is set aside, and a new one begun.

    Gives back, too, how the record fails to go on from the one that was known `before`, None if it
    does: see `storage.continuity.go_on`. Only for the one process that holds the state folder.
    Raises RecordError.
    """
    path, damaged = state.absolute() / FILE_NAME, None
    try:
        database = open_file(state)
        _looked_at(database)
    except RecordError as error:
        if not is_damage(error):
            raise
        damaged = _set_aside(path, f"record.damaged-{now:%Y%m%d-%H%M%S}.sqlite3")
        database = open_file(state)
    return database, go_on(database, now, before, withdrawn, damaged)


def _looked_at(database: RecordFile) -> None:
    """Reads what every start needs, and every page of a record that is quickly read."""
    newest = head(database)
    database.last_event_id()
    if database.path.stat().st_size > _QUICKLY_READ:
        return
    try:
        with closing(database.connect()) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise RecordError(database.explain(error)) from error
    if found != "ok" or newest is None:
        raise RecordError(database.explain(_damage())) from _damage()


_QUICKLY_READ: Final = 200_000_000  # bytes: about a second


def _damage() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("damaged")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _sound(path: Path) -> None:
    """Raises RecordError unless the file is a whole record, of a version that can be read here."""
    database = RecordFile(path, "ro")
    try:
        with closing(database.connect()) as connection:
            version = version_of(connection, path)
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise RecordError(explain(error, path)) from error
    if version is None:
        raise RecordError(not_ours(path))
    if not migrations.is_known(version):
        raise RecordError(newer(path))
    if found != "ok":
        raise RecordError(explain(_damage(), path)) from _damage()


@contextmanager
def _nobody_uses(state: Path) -> Iterator[None]:
    """Raises RecordError when Schoolgate runs on the folder, or anything has the record open."""
    path = state.absolute() / FILE_NAME
    busy = f"{path} is in use: stop Schoolgate first, and whatever else reads the record."
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and _is_open_elsewhere(path):
            raise RecordError(busy)
        yield
    except BlockingIOError as error:
        raise RecordError(busy) from error
    finally:
        os.close(lock)


def _is_open_elsewhere(path: Path) -> bool:
    try:
        with closing(RecordFile(path, "rw", patience=1.0).connect()) as connection:
            # Refused while any other connection is open; and no log is left beside the file.
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # not when it is damaged
    return False


def _note(database: Database, now: datetime, why: str, aside: Path | None, **facts: str) -> None:
    if aside is not None:
        facts["set aside as"] = aside.name
        with suppress(RecordError):
            newest = head(RecordFile(aside, "ro"))
            facts["its head"] = str(newest)
    with database.writer() as connection, connection.begin():
        Chain(connection, now).note(why, **facts)


def _set_aside(path: Path, name: str) -> Path | None:
    if not path.exists():
        return None
    kept = path.with_name(name)
    for suffix in _BESIDE:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept
