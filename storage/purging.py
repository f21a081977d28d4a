"""Taking out of the record what has been kept long enough, and accounting for it.

Events go in small steps, each a transaction of its own with a pause after it, so that nobody's
request waits for a purge. A step removes events, and with them every seal that stood for one of
them. What else such a seal stood for, because it is younger or under a legal hold, goes into a new
seal. So what is left is always whole: a seal is there with all its rows, or a *tombstone* says that
it was removed.

A tombstone is a seal too. Its facts say why, how many events from when to when, and which stretches
of the chain are gone: [first number, last number, digest of the last]. That digest covers all that
was in the stretch, and the next seal that is left follows on from it. Tombstones are never removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, func, or_, select, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.events import first_id
from storage.faults import RecordError
from storage.holds import held_people
from storage.instants import to_microseconds
from storage.models import BINDINGS, CORRECTIONS, EVENTS, SEALS
from storage.purging_visits import remove_with, seal_what_rests_on
from storage.sealing import Chain, What, gaps, plain
from storage.writing import EVENT_COLUMNS

STEP: Final = 250  # events in one transaction: some 10 ms of the write lock
PAUSE: Final = 0.06  # seconds between two: longer than a writer in waiting sleeps between two looks

_WORDS: Final = slice(EVENT_COLUMNS.index("allowed"), EVENT_COLUMNS.index("clause") + 1)
_SOON: Final = 500  # seals

type Rest = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Due:
    """What a purge would remove: `events` from `since` to `until` (aware UTC), and `held` that stay
    because of a legal hold.
    """

    events: int
    held: int
    since: datetime | None
    until: datetime | None


def due(database: Database, before: datetime) -> Due:
    """What `purge_events` would remove. Raises RecordError."""
    old = EVENTS.c.id < first_id(before)
    with database.reading() as connection:
        staying = EVENTS.c.person.in_(held_people(connection))
        going = and_(old, or_(EVENTS.c.person.is_(None), ~staying))
        what = select(func.count(), func.min(EVENTS.c.at), func.max(EVENTS.c.at)).where(going)
        events, since, until = connection.execute(what).one()
        held = select(func.count()).select_from(EVENTS).where(old, staying)
        return Due(events, connection.execute(held).scalar_one(), since, until)


def purge_events(
    database: Database,
    before: datetime,
    why: str,
    now: Callable[[], datetime],
    *,
    step: int = STEP,
    rest: Rest = time.sleep,
) -> int:
    """Removes the events of before a moment (aware), but for those under a hold; gives back how
    many. `why` goes into the tombstones. Raises RecordError; what was removed by then stays so.
    """
    removed, after = 0, -1
    while True:
        try:
            with database.writer() as connection, connection.begin():
                going, after = _next(connection, after, first_id(before), step)
                if going:
                    _remove(connection, going, why, now())
        except DBAPIError as error:
            raise RecordError(database.explain(error)) from error
        if after < 0:
            database.give_back(lambda: rest(PAUSE))
            return removed
        removed += len(going)
        rest(PAUSE)


def purge_bindings(database: Database, before: datetime, why: str, now: datetime) -> int:
    """Removes who was at which address, where that ended before a moment (aware), but for people
    under a hold. Gives back how many. `why` goes into the tombstone. Raises RecordError.

    No seal stands for bindings, so the tombstone closes no gap; but the triggers go by it.
    """
    id, began = BINDINGS.c.id, BINDINGS.c.began
    try:
        with database.writer() as connection, connection.begin():
            kept = BINDINGS.c.person.in_(held_people(connection))
            old = and_(BINDINGS.c.ended < before, ~kept)
            what = select(
                func.count(), func.min(id), func.max(id), func.min(began), func.max(began)
            )
            number, first, last, since, until = connection.execute(what.where(old)).one()
            if number:
                facts = {"of": "bindings", "why": why, "from": to_microseconds(since)}
                facts |= {"to": to_microseconds(until), "gaps": []}
                Chain(connection, now).state(What.PURGE, facts, first, last, number)
                connection.execute(delete(BINDINGS).where(old))
            return int(number)
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def _next(connection: Connection, after: int, before: int, step: int) -> tuple[Sequence[Any], int]:
    """The events to remove next, and the id up to which was looked; -1 when there are no more."""
    held = held_people(connection)
    query = (
        select(EVENTS.c.id, EVENTS.c.at, EVENTS.c.person, EVENTS.c.seal, EVENTS.c.ended_seal)
        .where(EVENTS.c.id > after, EVENTS.c.id < before)
        .order_by(EVENTS.c.id)
        .limit(step)
    )
    found = connection.execute(query).all()
    going = [row for row in found if row.person is None or row.person not in held]
    return going, found[-1].id if found else -1


def _remove(connection: Connection, going: Sequence[Any], why: str, now: datetime) -> None:
    ids = [row.id for row in going]
    corrected = and_(CORRECTIONS.c.event.in_(ids))
    seals = {row.seal for row in going} | {row.ended_seal for row in going}
    seals |= set(connection.execute(select(CORRECTIONS.c.seal).where(corrected)).scalars())
    seals.discard(None)
    seals |= _no_acts(connection, seals, ids)
    left = _Left(connection, seals, ids)
    chain = Chain(connection, now)
    seal_what_rests_on(connection, chain, going)
    facts = {
        "why": why,
        "from": to_microseconds(min(row.at for row in going)),
        "to": to_microseconds(max(row.at for row in going)),
        "gaps": gaps(connection, seals),
    }
    chain.state(What.PURGE, facts, ids[0], ids[-1], len(ids))
    remove_with(connection, going)
    # The tombstone is the newest seal, which is what the triggers go by.
    connection.execute(delete(CORRECTIONS).where(corrected))
    connection.execute(delete(EVENTS).where(EVENTS.c.id.in_(ids)))
    connection.execute(delete(SEALS).where(SEALS.c.number.in_(seals)))
    left.seal_again(connection, chain)


def _no_acts(connection: Connection, seals: Collection[int], going: Sequence[int]) -> set[int]:
    """The seals that say of events that go, and of no others, that they were no acts.

    They come soon after the seals of their events. One that is missed here does no harm.
    """
    if not seals:
        return set()
    query = select(SEALS.c.number, SEALS.c.facts).where(
        SEALS.c.number.between(min(seals) - _SOON, max(seals) + _SOON),
        SEALS.c.what == What.NO_ACTS.value,
        SEALS.c.last <= going[-1],
    )
    found = {number: json.loads(facts)["events"] for number, facts in connection.execute(query)}
    there = select(EVENTS.c.id).where(EVENTS.c.id.in_([id for ids in found.values() for id in ids]))
    staying = set(connection.execute(there).scalars()) - set(going)
    return {number for number, ids in found.items() if staying.isdisjoint(ids)}


class _Left:
    """What seals stood for that are about to go, and that itself stays."""

    def __init__(self, connection: Connection, seals: Iterable[int], going: Sequence[int]) -> None:
        gone = set(going)
        numbers = sorted(seals)
        span = connection.execute(
            select(func.min(SEALS.c.first), func.max(SEALS.c.last)).where(
                SEALS.c.number.in_(numbers)
            )
        ).one()
        between = EVENTS.c.id.between(*span)
        said = [CORRECTIONS.c[n] for n in ("event", "outcome", "reason", "rule", "clause")]
        events = [EVENTS.c[name] for name in EVENT_COLUMNS]
        ends = [EVENTS.c[n] for n in ("id", "status", "bytes_up", "bytes_down", "ended_at")]
        self.corrections = _plain(
            connection.execute(select(*said).where(CORRECTIONS.c.seal.in_(numbers))), gone
        )
        self.events = _plain(
            connection.execute(select(*events).where(between, EVENTS.c.seal.in_(numbers))), gone
        )
        self.ends = _plain(
            connection.execute(select(*ends).where(between, EVENTS.c.ended_seal.in_(numbers))), gone
        )
        before = {
            row.event: row[1:]
            for row in connection.execute(
                select(*said).where(CORRECTIONS.c.event.in_([row[0] for row in self.events]))
            )
        }
        for row in self.events:
            if row[0] in before:
                row[_WORDS] = [1, *before[row[0]]]

    def seal_again(self, connection: Connection, chain: Chain) -> None:
        number = chain.next
        todo = []
        for what, rows, column in (
            (What.EVENTS, self.events, EVENTS.c.seal),
            (What.CORRECTIONS, self.corrections, CORRECTIONS.c.seal),
            (What.COMPLETIONS, self.ends, EVENTS.c.ended_seal),
        ):
            if rows:
                key = next(iter(column.table.primary_key))
                change = update(column.table).where(key.in_([row[0] for row in rows]))
                connection.execute(change.values({column.name: number}))
                todo.append((what, rows))
                number += 1
        for what, rows in todo:
            chain.seal(what, rows)


def _plain(found: Iterable[Any], gone: set[int]) -> list[list[Any]]:
    """Rows as they are sealed, without those that go."""
    return [plain(row) for row in found if row[0] not in gone]
