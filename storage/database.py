"""Opening the record: the folder, the file, whose they are, and which version of the tables they
hold. A record on a PostgreSQL server is opened by `storage.opening_server`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from storage import migrations
from storage.connections import Database
from storage.faults import (
    AwayError,
    NoRecordError,
    RecordError,
    cannot_open,
    explain,
    newer,
    not_ours,
    read_only,
)
from storage.gateway import Gateway
from storage.guards_back import put_guards_back
from storage.opening_server import open_server, open_server_readonly, server_at
from storage.record_file import APPLICATION_ID, RecordFile

__all__ = [
    "FILE_NAME",
    "AwayError",
    "Database",
    "NoRecordError",
    "RecordError",
    "copy_record",
    "open_record",
    "open_record_readonly",
    "record_to_follow",
    "record_to_write",
]

FILE_NAME = "record.sqlite3"


def open_record(state: Path, url: str | None = None, *, gateway: Gateway | None = None) -> Database:
    """The record at `url` on a PostgreSQL server, or else in the folder `state`; made, or brought
    up to date, first where needed (on a server, only made). On a server it can be for one gateway
    to write to, and for no other.

    The folder is made with mode 0700 and the file with 0600; SQLite gives its -wal and -shm files
    the mode of the file itself. Before tables change, a copy is kept beside the file as
    `record.before-VERSION.sqlite3`. Raises RecordError.
    """
    if url is None:
        return open_file(state)
    _make_folder(state.absolute())
    return open_server(url, gateway=gateway)


def open_file(state: Path) -> RecordFile:
    """As `open_record`, for the file in the folder `state`."""
    state = state.absolute()
    path = state / FILE_NAME
    _make_folder(state)
    try:
        with _alone_in(state):
            _make_file(path)
            database = RecordFile(path, "rw", patience=30.0)  # another worker may be migrating
            try:
                _bring_up_to_date(database)
            except (DBAPIError, sqlite3.Error) as error:
                raise RecordError(database.explain(error)) from error
            finally:
                database.dispose()
    except PermissionError as error:
        raise RecordError(read_only(path)) from error
    except OSError as error:
        raise RecordError(explain(error, path)) from error
    return RecordFile(path, "rw")


def open_record_readonly(state: Path, url: str | None = None) -> Database:
    """The record at `url`, or else in the folder `state`, for reading only, while others write.
    Makes and changes nothing.

    Raises RecordError, also when there is no record yet or its tables are of another version.
    """
    return _file_readonly(state) if url is None else open_server_readonly(url)


def _file_readonly(state: Path) -> RecordFile:
    path = state.absolute() / FILE_NAME
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RecordError(not_ours(path))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoRecordError(
            f"There is no record at {path} yet: run Schoolgate once, or name its folder with "
            "--state."
        ) from error
    except OSError as error:
        raise RecordError(cannot_open(path)) from error
    database = RecordFile(path, "ro")
    try:
        with closing(database.connect()) as connection:
            version = version_of(connection, path)
    except sqlite3.Error as error:
        raise RecordError(database.explain(error)) from error
    if version != migrations.HEAD:
        if version is None or not migrations.is_known(version):
            raise RecordError(not_ours(path) if version is None else newer(path))
        raise RecordError(
            f"{path} is of an older version: run Schoolgate once to bring it up to date."
        )
    return database


def record_to_follow(state: Path, url: str | None = None) -> Database:
    """As `open_record_readonly`, for somebody who looks again and again: a server may be away.

    Raises RecordError.
    """
    try:
        return open_record_readonly(state, url)
    except AwayError:
        assert url is not None
        return server_at(url, "ro")


def record_to_write(
    state: Path, url: str | None = None, *, gateway: Gateway | None = None
) -> tuple[Database, AwayError | None]:
    """As `open_record`, for somebody who tries again and again: a server may be away, and then the
    reason comes with it. Raises RecordError.
    """
    try:
        return open_record(state, url, gateway=gateway), None
    except AwayError as error:
        assert url is not None
        return server_at(url, "rw", gateway), error


def copy_record(state: Path, into: Path) -> None:
    """A complete copy of the record at one moment, while others may write to it.

    The copy is readable by its owner only. Raises RecordError.
    """
    path = state.absolute() / FILE_NAME
    try:
        os.close(os.open(into, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with (
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(into)) as target,
        ):
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        raise RecordError(explain(error, path)) from error


def _make_folder(state: Path) -> None:
    try:
        state.mkdir(mode=0o700, parents=True)
        return
    except FileExistsError:
        pass
    except NotADirectoryError as error:
        raise RecordError(f"{state} is inside a file: name a folder with --state.") from error
    except OSError as error:
        raise RecordError(
            f"The folder {state} cannot be made ({error.strerror}): make it for this user, or "
            "name another with --state."
        ) from error
    if not state.is_dir():
        raise RecordError(f"{state} is not a folder: name a folder with --state.")
    # Even root does not share: files it made would shut the owner out.
    if state.stat().st_uid != os.geteuid():
        raise RecordError(
            f"The folder {state} belongs to another user: run Schoolgate as that user, or name "
            "another with --state."
        )


@contextmanager
def _alone_in(state: Path) -> Iterator[None]:
    """Lets one process at a time make or change tables; proxy and portal start together."""
    handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    except FileExistsError:
        pass
    if not path.is_file():
        raise RecordError(not_ours(path))
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise RecordError(
            f"{path} belongs to another user: run Schoolgate as that user, or name another "
            "folder with --state."
        )
    if not os.access(path, os.W_OK):
        raise RecordError(read_only(path))
    if status.st_mode & 0o077:
        path.chmod(0o600)


def _bring_up_to_date(database: RecordFile) -> None:
    with closing(database.connect()) as connection:
        version = version_of(connection, database.path)
        if version is None:
            # Neither can be done inside a transaction, and the first only before there is any
            # table.
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        elif version != migrations.HEAD:
            if not migrations.is_known(version):
                raise RecordError(newer(database.path))
            _copy(connection, database.path, version)
        connection.execute("PRAGMA journal_mode=WAL")
    if version != migrations.HEAD:
        with database.writer() as writer, writer.begin():
            migrations.upgrade(writer)
    else:
        put_guards_back(database)


def version_of(connection: sqlite3.Connection, path: Path) -> str | None:
    """The version of the tables; None for an empty file. Raises RecordError for someone else's
    database, and sqlite3.Error.
    """
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    if not tables and owner in (0, APPLICATION_ID):
        return None
    if owner != APPLICATION_ID:
        raise RecordError(not_ours(path))
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(rows[0][0]) if rows else None


def _copy(connection: sqlite3.Connection, path: Path, version: str) -> None:
    """Keeps the record as it was before its tables change.

    An earlier copy of the same version is replaced.
    """
    kept = path.with_name(f"record.before-{version}.sqlite3")
    unfinished = kept.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(unfinished)) as target:
        connection.backup(target)
    unfinished.replace(kept)
