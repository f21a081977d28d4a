"""A record that one thread looks at again and again, on a connection that it keeps.

The record may be moved away under it, or another put in its place; then it begins again with the
one that is there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError


class Followed:
    """The record behind a `Database`, for one thread. Nothing is opened before the first look."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._identity: Hashable | None = None

    @property
    def identity(self) -> Hashable | None:
        """Which record was read, None while there is none."""
        return self._identity

    @contextmanager
    def look(self) -> Iterator[tuple[Connection, bool]]:
        """A connection in a transaction, and whether what was known from an earlier look is void.

        Raises RecordError, as do the database's errors within it; the next look then begins anew.
        """
        if self._connection is not None and not self._database.is_still(self._identity):
            self.close()
        try:
            if anew := self._connection is None:
                self._connection, self._identity = self._database.opened()
            assert self._connection is not None
            with self._connection.begin():
                yield self._connection, anew
        except DBAPIError as error:
            self.close()
            raise RecordError(self._database.explain(error)) from error
        except RecordError:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of the record."""
        connection, self._connection = self._connection, None
        self._identity = None
        if connection is not None:
            with suppress(DBAPIError):
                connection.close()
