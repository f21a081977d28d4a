"""The events of a time past, one after the other, for asking the same again of other rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from storage.connections import Database
from storage.events import first_id
from storage.models import EVENTS

_AT_A_TIME: Final = 5_000  # rows held in memory at once


@dataclass(frozen=True, slots=True)
class PastEvent:
    """What was decided, and what it was decided by. `at` is aware UTC."""

    at: datetime
    person: str | None
    site: str
    host: str
    scheme: str
    method: str
    path: str | None
    allowed: bool
    outcome: str
    rule: str | None


_COLUMNS: Final = [EVENTS.c[field.name] for field in fields(PastEvent)]


def count_events(database: Database, since: datetime) -> int:
    """How many events there are from `since` (aware) on. Raises RecordError."""
    query = select(func.count()).select_from(EVENTS).where(EVENTS.c.id >= first_id(since))
    with database.reading() as connection:
        return connection.execute(query).scalar_one()


def past_events(database: Database, since: datetime) -> Iterator[PastEvent]:
    """The events from `since` (aware) on, oldest first. Raises RecordError."""
    query = select(*_COLUMNS).where(EVENTS.c.id >= first_id(since)).order_by(EVENTS.c.id)
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=_AT_A_TIME).execute(query):
            yield PastEvent(*row)
