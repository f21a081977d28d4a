"""Bindings on record: who was at which address, from when to when, and how that is known.

One process writes them, and every worker follows. A transaction gives all the rows that it writes
one new *revision*, the highest there is; so a worker that asks for what is past the last revision
it saw misses nothing, and asking costs one look at the end of an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.faults import RecordError
from storage.followed import Followed
from storage.models import BINDINGS


@dataclass(frozen=True, slots=True)
class Binding:
    """A row: person at address, as `addon.identity.intervals.Interval` has it. Times aware UTC.

    `confidence` is how sure its source was when it was last vouched for, 0 to 100.
    """

    id: int
    person: str
    address: str
    hardware: str
    source: str
    session: str
    confidence: int
    began: datetime
    vouched: datetime
    ends: datetime | None
    ended: datetime | None
    why: str


_COLUMNS: Final = [BINDINGS.c[field.name] for field in fields(Binding)]
_CHANGING: Final = ("vouched", "ends", "ended", "why", "confidence", "revision")
_AT_ONCE: Final = 500  # ids in one question


def write_bindings(database: Database, bindings: Sequence[Binding]) -> None:
    """Puts bindings on record as they are now, all or none. Raises RecordError."""
    if not bindings:
        return
    try:
        with closing(database.writer()) as connection, connection.begin():
            revision = _last_revision(connection) + 1
            rows = [{**asdict(binding), "revision": revision} for binding in bindings]
            there = _known(connection, [binding.id for binding in bindings])
            if new := [row for row in rows if row["id"] not in there]:
                connection.execute(insert(BINDINGS), new)
            if changed := [row for row in rows if row["id"] in there]:
                # A parameter may not have the name of a column it is compared with.
                statement = update(BINDINGS).where(BINDINGS.c.id == bindparam("of"))
                connection.execute(
                    statement,
                    [
                        {"of": row["id"], **{name: row[name] for name in _CHANGING}}
                        for row in changed
                    ],
                )
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def open_bindings(database: Database) -> list[Binding]:
    """Those that have not ended. Raises RecordError."""
    return _bindings(database, BINDINGS.c.ended.is_(None))


def is_on_record(database: Database, person: str) -> bool:
    """Whether there is any binding of a person's, open or ended. Raises RecordError."""
    query = select(BINDINGS.c.id).where(BINDINGS.c.person == person).limit(1)
    with database.reading() as connection:
        return connection.execute(query).first() is not None


def last_binding_id(database: Database) -> int:
    """The highest id on record, 0 if there is none. Raises RecordError."""
    with database.reading() as connection:
        return connection.execute(select(func.max(BINDINGS.c.id))).scalar() or 0


def sessions_over(database: Database, source: str, since: datetime) -> list[str]:
    """The names of a source's sessions that were left since a moment (aware), the oldest first.

    Those that only fell silent may yet be heard of again. Raises RecordError.
    """
    ended = and_(BINDINGS.c.source == source, BINDINGS.c.ended >= since, BINDINGS.c.why == "left")
    query = select(BINDINGS.c.session).where(ended).order_by(BINDINGS.c.ended)
    with database.reading() as connection:
        return list(connection.execute(query).scalars())


def sessions_known(database: Database, source: str, most: int) -> list[tuple[str, str, datetime]]:
    """A source's sessions, the newest first: their name, their person and when they began.

    Raises RecordError.
    """
    session, person = BINDINGS.c.session, BINDINGS.c.person
    newest = func.max(BINDINGS.c.id)
    query = (
        select(session, person, func.min(BINDINGS.c.began).label("began"))
        .where(BINDINGS.c.source == source)
        .group_by(session, person)
        .order_by(newest.desc())
        .limit(most)
    )
    with database.reading() as connection:
        return [(row.session, row.person, row.began) for row in connection.execute(query)]


def bindings_at(database: Database, at: datetime) -> list[Binding]:
    """Those that held at a moment (aware), whether they are open still or not.

    Raises RecordError.
    """
    held = and_(BINDINGS.c.began <= at, or_(BINDINGS.c.ended.is_(None), BINDINGS.c.ended > at))
    return _bindings(database, held)


class BindingReader:
    """Follows the bindings on one connection of its own. For one thread."""

    def __init__(self, database: Database) -> None:
        """Nothing is opened before the first look."""
        self._record = Followed(database)
        self._revision = 0

    def look(self) -> tuple[bool, list[Binding]]:
        """What changed since the last look, and whether it is instead all that is open.

        So it is at the first look, and when the record has become another. Raises RecordError; the
        next look then begins from the start.
        """
        with self._record.look() as (connection, void):
            newest = _last_revision(connection)
            anew = void or newest < self._revision
            if not anew and newest == self._revision:
                return False, []
            query = select(*_COLUMNS)
            if anew:
                query = query.where(BINDINGS.c.ended.is_(None))
            else:
                query = query.where(BINDINGS.c.revision > self._revision)
            found = [Binding(*row) for row in connection.execute(query)]
        self._revision = newest
        return anew, found

    def close(self) -> None:
        """Lets go of the record."""
        self._record.close()


def _bindings(database: Database, condition: object) -> list[Binding]:
    query = select(*_COLUMNS).where(condition).order_by(BINDINGS.c.id)  # type: ignore[arg-type]
    with database.reading() as connection:
        return [Binding(*row) for row in connection.execute(query)]


def _last_revision(connection: Connection) -> int:
    return connection.execute(select(func.max(BINDINGS.c.revision))).scalar() or 0


def _known(connection: Connection, ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for chunk in _chunks(ids):
        query = select(BINDINGS.c.id).where(BINDINGS.c.id.in_(chunk))
        found.update(connection.execute(query).scalars())
    return found


def _chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
