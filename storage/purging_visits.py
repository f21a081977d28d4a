"""Taking acts, repeats and visits out of the record when they have been kept long enough.

Acts and repeats say more about an event and go in the transaction in which it goes. Visits are kept
for a time of their own: those that rest on an event that goes are sealed at the latest then, and
when they go themselves a tombstone accounts for them (`storage.purging`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError
from storage.holds import held_people
from storage.instants import to_microseconds
from storage.models import SEALS
from storage.sealing import Chain, What, gaps
from storage.visit_keeping import settle
from storage.visit_seals import PAUSE, STEP, rows_of, seal_some
from storage.visit_tables import ACTS, REPEATS, VISITS


def seal_what_rests_on(connection: Connection, chain: Chain, events: Sequence[Any]) -> None:
    """Seals the visits that begin with `events` (rows with id and person) that are about to go.

    A visit can be worked out only while its acts are there, and it stays longer than they do.
    """
    while settle(connection):
        pass
    first = [
        and_(VISITS.c.person == person, VISITS.c.first.in_(ids))
        for person, ids in _by_person((row.person, row.id) for row in events)
    ]
    if first:
        seal_some(connection, chain, or_(*first))


def remove_with(connection: Connection, events: Sequence[Any]) -> None:
    """Removes what is on record beside `events` (rows with id and person) that go."""
    for person, ids in _by_person((row.person, row.id) for row in events):
        connection.execute(delete(ACTS).where(ACTS.c.person == person, ACTS.c.id.in_(ids)))
    connection.execute(delete(REPEATS).where(REPEATS.c.event.in_([event.id for event in events])))


def purge_visits(
    database: Database,
    before: datetime,
    why: str,
    now: Callable[[], datetime],
    *,
    step: int = STEP,
    rest: Callable[[float], object] = time.sleep,
) -> int:
    """Removes the visits that were over before a moment (aware), but those of people under a hold.

    Gives back how many. `why` goes into the tombstones. Raises RecordError; what was removed by
    then stays so.
    """
    over = func.coalesce(VISITS.c.ended, VISITS.c.last) < before
    removed = 0
    try:
        with database.reading() as reader:
            old = select(VISITS.c.person, VISITS.c.first).where(
                over, VISITS.c.person.not_in(held_people(reader))
            )
            going = reader.execute(old.order_by(VISITS.c.first)).all()
        for some in batched(going, step):
            with database.writer() as connection, connection.begin():
                held = held_people(connection)
                removed += _remove(connection, [v for v in some if v[0] not in held], why, now())
            rest(PAUSE)
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error
    return removed


def _remove(connection: Connection, going: Sequence[Any], why: str, now: datetime) -> int:
    which = or_(
        *(
            and_(VISITS.c.person == person, VISITS.c.first.in_(firsts))
            for person, firsts in _by_person(going)
        )
    )
    if not going:
        return 0
    rows = connection.execute(
        select(VISITS.c.first, VISITS.c.began, VISITS.c.seal).where(which).order_by(VISITS.c.first)
    ).all()
    seals = sorted({row.seal for row in rows if row.seal is not None})
    gone = {row.first for row in rows}
    left = [row for row in rows_of(connection, seals) if row[0] not in gone]
    chain = Chain(connection, now)
    if seals:
        began = [to_microseconds(row.began) for row in rows]
        facts = {"why": why, "of": "visits", "from": min(began), "to": max(began)}
        facts["gaps"] = gaps(connection, seals)
        chain.state(What.PURGE, facts, rows[0].first, rows[-1].first, len(rows))
    connection.execute(delete(VISITS).where(which))
    connection.execute(delete(SEALS).where(SEALS.c.number.in_(seals)))
    if left:
        connection.execute(update(VISITS).where(VISITS.c.seal.in_(seals)).values(seal=chain.next))
        chain.seal(What.VISITS, left)
    return len(rows)


def _by_person(rows: Iterable[tuple[str | None, int]]) -> Iterable[tuple[str, list[int]]]:
    by_person: dict[str, list[int]] = defaultdict(list)
    for person, number in rows:
        if person is not None:
            by_person[person].append(number)
    return by_person.items()
