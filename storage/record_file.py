"""A record in a file: how it is connected to, and what SQLite is told about it.

    journal_mode=WAL          reports read while the proxy writes, and neither waits for the other
    synchronous=FULL          a commit is on the disk when it returns, even if the power goes a
                              moment later; NORMAL could lose the last commits in WAL mode, and
                              'durable' would be untrue
    busy_timeout              a writer waits for another worker's commit instead of failing
    auto_vacuum=INCREMENTAL   what a purge frees can be given back in small steps; it can only
                              be chosen before the first table
    secure_delete=FAST        what is purged is overwritten where that costs no extra writing
    temp_store=MEMORY         nothing from the record lands in a shared temporary folder
    cache_size=-4000          4 MB: the pages a writer touches again; 16 MB were no faster, and took
                              half an hour of a busy gate to fill
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
from collections.abc import Callable, Hashable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from storage.connections import Database, Opened
from storage.faults import RecordError, damaged, explain, gone

APPLICATION_ID: Final = 0x5363_6774  # 'Scgt'

_LOG: Final = ("-wal", "-shm")
_PAGES: Final = 1_000  # given back to the disk at a time
_ON_CONNECT = (
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-4000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA secure_delete=FAST",
    "PRAGMA trusted_schema=OFF",
)


class RecordFile(Database):
    """A record in an SQLite file that has been checked."""

    def __init__(self, path: Path, mode: Literal["rw", "ro"], patience: float = 5.0) -> None:
        """`patience` is how many seconds to wait while another process writes."""
        self.path = path
        self.name = str(path)
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

    def opened(self) -> Opened:
        # Asked before the file is opened: if it changes in between, the next look notices.
        identity = self.identity()
        return Opened(self._engine.connect(), identity)

    def writer(self) -> Connection:
        # A transaction that reads first and then asks for the lock can be refused without waiting;
        # this cannot.
        return self._engine.connect().execution_options(schoolgate_begin="BEGIN IMMEDIATE")

    def is_still(self, identity: Hashable | None) -> bool:
        return self.identity() == identity

    def identity(self) -> tuple[int, int] | None:
        """Which file is at the path now (device and inode), or None when there is none."""
        return _identity(self.path)

    def explain(self, error: Exception) -> str:
        return self.gone if self.identity() is None else explain(error, self.path)

    @property
    def gone(self) -> str:
        return gone(self.path)

    @property
    def damaged(self) -> str:
        return damaged(self.path)

    def size(self) -> int:
        size = 0
        for beside in ("", "-wal"):
            with suppress(OSError):
                size += self.path.with_name(self.path.name + beside).stat().st_size
        return size

    def give_back(self, rest: Callable[[], object]) -> None:
        try:
            with closing(self.connect()) as connection:
                while connection.execute("PRAGMA freelist_count").fetchone()[0]:
                    connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
                    rest()
        except sqlite3.Error as error:
            raise RecordError(self.explain(error)) from error
        self.cut_log()

    def used(self, connection: Connection) -> int:
        pages, free, each = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            return (pages - free) * each + log.stat().st_size
        except OSError:
            return (pages - free) * each

    def cut_log(self) -> None:
        with suppress(sqlite3.Error), closing(self.connect()) as connection:
            connection.execute("PRAGMA busy_timeout=0")
            # The first lets others write meanwhile, the second has little left to do.
            for how in ("PASSIVE", "TRUNCATE"):
                connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()

    def log_identity(self) -> Hashable | None:
        """Which files are SQLite's log and its index beside the record."""
        return tuple(_identity(self.path.with_name(self.path.name + end)) for end in _LOG)

    def has_lost_log(self) -> bool:
        """Whether this process has a log of the record open that was deleted from beside it. Who
        opened the record anew would not see what is in there.
        """
        lost = f"{self.path.resolve()}-wal (deleted)"
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if str(descriptor.readlink()) == lost:
                    return True
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("schoolgate_begin", "BEGIN"))
