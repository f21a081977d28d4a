"""Whether a record goes on from the one that was known before, and what is done where it does not.

A chain of seals shows what was changed inside it, but not that the whole of it is gone, nor that
its newest end was cut off. For that, somebody remembers a record's own id and the newest seal seen
in it (`Known`), outside the record. A record that is opened and does not hold that seal says so in
its own chain from then on.

What the record before knew and this one does not is lost, but for one thing: whoever had their web
access withdrawn would get it back. So those who are known otherwise are entered again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from storage import sealing
from storage.access import EVERY_STEP, AccessChanges, Step, What, present, steps_of, understood
from storage.connections import Database
from storage.faults import RecordError
from storage.models import SEALS
from storage.record_file import RecordFile
from storage.seen import Seen, goes_on, newest

BY: Final = "schoolgate"
"""Who takes a step that nobody decided."""


class Break(StrEnum):
    """How a record fails to go on from the one before."""

    DAMAGED = "damaged"  # that one was set aside, and this one begun
    MISSING = "missing"  # that one was gone or emptied, and this one begun
    EXCHANGED = "exchanged"  # this one was put in its place, and holds something
    SHORTENED = "shortened"  # it is that one, but without the newest seal known of it


_WHY: Final = {
    Break.DAMAGED: "The record before this one was damaged, and was set aside.",
    Break.MISSING: "The record before this one was missing, and this one was begun.",
    Break.EXCHANGED: "This record was put in the place of the one that was in use.",
    Break.SHORTENED: "This record was found without the newest part that had been written to it.",
}
_BEFORE: Final = {
    Break.DAMAGED: "the record before, which was damaged",
    Break.MISSING: "the record before, which was missing",
    Break.EXCHANGED: "the record before, which another had replaced",
    Break.SHORTENED: "what was known, because the newest part of the record was missing",
}
_TO_BE_LOOKED_AT: Final = "Grants and legal holds are not carried over."


@dataclass(frozen=True, slots=True)
class Known:
    """A record by its own id, and the newest seal that was seen in it."""

    record: str
    number: int
    digest: str

    def __str__(self) -> str:
        """The seal, as `record verify --head` reads it."""
        return f"{self.number}:{self.digest}"


@dataclass(frozen=True, slots=True)
class Broken:
    """What the record's chain says of a break: when it was found (aware UTC), how many withdrawals
    were entered again, and where the record before was put, if it was.
    """

    how: Break
    at: datetime
    carried: int
    aside: Path | None = None


class UnnotedError(RecordError):
    """The record does not go on from the one before, and cannot be written to, to say so."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The record does not go on from the one that was in use before, and that could not be"
            f" noted in it: {why} Until it is, the web access of those it was withdrawn from stays"
            " withdrawn."
        )


def known(database: Database) -> Known | None:
    """What there is to remember of a record; None while nothing is sealed. Raises RecordError."""
    with database.reading() as connection:
        return _known(connection)


def go_on(
    database: Database,
    now: datetime,
    before: Known | None,
    withdrawn: Callable[[], Collection[str]],
    aside: Path | None = None,
) -> Broken | None:
    """Looks whether the record goes on from the one known `before`; None if it does, or if nothing
    was known. Where it does not, or where a damaged one was set `aside` for it, that is noted in
    the chain, and everybody whom `withdrawn` gives back has their access withdrawn in it too.

    Several processes may find the same break: it is noted once. Raises UnnotedError where nothing
    but that note fails, and RecordError.
    """
    if aside is None and not is_broken(database, before, withdrawn):
        return None
    try:
        with understood(database), database.writer() as connection, connection.begin():
            how = Break.DAMAGED if aside else _break(connection, before, withdrawn)
            if how is None:
                return None
            noted = _noted(connection, before) if before and not aside else None
            return noted or _note(connection, now, how, before, withdrawn, aside)
    except DBAPIError as error:
        raise UnnotedError(database.explain(error)) from error


def is_broken(
    database: Database, before: Known | None, withdrawn: Callable[[], Collection[str]]
) -> bool:
    """Whether the record does not go on from the one known `before`; as `go_on`, but this changes
    nothing. Raises RecordError.
    """
    with database.reading() as connection:
        return _break(connection, before, withdrawn) is not None


def _known(connection: Connection) -> Known | None:
    seal = newest(connection)
    return Known(_id(connection), *seal) if seal else None


def _id(connection: Connection) -> str:
    begun = select(SEALS.c.facts).where(SEALS.c.what == sealing.What.BEGIN.value)
    facts = connection.execute(begun.order_by(SEALS.c.number).limit(1)).scalar()
    return str(_read(facts).get("record", ""))


def _break(
    connection: Connection, before: Known | None, withdrawn: Callable[[], Collection[str]]
) -> Break | None:
    here = _known(connection)
    if here is None:
        return None
    if before is None:
        # Where nothing is remembered, withdrawals are the only sign that there was a record.
        return Break.MISSING if withdrawn() and _is_new(connection) else None
    if here.record != before.record:
        return Break.MISSING if _is_new(connection) else Break.EXCHANGED
    was, now = (Seen(each.number, each.digest) for each in (before, here))
    return None if goes_on(connection, was, now) else Break.SHORTENED


def _is_new(connection: Connection) -> bool:
    rows = [what.value for what in sealing.IN_ROWS]
    anything = select(SEALS.c.number).where(SEALS.c.what.in_(rows)).limit(1)
    return connection.execute(anything).first() is None


def _noted(connection: Connection, before: Known) -> Broken | None:
    """What the chain says already of a break from what was known before."""
    notes = select(SEALS).where(SEALS.c.what == sealing.What.NOTE.value)
    for seal in connection.execute(notes.order_by(SEALS.c.number.desc())):
        facts = _read(seal.facts)
        if facts.get("known before") == f"{before.record} {before}":
            with suppress(ValueError, KeyError):
                return Broken(Break(facts["how"]), seal.at, int(facts["withdrawals carried over"]))
    return None


def _note(
    connection: Connection,
    now: datetime,
    how: Break,
    before: Known | None,
    withdrawn: Callable[[], Collection[str]],
    aside: Path | None,
) -> Broken:
    there = present(steps_of(connection, EVERY_STEP)).withdrawn
    people = sorted(set(withdrawn()) - there.keys())
    facts = {"how": how.value, "withdrawals carried over": str(len(people))}
    if before:
        facts["known before"] = f"{before.record} {before}"
    if aside:
        facts |= {"set aside as": aside.name, **_head_of(aside)}
    sealing.Chain(connection, now).note(f"{_WHY[how]} {_TO_BE_LOOKED_AT}", **facts)
    changes = AccessChanges(connection)
    reason = f"Carried over on {now:%-d %B %Y at %H:%M} UTC from {_BEFORE[how]}."
    for person in people:
        changes.add(Step(at=now, what=What.WITHDRAW, person=person, by=BY, reason=reason))
    return Broken(how, now, len(people), aside)


def _head_of(aside: Path) -> dict[str, str]:
    with suppress(RecordError):
        return {"its head": str(known(RecordFile(aside, "ro")))}
    return {}


def _read(facts: str | None) -> dict[str, Any]:
    try:
        found = json.loads(facts or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
