"""Adding to the counts: how many requests there were in an hour, and in its day and its week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection

from storage.many_rows import ManyRows
from storage.spans import spans_of

type Counted = tuple[int, str, str, str, int]
"""What is counted: the hour, the site, the person ('' for nobody), the kind, and allowed as 1 or
0."""
type Sum = tuple[int, int, str, str, str, int, int]
"""The length and start of a span, then as in `Counted`, and the number."""

_KEY: Final = "span, start, site, person, kind, allowed"
_ADD: Final = ManyRows(
    f"INSERT INTO counts ({_KEY}, number) ROWS "
    f"ON CONFLICT ({_KEY}) DO UPDATE SET number = counts.number + excluded.number",
    *("number", "number", "text", "text", "text", "yes", "number"),
)
_CLEAR: Final = (
    "DELETE FROM counts WHERE span = ? AND start = ? AND site = ? AND person = ? "
    "AND kind = ? AND allowed = (? <> 0) AND number = 0"
)


def add_to_counts(connection: Connection, additions: Iterable[tuple[Counted, int]]) -> None:
    """Adds each number, which may be negative; what comes to nothing is removed."""
    add_sums(connection, sums_of(additions))


def sums_of(additions: Iterable[tuple[Counted, int]]) -> list[Sum]:
    """What each row of the counts is to grow by, in the order in which the rows lie."""
    sums: Counter[tuple[int, int, str, str, str, int]] = Counter()
    for (hour, site, person, kind, allowed), number in additions:
        for length, start in spans_of(hour):
            sums[length, start, site, person, kind, allowed] += number
    return [(*row, number) for row, number in sorted(sums.items())]


def add_sums(connection: Connection, sums: Sequence[Sum]) -> None:
    """Adds them; what comes to nothing is removed."""
    _ADD.run(connection, [row for row in sums if row[-1]])
    for *row, number in sums:
        if number < 0:
            connection.exec_driver_sql(_CLEAR, tuple(row))
