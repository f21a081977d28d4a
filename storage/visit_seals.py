"""Seals over the visits that are over.

While acts arrive, a visit is worked out again and again. Two days after it began nothing changes it
any more, and it is sealed: from then on it can be proved as an event can, and it stays so when its
acts and events have been removed, which is long before the visit is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import batched, groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.events import first_id
from storage.faults import RecordError
from storage.sealing import Chain, What, plain
from storage.visit_keeping import settle
from storage.visit_tables import VISITS

COLUMNS: Final = (
    *("first", "person", "site", "outcome", "rule", "began", "last", "ended", "acts"),
    *("at_least", "at_most"),
)
SETTLED_AFTER: Final = timedelta(days=2)
STEP: Final = 250  # visits in one transaction: some 10 ms of the write lock
PAUSE: Final = 0.06  # seconds between two: longer than a writer in waiting sleeps between two looks

_ALL: Final = [VISITS.c[name] for name in COLUMNS]
_OPEN: Final = VISITS.c.seal.is_(None)


def seal_visits(
    database: Database,
    now: datetime,
    *,
    step: int = STEP,
    rest: Callable[[float], object] = time.sleep,
) -> int:
    """Seals the visits that began two days before `now` (aware) or earlier; gives back how many.

    Raises RecordError; what was sealed by then stays so.
    """
    query = (
        select(VISITS.c.person, VISITS.c.first)
        .where(_OPEN, VISITS.c.first < first_id(now - SETTLED_AFTER))
        .order_by(VISITS.c.person, VISITS.c.first)
    )
    with database.reading() as reader:
        old = reader.execute(query).all()
    sealed = 0
    for some in batched(old, step):
        try:
            with database.writer() as connection, connection.begin():
                while settle(connection):
                    pass
                # All of a person's up to one, so that sealed visits always come before open ones.
                which = [
                    and_(
                        VISITS.c.person == person, VISITS.c.first <= max(each.first for each in of)
                    )
                    for person, of in groupby(some, itemgetter(0))
                ]
                sealed += seal_some(connection, Chain(connection, now), or_(*which))
        except DBAPIError as error:
            raise RecordError(database.explain(error)) from error
        rest(PAUSE)
    return sealed


def seal_some(connection: Connection, chain: Chain, which: ColumnElement[bool]) -> int:
    """Seals those visits of some that are not sealed; gives back how many."""
    rows = connection.execute(select(*_ALL).where(which, _OPEN)).all()
    if rows:
        connection.execute(update(VISITS).where(which, _OPEN).values(seal=chain.next))
        chain.seal(What.VISITS, [plain(row) for row in rows])
    return len(rows)


def rows_of(connection: Connection, seals: Sequence[int]) -> list[list[Any]]:
    """The visits that some seals stand for, as they are sealed."""
    query = select(*_ALL).where(VISITS.c.seal.in_(seals))
    return [plain(row) for row in connection.execute(query)]
