"""Requests that are counted and have no row of their own: what a page or an app did by itself.

They are counted where events are, in `counts`, by person, site, kind, verdict and hour, so that
every figure holds both; a refused request that an app makes over and over also raises the number
beside its first event, in `repeats`.

Nothing is let through unrecorded, and a count is a record: an allowed request waits for its count
as another waits for its event. The counts go with the events into one transaction, in which all
that fall on the same row are one addition, so a page with a hundred pictures costs one commit and
one row. Counting ahead and forwarding at once would be quicker, and wrong after a crash.

An addition must not be made twice, and it leaves no id by which a second attempt could see that the
first reached the disk after all. So each batch of a writer has a number, which is written with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, delete, select

from storage.count_rows import Counted, add_to_counts
from storage.events import LARGEST_ID
from storage.instants import HOUR, from_microseconds, to_microseconds
from storage.many_rows import ManyRows
from storage.visit_tables import WRITERS

_FORGOTTEN_AFTER = 7 * 24 * HOUR  # microseconds: no attempt lasts as long


@dataclass(frozen=True, slots=True)
class Tally:
    """One request that was decided, to be counted. `at` is aware UTC, `person` None for nobody.

    `repeat_of` is the id of the event that it repeats, if it does.
    """

    at: datetime
    person: str | None
    site: str
    kind: str
    allowed: bool
    repeat_of: int | None = None


class TallyRow(NamedTuple):
    """A tally as the counts hold it: `at` in whole hours since 1970."""

    hour: int
    site: str
    person: str
    kind: str
    allowed: bool
    repeat_of: int | None

    def refused(self) -> TallyRow:
        """The same request, refused because it could not be counted in time."""
        return self._replace(allowed=False)


class Batch(NamedTuple):
    """What one transaction adds: its rows with a number each, and which batch of whose it is."""

    writer: str
    number: int
    additions: Sequence[tuple[TallyRow, int]]
    at: int  # microseconds


class Batches:
    """Numbers the batches of one run of a writer."""

    def __init__(self) -> None:
        self._writer = uuid4().hex
        self._number = 0

    def of(self, counted: Sequence[TallyRow], regretted: Sequence[TallyRow]) -> Batch | None:
        """The next batch: some to count, and some to turn from allowed to refused."""
        if not (counted or regretted):
            return None
        self._number += 1
        latest = max(row.hour for row in (*counted, *regretted)) * HOUR
        return Batch(self._writer, self._number, additions_of(counted, regretted), latest)


def tally_row(tally: Tally) -> TallyRow:
    """Raises ValueError for a time without a zone or an impossible id."""
    if tally.repeat_of is not None and not 0 < tally.repeat_of <= LARGEST_ID:
        raise ValueError(f"{tally.repeat_of} cannot be the id of an event.")
    hour = to_microseconds(tally.at) // HOUR
    return TallyRow(
        hour, tally.site, tally.person or "", tally.kind, tally.allowed, tally.repeat_of
    )


def additions_of(
    counted: Iterable[TallyRow], regretted: Iterable[TallyRow]
) -> list[tuple[TallyRow, int]]:
    """What counting some and turning others from allowed to refused adds, each row once."""
    sums = Counter(counted)
    for row in regretted:
        sums[row] -= 1
        sums[row.refused()] += 1
    return [(row, number) for row, number in sums.items() if number]


def write_tallies(connection: Connection, batch: Batch, *, careful: bool) -> None:
    """Adds a batch within the transaction of `connection`; if `careful`, unless it is there."""
    if careful and _last_of(connection, batch.writer) == batch.number:
        return
    add_to_counts(connection, [(_counted(row), number) for row, number in batch.additions])
    repeats: Counter[int] = Counter()
    for row, number in batch.additions:
        if row.repeat_of is not None and not row.allowed:
            repeats[row.repeat_of] += number
    _REPEAT.run(connection, list(repeats.items()))
    if batch.number == 1:
        connection.execute(
            delete(WRITERS).where(WRITERS.c.at < from_microseconds(batch.at - _FORGOTTEN_AFTER))
        )
    connection.exec_driver_sql(_DONE, (batch.writer, batch.number, batch.at))


def _last_of(connection: Connection, writer: str) -> int | None:
    return connection.execute(select(WRITERS.c.batch).where(WRITERS.c.writer == writer)).scalar()


def _counted(row: TallyRow) -> Counted:
    return row.hour, row.site, row.person, row.kind, int(row.allowed)


_REPEAT = ManyRows(
    "INSERT INTO repeats (event, number) ROWS "
    "ON CONFLICT (event) DO UPDATE SET number = repeats.number + excluded.number",
    *("number", "number"),
)
_DONE = (
    "INSERT INTO writers (writer, batch, at) VALUES (?, ?, ?) "
    "ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at = excluded.at"
)
