"""Where a test's record is kept, and how another program would look at it or spoil it."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import psycopg

from storage.database import FILE_NAME, Database, open_record, open_record_readonly
from storage.record_file import RecordFile
from storage.record_server import LOCK, RecordServer
from storage.record_url import parsed
from tests.support.postgresql import PostgresServer

REFUSALS = (sqlite3.IntegrityError, psycopg.IntegrityError)
"""What a trigger's refusal is to whoever asked."""


class Kept(ABC):
    """One record."""

    state: Path
    url: str | None
    zeros: str

    def open(self) -> Database:
        return open_record(self.state, self.url)

    def readonly(self) -> Database:
        return open_record_readonly(self.state, self.url)

    @abstractmethod
    def impatient(self) -> Database:
        """The record, which is there, for somebody who waits no longer than a moment for others."""

    @abstractmethod
    def locked(self) -> AbstractContextManager[None]:
        """Another program that holds the write lock."""

    @abstractmethod
    def ask(self, query: str) -> list[tuple[object, ...]]:
        """What a query gives back, or a statement does, in a session of its own."""

    @abstractmethod
    def guards(self) -> list[tuple[str, str]]:
        """The names and tables of the triggers."""

    def unguarded(self, script: str) -> None:
        """Runs statements as somebody would who may do everything: past the triggers, which are
        there again afterwards.

        ZEROS stands for 32 bytes of 0.
        """
        self.past_guards(script.replace("ZEROS", self.zeros))

    @abstractmethod
    def past_guards(self, script: str) -> None:
        """As `unguarded`."""

    def without_guards(self) -> None:
        """Takes all triggers away."""
        self.run("".join(self.drop_guard(name, table) for name, table in self.guards()))

    @abstractmethod
    def run(self, script: str) -> None:
        """Runs several statements in one session."""

    @abstractmethod
    def empty(self) -> None:
        """Throws the record away; another may be made in its place."""

    @abstractmethod
    def drop_guard(self, name: str, table: str) -> str:
        """The statement that takes a trigger away."""


class KeptInFile(Kept):
    """In the file of a state folder."""

    url = None
    zeros = "zeroblob(32)"

    def __init__(self, state: Path) -> None:
        self.state = state

    def impatient(self) -> Database:
        return RecordFile(self.state / FILE_NAME, "rw", patience=0.01)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.state / FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.state / FILE_NAME)) as connection, connection:
            return connection.execute(query).fetchall()

    def guards(self) -> list[tuple[str, str]]:
        found = self.ask("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")
        return [(str(name), str(table)) for name, table in found]

    def past_guards(self, script: str) -> None:
        made = "".join(f"{sql};" for (sql,) in self.ask(
            "SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"
        ))  # fmt: skip
        self.without_guards()
        self.run(script)
        self.run(made)

    def drop_guard(self, name: str, table: str) -> str:
        return f"DROP TRIGGER {name};"

    def run(self, script: str) -> None:
        with closing(sqlite3.connect(self.state / FILE_NAME)) as connection, connection:
            connection.executescript(script)

    def empty(self) -> None:
        for path in self.state.glob(f"{FILE_NAME}*"):
            path.unlink()


class KeptOnServer(Kept):
    """In a database of a server."""

    zeros = "decode(repeat('00', 32), 'hex')"

    def __init__(self, state: Path, server: PostgresServer, name: str) -> None:
        self.state, self.server, self.name = state, server, name
        self.url = server.url(name)

    def impatient(self) -> Database:
        return RecordServer(parsed(self.url), "rw", patience=0.01)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.server.connect(self.name) as other, other.transaction():
            other.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield

    def ask(self, query: str) -> list[tuple[object, ...]]:
        return self.server.execute(query, self.name)

    def guards(self) -> list[tuple[str, str]]:
        found = self.ask(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
        )
        return [(str(name), str(table)) for name, table in found]

    def past_guards(self, script: str) -> None:
        self.run(f"SET session_replication_role = replica; {script}")

    def drop_guard(self, name: str, table: str) -> str:
        return f"DROP TRIGGER {name} ON {table};"

    def run(self, script: str) -> None:
        self.ask(script)

    def empty(self) -> None:
        self.server.drop(self.name)
        self.server.execute(f"CREATE DATABASE {self.name}")
