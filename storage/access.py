"""Grants and withdrawals on the record: adding to their history, and reading it.

Several processes add to one history: each change looks at what there is and adds to it inside one
transaction that holds the write lock from its first moment, so two of them cannot both give the
last grant of a day.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, insert, or_, select
from sqlalchemy.exc import DBAPIError

from storage import sealing
from storage.access_steps import Present, Step, What, present
from storage.connections import Database
from storage.faults import RecordError
from storage.followed import Followed
from storage.instants import to_microseconds
from storage.models import ACCESS
from storage.seen import Seen, goes_on, newest

__all__ = [
    "AccessChanges",
    "AccessReader",
    "Present",
    "Step",
    "What",
    "access_at",
    "access_history",
    "changing_access",
    "present",
]

_COLUMNS: Final = [ACCESS.c[field.name] for field in fields(Step)]
EVERY_STEP: Final = select(*_COLUMNS).order_by(ACCESS.c.id)
# A grant that ended this long ago is not looked at again, even if the clock is set right meanwhile.
_MARGIN: Final = timedelta(days=2)


class AccessChanges:
    """The history while nobody else can add to it."""

    def __init__(self, connection: Connection) -> None:
        """`changing_access` makes one."""
        self._connection = connection

    def history(self, person: str) -> tuple[Step, ...]:
        """Every step about one person, oldest first."""
        return tuple(steps_of(self._connection, EVERY_STEP.where(ACCESS.c.person == person)))

    def add(self, step: Step) -> Step:
        """The step, with its number, once the transaction ends well. It is sealed at its time."""
        chain = sealing.Chain(self._connection, step.at)
        values = {name: value for name, value in asdict(step).items() if name != "id"}
        done = self._connection.execute(insert(ACCESS).values(**values, seal=chain.next))
        assert done.inserted_primary_key is not None
        added = replace(step, id=done.inserted_primary_key[0])
        chain.seal(sealing.What.ACCESS, [as_sealed(added)])
        return added


@contextmanager
def changing_access(database: Database) -> Iterator[AccessChanges]:
    """The history, to look at and add to; nothing is added if the body raises.

    Raises RecordError when the record cannot be written.
    """
    try:
        with understood(database), database.writer() as connection, connection.begin():
            yield AccessChanges(connection)
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def as_sealed(step: Step) -> sealing.Values:
    """A step as its seal covers it."""
    values = asdict(step).values()
    return [to_microseconds(each) if isinstance(each, datetime) else each for each in values]


def access_history(database: Database, person: str | None = None) -> tuple[Step, ...]:
    """Every step, or those about one person, oldest first. Raises RecordError."""
    query = EVERY_STEP if person is None else EVERY_STEP.where(ACCESS.c.person == person)
    with understood(database), database.reading() as connection:
        return tuple(steps_of(connection, query))


def access_at(database: Database, at: datetime) -> Present:
    """What the steps written up to a moment (aware) come to. Raises RecordError."""
    return present(step for step in access_history(database) if step.at <= at)


class AccessReader:
    """Follows the history on one connection of its own. For one thread."""

    def __init__(self, database: Database) -> None:
        """Nothing is opened before the first look."""
        self._database = database
        self._record = Followed(database)
        self._last: int | None = None
        self._seen: Seen | None = None
        self._exchanges = 0

    @property
    def identity(self) -> Hashable | None:
        """Which record was read, None while there is none. It is another, too, once another was
        written into the same file, or its newest part was cut off.
        """
        where = self._record.identity
        return None if where is None else (where, self._exchanges)

    def look(self, now: datetime, *, anew: bool = False) -> Present | None:
        """The present as far as it can still matter at `now` (aware), or None if there is no step
        since the last look. With `anew`, it is read in any case.

        Raises RecordError; the next look then begins from the start.
        """
        with self._record.look() as (connection, void), understood(self._database):
            last = connection.execute(select(func.max(ACCESS.c.id))).scalar() or 0
            here = newest(connection)
            exchanged = self._seen is not None and not goes_on(connection, self._seen, here)
            if last == self._last and not (anew or void or exchanged):
                self._seen = here
                return None
            steps = list(steps_of(connection, _that_matter(connection, now)))
        self._last, self._seen = last, here
        self._exchanges += exchanged
        return present(steps)

    def close(self) -> None:
        """Lets go of the record."""
        self._record.close()


class _Unreadable(ValueError):
    """A row that is no step."""


@contextmanager
def understood(database: Database) -> Iterator[None]:
    """Raises RecordError where `steps_of` meets a row that is no step."""
    try:
        yield
    except _Unreadable as error:
        raise RecordError(database.damaged) from error


def _that_matter(connection: Connection, now: datetime) -> Select[Any]:
    """Every withdrawal and restoration, and all steps from the first grant that may yet be live."""
    live = select(func.min(ACCESS.c.id)).where(ACCESS.c.until > now - _MARGIN)
    first = connection.execute(live).scalar()
    matters: ColumnElement[bool] = ACCESS.c.what.in_([What.WITHDRAW, What.RESTORE])
    if first is not None:
        matters = or_(matters, ACCESS.c.id >= first)
    return EVERY_STEP.where(matters)


def steps_of(connection: Connection, query: Select[Any]) -> Sequence[Step]:
    """What a query like `EVERY_STEP` finds; within `understood`."""
    try:
        return [
            Step(**{**row, "what": What(row["what"])})
            for row in connection.execute(query).mappings()
        ]
    except ValueError as error:
        raise _Unreadable from error
