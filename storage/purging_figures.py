"""Figures grow old in two steps: first they lose their people, later they go.

A person's figures are kept as long as their visits. Then they are added to those of *nobody any
more*, so that what the whole school did stays the same to the last request and nothing leads back
to anyone. People under a legal hold keep theirs. Each time, a seal tells up to when, so that
somebody who takes names or figures out by hand cannot say that it was this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from storage import spans
from storage.connections import Database
from storage.faults import RecordError
from storage.holds import held_people
from storage.instants import HOUR, to_microseconds
from storage.models import COUNTS, NO_LONGER_NAMED
from storage.purging import PAUSE, Rest
from storage.sealing import Chain, What

NAMED_FROM = "named_from"
KEPT_FROM = "kept_from"
"""In the facts of a note: whole hours since 1970."""

_IN_A_STEP = 7  # hours, days or weeks

_FORGET = text(
    "INSERT INTO counts (span, start, site, person, kind, allowed, number) "
    "SELECT span, start, site, :nobody, kind, allowed, sum(number) FROM counts "
    "WHERE span = :span AND start < :upto AND person NOT IN ('', :nobody) "
    "AND person NOT IN (SELECT person FROM holds WHERE ended IS NULL) "
    "GROUP BY span, start, site, kind, allowed "
    "ON CONFLICT (span, start, site, person, kind, allowed) "
    "DO UPDATE SET number = counts.number + excluded.number"
)


def forget_names(
    database: Database,
    before: datetime,
    why: str,
    now: Callable[[], datetime],
    rest: Rest = time.sleep,
) -> int:
    """Takes the people out of the counts of hours, days and weeks that ended by a moment (aware).

    Gives back how many rows lost their person. Raises RecordError; what was done by then stays so.
    """
    end, forgotten = to_microseconds(before) // HOUR, 0

    def named(connection: Connection) -> ColumnElement[bool]:
        kept = (*held_people(connection), "", NO_LONGER_NAMED)
        return COUNTS.c.person.not_in(kept)

    told = _Told(why, now, NAMED_FROM, end)
    try:
        for connection, span, upto in _steps(database, end, named, told, rest):
            connection.execute(_FORGET, {"nobody": NO_LONGER_NAMED, "span": span, "upto": upto})
            old = and_(COUNTS.c.span == span, COUNTS.c.start < upto, named(connection))
            forgotten += connection.execute(delete(COUNTS).where(old)).rowcount
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error
    return forgotten


def purge_figures(
    database: Database,
    before: datetime,
    why: str,
    now: Callable[[], datetime],
    rest: Rest = time.sleep,
) -> int:
    """Removes the counts of hours, days and weeks that ended by a moment (aware).

    Gives back how many rows. Raises RecordError; what was removed by then stays so.
    """
    end, removed = to_microseconds(before) // HOUR, 0

    def any_of_them(_: Connection) -> ColumnElement[bool]:
        return COUNTS.c.number.is_not(None)

    told = _Told(why, now, KEPT_FROM, end)
    try:
        for connection, span, upto in _steps(database, end, any_of_them, told, rest):
            old = and_(COUNTS.c.span == span, COUNTS.c.start < upto)
            removed += connection.execute(delete(COUNTS).where(old)).rowcount
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error
    return removed


class _Told:
    """The note that goes before the first step."""

    def __init__(self, why: str, now: Callable[[], datetime], name: str, end: int) -> None:
        self._facts: dict[str, str | int] | None = {"why": why, name: end}
        self._now = now

    def tell(self, connection: Connection) -> None:
        if self._facts:
            Chain(connection, self._now()).state(What.NOTE, self._facts)
            self._facts = None


def _steps(
    database: Database,
    end: int,
    which: Callable[[Connection], ColumnElement[bool]],
    told: _Told,
    rest: Rest,
) -> Iterator[tuple[Connection, int, int]]:
    """A transaction for each few hours, days and weeks that have such counts and ended by `end`:
    its connection, and that it is about spans of which length from before which start.
    """
    for span in (spans.HOUR, spans.DAY, spans.WEEK):
        start: int | None = -1
        while start is not None:
            # Looked for outside of the transaction: it may take a while.
            with database.reading() as reader:
                oldest = select(func.min(COUNTS.c.start)).where(
                    COUNTS.c.span == span, COUNTS.c.start >= start, which(reader)
                )
                start = reader.execute(oldest).scalar()
            if start is None or start + span > end:
                break
            upto = min(start + _IN_A_STEP * span, end - span + 1)
            with database.writer() as connection, connection.begin():
                told.tell(connection)
                yield connection, span, upto
            rest(PAUSE)
            start = upto
