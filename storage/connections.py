"""The file that holds the record: how it is connected to, and what SQLite is told about it.

    journal_mode=WAL          reports read while the proxy writes, and neither waits for the other
    synchronous=FULL          a commit is on the disk when it returns, even if the power goes a
                              moment later; NORMAL could lose the last commits in WAL mode, and
                              'durable' would be untrue
    busy_timeout              a writer waits for another worker's commit instead of failing
    auto_vacuum=INCREMENTAL   what a purge frees can be given back in small steps; it can only
                              be chosen before the first table
    secure_delete=FAST        what is purged is overwritten where that costs no extra writing
    temp_store=MEMORY         nothing from the record lands in a shared temporary folder
    cache_size=-16000         16 MB: the pages a writer or a report touches again
    journal_size_limit        a log that grew behind a slow reader is cut back to 64 MB
    trusted_schema=OFF        a file made by someone else cannot run functions of its choosing
    application_id            marks the file as ours, so that no other program's database is
                              ever written to

Never open the file with `open()` while it is in use: closing that handle would drop SQLite's
locks in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2). That is why nothing
here looks at its bytes; SQLite itself says when a file is not a database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage.faults import RecordError, explain, gone
from storage.models import EVENTS

APPLICATION_ID: Final = 0x5363_6774  # 'Scgt'

_ON_CONNECT = (
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA secure_delete=FAST",
    "PRAGMA trusted_schema=OFF",
)


class Database:
    """A record that has been checked and can be used.

    `open_record` and `open_record_readonly` make one.
    """

    def __init__(self, path: Path, mode: Literal["rw", "ro"], patience: float = 5.0) -> None:
        """`patience` is how many seconds to wait while another process writes."""
        self.path = path
        self.url = f"sqlite:///{path}"
        self._address = f"{path.absolute().as_uri()}?mode={mode}"
        self._patience = patience
        # No pool: a connection never outlives its file, nor crosses a fork.
        self._engine = create_engine("sqlite+pysqlite://", creator=self.connect, poolclass=NullPool)
        event.listen(self._engine, "begin", _begin)

    def connect(self) -> sqlite3.Connection:
        """A plain connection, for what cannot be done inside a transaction.

        Raises sqlite3.Error.
        """
        connection = sqlite3.connect(
            self._address,
            uri=True,
            timeout=self._patience,
            isolation_level=None,  # transactions begin where `_begin` says
            check_same_thread=False,
        )
        try:
            for pragma in _ON_CONNECT:
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the record as it is at this moment.

        Raises RecordError if it cannot be read.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise RecordError(explain(error, self.path)) from error

    def writer(self) -> Connection:
        """A connection whose transactions hold the write lock from their first moment.

        A transaction that reads first and then asks for the lock can be refused without waiting;
        this cannot. Raises SQLAlchemy's DBAPIError, which the recorder answers by trying again.
        """
        return self._engine.connect().execution_options(schoolgate_begin="BEGIN IMMEDIATE")

    def identity(self) -> tuple[int, int] | None:
        """Which file is at the path now (device and inode), or None when there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def last_event_id(self) -> int:
        """The highest id on record, 0 if there is none. Raises RecordError."""
        with self.reading() as connection:
            return connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0

    def explain(self, error: Exception) -> str:
        """Why `error` happened, in one sentence for a person."""
        return gone(self.path) if self.identity() is None else explain(error, self.path)

    def dispose(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("schoolgate_begin", "BEGIN"))
