"""What of the record has still to go to the centre: seal by seal, each with the rows it stands for.

A seal that is on record is there with all its rows, or a tombstone says that it was removed; so one
look at the file, in one transaction, gives parcels that are whole. Each carries its rows as they
were sealed, as a text, and the centre takes nothing else from it.

What is sent together is bounded, so catching up takes no more memory than keeping up.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from storage.centre.address import ChangedError
from storage.centre.contents import contents_of
from storage.centre.removed import Removed
from storage.connections import Database
from storage.sealing import IN_ROWS, What

ROWS: Final = 4_000
"""Rows sent together, but for a single seal that has more."""
SEALS: Final = 2_000
"""Seals sent together."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the centre is with a record: the newest seal that it holds. 0 and b"" before any."""

    number: int = 0
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One seal: `before` is the digest of the seal before it, `content` what it stands for."""

    number: int
    before: bytes
    what: str
    at: int
    first: int
    last: int
    rows: int
    digest: bytes
    content: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent together, in order; and the number of the newest seal on record."""

    parcels: tuple[Parcel, ...]
    newest: int


class Outgoing:
    """For one record, from the beginning of forwarding to its end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._removed = Removed()

    def record(self) -> str:
        """The record's own number, from its first seal. Raises RecordError."""
        with self._database.reading() as connection:
            facts = connection.exec_driver_sql("SELECT facts FROM seals WHERE number = 1").scalar()
        try:
            return str(json.loads(facts or "")["record"])
        except (ValueError, TypeError, KeyError) as error:
            raise ChangedError(
                "The record's first seal is missing, so the centre cannot tell which record it is."
            ) from error

    def after(self, cursor: Cursor, rows: int = ROWS) -> Batch:
        """The next parcels, none when the centre has them all.

        Raises RecordError when the record cannot be read, and ChangedError when it is not the one,
        or not as, the centre holds.
        """
        with self._database.reading() as connection:
            self._removed.read(connection)
            newest = connection.exec_driver_sql("SELECT max(number) FROM seals").scalar() or 0
            self._agree(connection, cursor, newest)
            query = (
                "SELECT number, what, at, first, last, rows, facts, digest FROM seals "
                "WHERE number > ? ORDER BY number LIMIT ?"
            )
            found = connection.exec_driver_sql(query, (cursor.number, SEALS + 4)).all()
            seals = _together(found, rows)
            contents = contents_of(connection, seals)
        parcels = []
        previous = cursor
        for seal in seals:
            before = previous.digest
            if seal.number != previous.number + 1:
                before = self._removed.before(previous.number + 1, seal.number)
            text = seal.facts if seal.what not in IN_ROWS else contents[seal.number]
            parcels.append(
                Parcel(
                    seal.number,
                    before,
                    seal.what,
                    seal.at,
                    seal.first,
                    seal.last,
                    seal.rows,
                    seal.digest,
                    text or "",
                )
            )
            previous = Cursor(seal.number, seal.digest)
        return Batch(tuple(parcels), newest)

    def put_back_at(self) -> list[Cursor]:
        """Where copies ended that were put back in the place of the record, the newest first.

        Raises RecordError.
        """
        query = (
            "SELECT b.number, b.digest, n.facts FROM seals n JOIN seals b "
            "ON b.number = n.number - 1 WHERE n.what = 'note' ORDER BY n.number DESC"
        )
        with self._database.reading() as connection:
            found = connection.exec_driver_sql(query).all()
        return [Cursor(row[0], row[1]) for row in found if '"copy":' in (row[2] or "")]

    def _agree(self, connection: Connection, cursor: Cursor, newest: int) -> None:
        if not cursor.number:
            return
        query = "SELECT digest FROM seals WHERE number = ?"
        digest = connection.exec_driver_sql(query, (cursor.number,)).scalar()
        if digest is None:
            if cursor.number > newest:
                raise ChangedError(
                    f"The centre holds the record up to seal {cursor.number}, and here it ends with"
                    f" seal {newest}: its newest part is missing, or an older copy was put back. If"
                    " a copy was put back, run 'schoolgate record forward --put-back' once."
                )
            digest = self._removed.digest_of(cursor.number)
        if digest and digest != cursor.digest:
            raise ChangedError(
                f"Seal {cursor.number} of the record is not the one that the centre holds: the"
                " record was changed after it was forwarded, or an older copy was put back. If a"
                " copy was put back, run 'schoolgate record forward --put-back' once."
            )


def _together(found: Sequence[Any], rows: int) -> list[Any]:
    """As many seals as go in one batch. A purge's tombstone and what it left are not parted."""
    taken: list[Any] = []
    total, purged_at = 0, None
    for seal in found:
        total += seal.rows if seal.what in IN_ROWS else 0
        full = total > rows or len(taken) >= SEALS
        if taken and full and seal.at != purged_at:
            break
        taken.append(seal)
        if seal.what == What.PURGE:
            purged_at = seal.at
    return taken
