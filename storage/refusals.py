"""Which devices would not have the school's certificate, and how many have it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from storage.connections import Database
from storage.events import first_id
from storage.models import EVENTS


@dataclass(frozen=True, slots=True)
class Refusals:
    """One device, by its address, and one site. `count` is in rows, of which there is at most one
    a minute.
    """

    address: str
    site: str
    count: int


def certificate_refusals(database: Database, outcome: str, since: datetime) -> tuple[Refusals, ...]:
    """Those with this outcome since a time (aware), the most frequent first. Nobody is named.

    Raises RecordError.
    """
    count = func.count()
    query = (
        select(EVENTS.c.address, EVENTS.c.site, count)
        .where(EVENTS.c.id >= first_id(since), EVENTS.c.outcome == outcome)
        .group_by(EVENTS.c.address, EVENTS.c.site)
        .order_by(count.desc(), EVENTS.c.address, EVENTS.c.site)
    )
    with database.reading() as connection:
        return tuple(Refusals(*row) for row in connection.execute(query))


def devices_that_trust(database: Database, since: datetime) -> int:
    """How many devices (addresses) have asked for something inside a connection that the school's
    certificate vouched for, since a time (aware). Nobody is named. Raises RecordError.

    What was refused at the handshake, or passed undecrypted, has no method; CONNECT comes before.
    """
    query = select(func.count(EVENTS.c.address.distinct())).where(
        EVENTS.c.id >= first_id(since),
        EVENTS.c.scheme == "https",
        EVENTS.c.method.not_in(("", "CONNECT")),
    )
    with database.reading() as connection:
        return connection.execute(query).scalar_one()
