"""Legal holds: whose events stay, whatever the policy says of how long."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError
from storage.models import HOLDS


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


_COLUMNS: Final = [HOLDS.c[field.name] for field in fields(Hold)]
_OPEN: Final = HOLDS.c.ended.is_(None)


def hold(database: Database, person: str, by: str, why: str, now: datetime) -> None:
    """Keeps a person's events from every purge until `release`. Raises RecordError."""
    row = {"person": person, "began": now, "by": by, "why": why}
    try:
        with database.writer() as connection, connection.begin():
            connection.execute(insert(HOLDS).values(row))
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def release(database: Database, person: str, by: str, now: datetime) -> int:
    """Ends the holds on a person's events; gives back how many there were. Raises RecordError."""
    change = update(HOLDS).where(HOLDS.c.person == person, _OPEN).values(ended=now, ended_by=by)
    try:
        with database.writer() as connection, connection.begin():
            return connection.execute(change).rowcount
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def holds(database: Database) -> tuple[Hold, ...]:
    """Those that have not ended, oldest first. Raises RecordError."""
    query = select(*_COLUMNS).where(_OPEN).order_by(HOLDS.c.id)
    with database.reading() as connection:
        return tuple(Hold(*row) for row in connection.execute(query))


def held_people(connection: Connection) -> frozenset[str]:
    """Whose events stay."""
    return frozenset(connection.execute(select(HOLDS.c.person).where(_OPEN)).scalars())
