"""Legal holds: whose events stay, whatever the policy says of how long.

Each beginning and each end is sealed: a note in the chain has the whole row as it then stands, so
that the last note about a hold says what the table must say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, insert, select, type_coerce, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError
from storage.instants import Instant, to_microseconds
from storage.models import ACCESS, BINDINGS, COUNTS, EVENTS, HOLDS, NO_LONGER_NAMED
from storage.sealing import Chain, What
from storage.visit_tables import ACTS, VISITS

HOLD: Final = "hold"
"""In the facts of a note: a hold as it stands from then on, its times in microseconds."""

SEALED: Final = ("id", "person", "began", "by", "why", "case", "ended", "ended_by")


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on one person's events. `began` and `ended` are aware UTC; `by` is a person's id."""

    id: int
    person: str
    began: datetime
    by: str
    why: str
    ended: datetime | None
    ended_by: str | None
    case: str | None


_COLUMNS: Final = [HOLDS.c[field.name] for field in fields(Hold)]
_OPEN: Final = HOLDS.c.ended.is_(None)
# The values as they are kept, whatever kind they are of.
_AS_SEALED: Final = [
    type_coerce(HOLDS.c[name], BigInteger) if isinstance(HOLDS.c[name].type, Instant)
    else HOLDS.c[name]
    for name in SEALED
]  # fmt: skip


def hold(
    database: Database, person: str, by: str, why: str, now: datetime, case: str | None = None
) -> None:
    """Keeps a person's events from every purge until `release`. Raises RecordError."""
    row = {"person": person, "began": now, "by": by, "why": why, "case": case}
    try:
        with database.writer() as connection, connection.begin():
            done = connection.execute(insert(HOLDS).values(row))
            assert done.inserted_primary_key is not None
            number = done.inserted_primary_key[0]
            sealed = {**row, "id": number, "began": to_microseconds(now)}
            _seal(Chain(connection, now), sealed, "A legal hold began.")
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def release(
    database: Database, person: str, by: str, now: datetime, case: str | None = None
) -> int:
    """Ends the holds on a person's events, or those for one case; gives back how many there were.

    Raises RecordError.
    """
    query = select(*_AS_SEALED).where(HOLDS.c.person == person, _OPEN).order_by(HOLDS.c.id)
    if case is not None:
        query = query.where(HOLDS.c.case == case)
    try:
        with database.writer() as connection, connection.begin():
            standing = connection.execute(query).mappings().all()
            chain = Chain(connection, now)
            for row in standing:
                over = {**row, "ended": to_microseconds(now), "ended_by": by}
                # First the seal, which is what the triggers go by.
                _seal(chain, over, "A legal hold was released.")
                change = update(HOLDS).where(HOLDS.c.id == row["id"])
                connection.execute(change.values(ended=now, ended_by=by))
            return len(standing)
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def holds(database: Database, *, ended: bool = False) -> tuple[Hold, ...]:
    """Those that have not ended, or all of them, oldest first. Raises RecordError."""
    query = select(*_COLUMNS).order_by(HOLDS.c.id)
    with database.reading() as connection:
        return tuple(
            Hold(*row) for row in connection.execute(query if ended else query.where(_OPEN))
        )


def people_held(database: Database) -> frozenset[str]:
    """Whose events stay, also in a record of an older version. Raises RecordError."""
    with database.reading() as connection:
        return held_people(connection)


def held_people(connection: Connection) -> frozenset[str]:
    """Whose events stay."""
    return frozenset(connection.execute(select(HOLDS.c.person).where(_OPEN)).scalars())


def people_on_record(database: Database, person: str) -> frozenset[str]:
    """Everybody whom the record knows from anything but its events, and `person` if they have one.

    Raises RecordError.
    """
    with database.reading() as connection:
        known: set[str] = set()
        for table in (VISITS, ACTS, COUNTS, ACCESS, BINDINGS, HOLDS):
            known.update(connection.execute(select(table.c.person).distinct()).scalars())
        # The events have no index by person, so that they are asked last.
        if person not in known:
            query = select(EVENTS.c.id).where(EVENTS.c.person == person).limit(1)
            if connection.execute(query).first() is not None:
                known.add(person)
    return frozenset(known - {"", NO_LONGER_NAMED})


def sealed_holds(connection: Connection) -> dict[int, Mapping[str, Any]]:
    """The table's rows as notes have them, by their numbers."""
    rows = connection.execute(select(*_AS_SEALED).order_by(HOLDS.c.id)).mappings()
    return {row["id"]: dict(row) for row in rows}


def _seal(chain: Chain, row: Mapping[str, Any], why: str) -> None:
    number = row["id"]
    facts = {HOLD: {name: row.get(name) for name in SEALED}, "why": why}
    chain.state(What.NOTE, facts, number, number, 1)
