"""Taking old steps out of the history of grants and withdrawals, and accounting for them.

A step goes when it is old and nothing can depend on it any more. What a history comes to depends on
the order of its steps, so a person's steps go from the oldest on and stop at the first that is
still needed: one that is not old, a grant that ended not long ago, or the withdrawal in force. What
is left comes to the same as before.

Steps are sealed, so their removal leaves a tombstone, as that of events does (`storage.purging`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import DBAPIError

from storage.access import EVERY_STEP, as_sealed, steps_of, understood
from storage.access_steps import Step, present
from storage.connections import Database
from storage.faults import RecordError
from storage.holds import held_people
from storage.instants import to_microseconds
from storage.models import ACCESS, SEALS
from storage.purging import PAUSE, STEP, Rest
from storage.sealing import Chain, What, gaps

_SEAL: Final = ACCESS.c.seal


def access_due(database: Database, before: datetime) -> int:
    """How many steps `purge_access` would remove. Raises RecordError."""
    with understood(database), database.reading() as connection:
        return len(_going(connection, before))


def purge_access(
    database: Database,
    before: datetime,
    why: str,
    now: Callable[[], datetime],
    *,
    step: int = STEP,
    rest: Rest = time.sleep,
) -> int:
    """Removes the steps of before a moment (aware) on which nothing depends any more, but for those
    about people under a hold; gives back how many. `why` goes into the tombstones.

    Raises RecordError; what was removed by then stays so.
    """
    removed = 0
    while True:
        try:
            with understood(database), database.writer() as connection, connection.begin():
                going = _going(connection, before)[:step]
                if going:
                    _remove(connection, going, why, now())
        except DBAPIError as error:
            raise RecordError(database.explain(error)) from error
        if not going:
            return removed
        removed += len(going)
        rest(PAUSE)


def _going(connection: Connection, before: datetime) -> list[Step]:
    """Oldest first, each of a person's after those before it."""
    if connection.execute(select(ACCESS.c.id).where(ACCESS.c.at < before).limit(1)).first() is None:
        return []
    held = held_people(connection)
    by_person: dict[str, list[Step]] = defaultdict(list)
    for each in steps_of(connection, EVERY_STEP):
        by_person[each.person].append(each)
    going = [
        each
        for person, steps in by_person.items()
        if person not in held
        for each in _no_longer_needed(steps, before)
    ]
    return sorted(going, key=lambda each: each.id)


def _no_longer_needed(steps: Sequence[Step], before: datetime) -> Iterable[Step]:
    """Of one person's steps, in their order."""
    in_force = {each.id for each in present(steps).withdrawn.values()}
    for each in steps:
        if each.at >= before or each.id in in_force or (each.until and each.until >= before):
            return
        yield each


def _remove(connection: Connection, going: Sequence[Step], why: str, now: datetime) -> None:
    ids = [each.id for each in going]
    here = ACCESS.c.id.in_(ids)
    seals = set(connection.execute(select(_SEAL).where(here)).scalars()) - {None}
    left = [
        each
        for each in steps_of(connection, EVERY_STEP.where(_SEAL.in_(seals)))
        if each.id not in set(ids)
    ]
    chain = Chain(connection, now)
    facts = {
        "of": What.ACCESS.value,
        "why": why,
        "from": to_microseconds(min(each.at for each in going)),
        "to": to_microseconds(max(each.at for each in going)),
        "gaps": gaps(connection, seals),
    }
    chain.state(What.PURGE, facts, ids[0], ids[-1], len(ids))
    # The tombstone is the newest seal, which is what the triggers go by.
    connection.execute(delete(ACCESS).where(here))
    connection.execute(delete(SEALS).where(SEALS.c.number.in_(seals)))
    if left:
        change = update(ACCESS).where(ACCESS.c.id.in_([each.id for each in left]))
        connection.execute(change.values(seal=chain.next))
        chain.seal(What.ACCESS, [as_sealed(each) for each in left])
