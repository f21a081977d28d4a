"""All that the record says about one person: their own data, to be handed to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.events import reference
from storage.faults import RecordError
from storage.instants import HOUR, from_microseconds
from storage.masking import SOMEBODY, mask_of
from storage.models import ACCESS, BINDINGS, COUNTS, EVENTS, HOLDS, NO_LONGER_NAMED, SEALS
from storage.sealing import Chain, What
from storage.spans import HOUR as HOURS
from storage.visit_keeping import visits_on_record
from storage.visit_tables import ACTS, REPEATS, VISITS
from storage.visits import Visit

type Row = Mapping[str, Any]

# The seals are the record's own, and the digest of a policy says nothing about a person.
_OF_AN_EVENT: Final = tuple(c.name for c in EVENTS.c if not c.name.endswith("seal"))


@dataclass(frozen=True, slots=True)
class OwnData:
    """Rows by table, oldest first; times are aware UTC. Of other people there is no name."""

    person: str
    events: tuple[Row, ...]
    access: tuple[Row, ...]
    bindings: tuple[Row, ...]
    visits: tuple[Visit, ...]
    figures: tuple[Row, ...]
    holds: tuple[Row, ...]
    looks: tuple[Row, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all."""
        return not any(getattr(self, each.name) for each in fields(self) if each.name != "person")


def own_data(
    database: Database, person: str, name: str = "", others: Mapping[str, str] | None = None
) -> OwnData:
    """Everything on record about a person (a policy's id), who is called `name`.

    `others` are names of other people by id. They, and all other people on record, are taken out of
    what somebody has written in words of their own (`storage.masking`). Raises RecordError.
    """
    with database.reading() as connection:
        known = dict.fromkeys(_everybody(connection), "") | dict(others or {})
        known.pop(person, None)
        mask = mask_of(person, name, known)

        def rows(table: Table, names: tuple[str, ...], order: str = "id") -> tuple[Row, ...]:
            query = select(*(table.c[name] for name in names)).where(table.c.person == person)
            found = connection.execute(query.order_by(table.c[order])).mappings()
            return tuple(dict(row) for row in found)

        acts = select(ACTS.c.id, ACTS.c.seen).where(ACTS.c.person == person)
        seen = {act.id: act.seen for act in connection.execute(acts)}
        own = select(EVENTS.c.id).where(EVENTS.c.person == person)
        again = select(REPEATS.c.event, REPEATS.c.number).where(REPEATS.c.event.in_(own))
        repeats = {row.event: row.number for row in connection.execute(again)}
        events = tuple(
            {
                "reference": reference(row["id"]),
                **row,
                "seen": seen.get(row["id"]),
                "repeats": repeats.get(row["id"], 0),
            }
            for row in rows(EVENTS, _OF_AN_EVENT)
        )
        visits = tuple(visits_on_record(connection, person))
        access = rows(ACCESS, tuple(c.name for c in ACCESS.c if c.name != "seal"))
        bindings = rows(BINDINGS, tuple(c.name for c in BINDINGS.c if c.name != "revision"))
        names = ("start", "site", "kind", "allowed", "number")
        by_hour = (
            select(*(COUNTS.c[name] for name in names))
            .where(COUNTS.c.span == HOURS, COUNTS.c.person == person)
            .order_by(*(COUNTS.c[name] for name in names))
        )
        figures = tuple(
            {
                "hour": from_microseconds(start * HOUR),
                "site": site,
                "kind": kind,
                "allowed": bool(allowed),
                "requests": int(number),
            }
            for start, site, kind, allowed, number in connection.execute(by_hour)
        )
        held = rows(HOLDS, ("began", "why", "case", "by", "ended", "ended_by"), "id")
        looks = tuple(_looks(connection, person))

    def told(row: Row) -> Row:
        said = ("words", "reason", "why", "case")
        texts = {name: mask(row[name]) for name in said if row.get(name)}
        who = {name: _masked(row[name], person) for name in ("by", "ended_by") if row.get(name)}
        return {**row, **texts, **who}

    return OwnData(
        person,
        events,
        tuple(map(told, access)),
        bindings,
        visits,
        figures,
        tuple(map(told, held)),
        looks,
    )


def _looks(connection: Connection, person: str) -> Iterator[Row]:
    """Who looked, when and why: the one thing in which others are named, as the policy has it."""
    notes = select(SEALS.c.at, SEALS.c.facts).where(SEALS.c.what == What.NOTE.value)
    for at, text in connection.execute(notes.order_by(SEALS.c.number)):
        facts = json.loads(text)
        if facts.get("person") == person:
            look = {name: facts.get(name, "") for name in ("by", "account", "why")}
            yield {"at": at, **look}


def _everybody(connection: Connection) -> set[str]:
    """The ids of all people on record."""
    columns = (
        *(table.c.person for table in (EVENTS, COUNTS, VISITS, BINDINGS, ACCESS, HOLDS)),
        *(ACCESS.c.by, HOLDS.c.by, HOLDS.c.ended_by),
    )
    found: set[str | None] = set()
    for column in columns:
        found |= set(connection.execute(select(column).distinct()).scalars())
    notes = select(SEALS.c.facts).where(SEALS.c.what == What.NOTE.value)
    for text in connection.execute(notes).scalars():
        facts = json.loads(text)
        found |= {facts.get("person"), facts.get("by")}
    return {each for each in found if each} - {NO_LONGER_NAMED}


def note_look(
    database: Database, person: str, by: str, account: str, why: str, now: datetime
) -> None:
    """Puts on record that a person's data was looked at, by whom and why; `account` is the user of
    the computer, where `by` is only what was said. Raises RecordError.
    """
    try:
        with database.writer() as connection, connection.begin():
            Chain(connection, now).note(why, person=person, by=by, account=account)
    except DBAPIError as error:
        raise RecordError(database.explain(error)) from error


def _masked(who: str, person: str) -> str:
    return who if who == person else SOMEBODY
