"""Whether a chain goes on from a seal that was seen in it. Where it does not, the record was cut
short, or another was put in its place, if only by being written into the same file.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from storage.models import SEALS


class Seen(NamedTuple):
    """A seal: its number, and its digest in hexadecimal."""

    number: int
    digest: str


def newest(connection: Connection) -> Seen | None:
    """The newest seal; None while nothing is sealed."""
    query = select(SEALS.c.number, SEALS.c.digest).order_by(SEALS.c.number.desc()).limit(1)
    found = connection.execute(query).first()
    return Seen(found[0], found[1].hex()) if found else None


def goes_on(connection: Connection, before: Seen, here: Seen | None) -> bool:
    """Whether the chain, whose newest seal is `here`, goes on from one that was seen before."""
    if here is None or before == here:
        return before == here
    at = select(SEALS.c.digest).where(SEALS.c.number == before.number)
    digest: bytes | None = connection.execute(at).scalar()
    if digest is None:  # a purge may have taken it out, but never the newest
        return here.number > before.number
    return digest.hex() == before.digest
