"""What seals stand for, read out of the centre's tables again, in the canonical form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Result, Table, select

from storage.centre.tables import COMPLETIONS, CORRECTIONS, EVENTS
from storage.sealed_rows import Broken
from storage.sealing import What, encoded

_AT_A_TIME: Final = 2_000  # rows held in memory at once
_OF: Final = {
    What.EVENTS: list(EVENTS.c)[list(EVENTS.c).index(EVENTS.c.id) :],
    What.COMPLETIONS: [
        COMPLETIONS.c[name] for name in ("event", "status", "bytes_up", "bytes_down", "ended_at")
    ],
    What.CORRECTIONS: [
        CORRECTIONS.c[name] for name in ("event", "outcome", "reason", "rule", "clause")
    ],
}

IN_TABLES: Final = tuple(_OF)
"""Kinds whose rows have a table at the centre; of the others it keeps the text itself."""


class Streams:
    """Queries whose rows come some at a time, all in the one transaction of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: list[Result[Any]] = []

    def rows(self, query: Any) -> Iterator[Any]:
        """What it finds."""
        found = self._connection.execute(query, execution_options={"yield_per": _AT_A_TIME})
        self._open.append(found)
        return iter(found)

    def close(self) -> None:
        """Lets go of those that were not read to their end."""
        for found in self._open:
            found.close()


class KeptRows:
    """The rows of one kind, given out seal by seal, in one pass."""

    def __init__(self, streams: Streams, record: int, what: What) -> None:
        columns = _OF[what]
        table = columns[0].table
        assert isinstance(table, Table)
        query = select(table.c.seal, *columns).where(table.c.record == record)
        self._found = streams.rows(query.order_by(table.c.seal, columns[0]))
        self._next: Any = None
        self._what = what

    def of(self, seal: int) -> list[str]:
        """A seal's rows in the canonical form. Raises Broken for rows of an unknown seal."""
        rows = []
        while (number := self.left()) is not None and number <= seal:
            if number < seal:
                raise Broken(f"The centre has {self._what} of a seal {number} that it has not.")
            rows.append(encoded(self._plain(self._next[1:])))
            self._next = None
        return rows

    def left(self) -> int | None:
        """The seal that the next row names, None after the last."""
        if self._next is None:
            self._next = next(self._found, None)
        return None if self._next is None else self._next[0]

    def _plain(self, values: Sequence[Any]) -> list[Any]:
        plain = [int(value) if isinstance(value, bool) else value for value in values]
        if self._what != What.EVENTS:
            return plain
        more: Any = plain.pop()
        return [*plain, *(more or ())]
