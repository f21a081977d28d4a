"""Statements about many rows at once, spelt for the database at hand.

One statement for many rows, because each costs more than its rows do. Python's SQLite driver lets
go of the interpreter lock for each statement it runs and must win it back from a busy event loop,
which can take milliseconds; a PostgreSQL server is a way off over the network. (An `executemany`
is a statement for every row.)

SQLite is handed the rows spelt out, in powers of two, so that there are few texts and the driver
keeps them compiled. PostgreSQL is handed an array for each column: one short text, whatever the
number of rows, that its driver need not take apart again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, Literal

from sqlalchemy import Connection, CursorResult

_MOST_ROWS: Final = 256
_ARRAYS: Final = {"number": "bigint[]", "text": "text[]", "yes": "bigint[]"}

type Kind = Literal["number", "text", "yes"]
"""What a value is; `yes` is 1 or 0 and goes into a column of yes or no."""
type Values = Sequence[int | str | None]


class ManyRows:
    """A statement with a place for rows, which stands as ROWS in its template: whatever may stand
    there in place of `VALUES (...), (...)`.
    """

    def __init__(self, template: str, *kinds: Kind) -> None:
        """`kinds` are those of one row's values."""
        self._template = template
        marks = ("? <> 0" if kind == "yes" else "?" for kind in kinds)
        self._row = f"({', '.join(marks)})"
        names = [f"value_{place}" for place in range(len(kinds))]
        values = (
            f"{name} <> 0" if kind == "yes" else name
            for name, kind in zip(names, kinds, strict=True)
        )
        arrays = ", ".join(f"CAST(? AS {_ARRAYS[kind]})" for kind in kinds)
        self._from_arrays = self._spelt(
            f"SELECT {', '.join(values)} FROM unnest({arrays}) AS given ({', '.join(names)})"  # noqa: S608 - our own names
        )
        self._by_size: dict[int, str] = {}

    def run(self, connection: Connection, rows: Sequence[Values]) -> None:
        """Runs it for `rows`, of which there may be none."""
        for _ in self._results(connection, rows):
            pass

    def fetch(self, connection: Connection, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
        """Runs it for `rows`, and gives back what it finds or returns, in any order."""
        return [tuple(row) for result in self._results(connection, rows) for row in result]

    def of_size(self, size: int) -> str:
        """The text for so many rows that are spelt out."""
        text = self._by_size.get(size)
        if text is None:
            spelt = self._spelt("VALUES " + ", ".join([self._row] * size))
            text = self._by_size[size] = spelt
        return text

    def _results(
        self, connection: Connection, rows: Sequence[Values]
    ) -> Iterator[CursorResult[Any]]:
        if not rows:
            return
        if connection.dialect.name == "postgresql":
            columns = tuple(list(column) for column in zip(*rows, strict=True))
            yield connection.exec_driver_sql(self._from_arrays, columns)
            return
        for some in _chunks(rows):
            text = self.of_size(len(some))
            yield connection.exec_driver_sql(text, tuple(chain.from_iterable(some)))

    def _spelt(self, rows: str) -> str:
        return self._template.replace("ROWS", rows)


def _chunks(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    start, size = 0, _MOST_ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size
