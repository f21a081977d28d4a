"""A record that can be used, whatever keeps it: a file (`storage.record_file`) or a PostgreSQL
server (`storage.record_server`).

What the rest of this room asks of the two is the same, and so is the SQL it writes. Texts of our
own, which go to the driver as they are, are SQL that both understand, with `?` for a value;
`RecordServer` turns that mark into its driver's. A yes or no is written as a comparison
(`? <> 0`), because one of them keeps it as a number and the other does not take one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from storage.faults import RecordError
from storage.models import EVENTS


class Opened(NamedTuple):
    """A connection to keep, and which record it leads to; None while there is none."""

    connection: Connection
    identity: Hashable | None


class Database(ABC):
    """A record. `storage.database` opens one.

    `name` is what a sentence for a person calls it; there is no password in it.
    """

    name: str
    _engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees the record as it is at this moment.

        Raises RecordError if it cannot be read.
        """
        try:
            with self._reader() as connection:
                yield connection
        except DBAPIError as error:
            raise RecordError(self.explain(error)) from error

    @abstractmethod
    def opened(self) -> Opened:
        """A connection to keep, which sees the record anew with each transaction.

        Raises SQLAlchemy's DBAPIError, or RecordError.
        """

    @abstractmethod
    def writer(self) -> Connection:
        """A connection whose transactions hold the write lock from their first moment, so that all
        who write do so one after the other. When its transaction ends well, it is on the disk.

        Raises SQLAlchemy's DBAPIError, or RecordError.
        """

    def log_identity(self) -> Hashable | None:
        """What goes into the record first goes in here, as long as anybody has it open; None where
        that is no concern of ours.
        """
        return None

    @abstractmethod
    def is_still(self, identity: Hashable | None) -> bool:
        """Whether a connection that led to a record when it was opened still leads there."""

    @abstractmethod
    def identity(self) -> Hashable | None:
        """Which record a connection made now would lead to, as far as that shows from outside;
        None when there is none.
        """

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """Why `error` happened, in one sentence for a person."""

    @property
    @abstractmethod
    def gone(self) -> str:
        """The sentence for a record that is no longer there."""

    @property
    @abstractmethod
    def damaged(self) -> str:
        """The sentence for a record that holds what was never written."""

    @abstractmethod
    def size(self) -> int:
        """How large it is, in bytes. Raises RecordError."""

    @abstractmethod
    def used(self, connection: Connection) -> int:
        """How many bytes it takes, without what is free in it, as far as that can be told; within a
        transaction of `connection`.
        """

    @abstractmethod
    def give_back(self, rest: Callable[[], object]) -> None:
        """Hands room that is no longer used back to the disk, a little at a time, with a `rest`
        after each. Raises RecordError.
        """

    @abstractmethod
    def cut_log(self) -> None:
        """Takes back what is written twice, in a log and in its place, unless somebody is busy."""

    def last_event_id(self) -> int:
        """The highest id on record, 0 if there is none. Raises RecordError."""
        with self.reading() as connection:
            return connection.execute(select(func.max(EVENTS.c.id))).scalar() or 0

    def dispose(self) -> None:
        """Lets go of it."""
        self._engine.dispose()

    def _reader(self) -> Connection:
        return self._engine.connect()
