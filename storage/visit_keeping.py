"""Visits kept up to date while acts arrive, from any worker and in any order.

An act is written in the transaction of its event, and the same transaction marks its person as
*unsettled* from that act on. A little later whichever writer comes first works the marked visits
out again and takes the mark away, in one transaction. A mark outlives a worker that dies, so
nothing is forgotten; and a reader who finds one does that sum for itself. The answer is therefore
always the one that `visits_of` gives for all the acts.

Working it out begins at the visit before the changed act: a visit depends on its own acts and on
the one that comes next, so nothing earlier can change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, select, update

from storage.connections import Database
from storage.events import LARGEST_ID, first_id
from storage.instants import from_microseconds, to_microseconds
from storage.many_rows import ManyRows
from storage.visit_tables import ACTS, UNSETTLED, VISITS
from storage.visits import SILENCE, Act, Visit, visits_of

_ACT: Final = [ACTS.c[name] for name in Act._fields]
_VISIT: Final = [VISITS.c[name] for name in Visit._fields]
_AT_ONCE: Final = 64
_LONGEST_VISIT: Final = timedelta(hours=12)
"""A request that a page makes is looked for no act further back than this."""

_INSERT_ACTS: Final = ManyRows(
    "INSERT INTO acts (person, id, at, site, outcome, rule, action, inside) ROWS",
    *("text", "number", "number", "text", "text", "text", "text", "yes"),
)
_MARK: Final = ManyRows(
    "INSERT INTO unsettled (person, since) ROWS "
    "ON CONFLICT (person) DO UPDATE SET since = CASE WHEN excluded.since < unsettled.since "
    "THEN excluded.since ELSE unsettled.since END",
    *("text", "number"),
)
# What is asked for each person whose visits are worked out again is spelt out here: making the
# statement anew would take longer than running it.
_BEFORE: Final = (
    "SELECT first, seal FROM visits WHERE person = ? AND first < ? ORDER BY first DESC LIMIT 1"
)
_ACTS_FROM: Final = (
    f"SELECT {', '.join(column.name for column in _ACT)} FROM acts "  # noqa: S608 - our own names
    "WHERE person = ? AND id >= ? ORDER BY id"
)
_FORGET: Final = "DELETE FROM visits WHERE person = ? AND first >= ?"
_INSERT_VISITS: Final = ManyRows(
    f"INSERT INTO visits (person, {', '.join(column.name for column in _VISIT)}) ROWS",
    *("text", "number", "text", "text", "text", "number", "number", "number"),
    *("number", "number", "number"),
)
_SETTLED: Final = ManyRows("DELETE FROM unsettled WHERE person IN (ROWS)", "text")

type ActValues = tuple[str, int, int, str, str, str | None, str, int]
"""person, id, at in microseconds, site, outcome, rule, action, inside."""


def add_acts(connection: Connection, acts: Sequence[ActValues]) -> None:
    """Writes acts with their events, and marks whose visits they change."""
    _INSERT_ACTS.run(connection, acts)
    since: dict[str, int] = {}
    for person, number, *_ in acts:
        since[person] = min(number, since.get(person, number))
    _mark(connection, since)


def take_back(connection: Connection, person: str, number: int) -> bool:
    """Removes the act of an event that turned out to be none; False if there is no such act."""
    removed = connection.execute(
        delete(ACTS).where(ACTS.c.person == person, ACTS.c.id == number)
    ).rowcount
    if removed:
        _mark(connection, {person: number})
    return bool(removed)


def see(connection: Connection, used: Mapping[tuple[str, str], int]) -> None:
    """Notes when a page that a person opened was last in use: (person, site) to microseconds.

    What comes after a silence is no sign of the act before it.
    """
    for (person, site), microseconds in used.items():
        at = from_microseconds(microseconds)
        query = (
            select(ACTS.c.id, ACTS.c.at, ACTS.c.seen)
            .where(
                ACTS.c.person == person,
                ACTS.c.id >= first_id(at - _LONGEST_VISIT),
                ACTS.c.site == site,
                ACTS.c.at <= at,
            )
            .order_by(ACTS.c.id.desc())
            .limit(1)
        )
        act = connection.execute(query).first()
        if act is None or at - (act.seen or act.at) > SILENCE or (act.seen and act.seen >= at):
            continue
        if _is_sealed(connection, person, act.id):
            continue  # a clock that went back by days
        here = and_(ACTS.c.person == person, ACTS.c.id == act.id)
        connection.execute(update(ACTS).where(here).values(seen=at))
        _mark(connection, {person: act.id})


def settle(connection: Connection) -> int:
    """Works out what is marked, within the transaction of `connection`; gives back for how many."""
    marks = connection.execute(select(UNSETTLED.c.person, UNSETTLED.c.since).limit(_AT_ONCE)).all()
    rows = []
    for person, since in marks:
        start, visits = _anew(connection, person, since)
        connection.exec_driver_sql(_FORGET, (person, start))
        rows += [_values(person, visit) for visit in visits]
    _INSERT_VISITS.run(connection, rows)
    _SETTLED.run(connection, [(person,) for person, _ in marks])
    return len(marks)


def visits_between(
    database: Database, person: str, since: datetime, until: datetime
) -> tuple[Visit, ...]:
    """A person's visits that began from `since` on and before `until` (aware), in their order.

    Up to date to the last commit. A named person's: only for those who have a ground to look.
    Raises RecordError.
    """
    with database.reading() as connection:
        began = (VISITS.c.began >= since, VISITS.c.began < until)
        visits = visits_on_record(connection, person, *began)
    return tuple(visit for visit in visits if since <= visit.began < until)


def visits_on_record(
    connection: Connection, person: str, *stored: ColumnElement[bool]
) -> list[Visit]:
    """A person's visits in their order, up to date to the last commit; of the stored ones, those
    for which `stored` is true.
    """
    mark = connection.execute(select(UNSETTLED.c.since).where(UNSETTLED.c.person == person))
    kept = select(*_VISIT).where(VISITS.c.person == person).order_by(VISITS.c.first)
    fresh: list[Visit] = []
    if (since := mark.scalar()) is not None:
        start, fresh = _anew(connection, person, since)
        kept = kept.where(VISITS.c.first < start)
    return [*(Visit(*row) for row in connection.execute(kept.where(*stored))), *fresh]


def visits_again(database: Database, person: str) -> tuple[Visit, ...]:
    """A person's visits worked out from all their acts that are on record. Raises RecordError."""
    with database.reading() as connection:
        return tuple(visits_of(_acts(connection, _of(person))))


def settled_up_to(connection: Connection, person: str) -> int:
    """The act from which on a person's visits on record are still to be worked out anew."""
    mark = select(UNSETTLED.c.since).where(UNSETTLED.c.person == person)
    since = connection.execute(mark).scalar()
    return LARGEST_ID + 1 if since is None else _start(connection, person, since)


def acts_between(
    database: Database, person: str, since: datetime, until: datetime
) -> tuple[Act, ...]:
    """A person's acts from `since` on and before `until` (aware), in their order.

    A named person's: only for those who have a ground to look. Raises RecordError.
    """
    query = _of(person).where(ACTS.c.at >= since, ACTS.c.at < until)
    with database.reading() as connection:
        return tuple(_acts(connection, query))


def _anew(connection: Connection, person: str, since: int) -> tuple[int, list[Visit]]:
    """The visits from the one before the act `since` on, and the id of the act they begin with."""
    start = _start(connection, person, since)
    rows = connection.exec_driver_sql(_ACTS_FROM, (person, start))
    return start, list(visits_of(map(_act, rows)))


def _start(connection: Connection, person: str, since: int) -> int:
    """Sealed visits are settled for good, and come before all others."""
    latest = connection.exec_driver_sql(_BEFORE, (person, since)).first()
    if latest is not None and latest.seal is None:
        return int(latest.first)
    of_them = select(func.max(VISITS.c.first)).where(VISITS.c.person == person)
    sealed = connection.execute(of_them.where(VISITS.c.seal.is_not(None))).scalar()
    if sealed is not None and since <= sealed:
        return _after_sealed(connection, person, sealed)
    return since


def _after_sealed(connection: Connection, person: str, sealed: int) -> int:
    """The first act that is in no sealed visit, of which `sealed` begins the last."""
    open_ones = select(func.min(VISITS.c.first)).where(
        VISITS.c.person == person, VISITS.c.first > sealed
    )
    if (first := connection.execute(open_ones).scalar()) is not None:
        return int(first)
    last = select(VISITS.c.last).where(VISITS.c.person == person, VISITS.c.first == sealed)
    after = select(func.min(ACTS.c.id)).where(
        ACTS.c.person == person, ACTS.c.id > sealed, ACTS.c.at > last.scalar_subquery()
    )
    return connection.execute(after).scalar() or LARGEST_ID + 1


def _is_sealed(connection: Connection, person: str, act: int) -> bool:
    visit = (
        select(VISITS.c.seal)
        .where(VISITS.c.person == person, VISITS.c.first <= act)
        .order_by(VISITS.c.first.desc())
        .limit(1)
    )
    return connection.execute(visit).scalar() is not None


def _of(person: str) -> Select[Any]:
    return select(*_ACT).where(ACTS.c.person == person).order_by(ACTS.c.id)


def _acts(connection: Connection, query: Select[Any]) -> Iterator[Act]:
    return (Act(*row) for row in connection.execute(query))


def _act(row: Sequence[Any]) -> Act:
    """An act as its table keeps it."""
    number, at, site, outcome, rule, action, inside, seen = row
    last = None if seen is None else from_microseconds(seen)
    return Act(number, from_microseconds(at), site, outcome, rule, action, bool(inside), last)


def _values(person: str, visit: Visit) -> Sequence[int | str | None]:
    """A visit as its table keeps it."""
    first, site, outcome, rule, began, last, ended, *bounds = visit
    end = None if ended is None else to_microseconds(ended)
    return person, first, site, outcome, rule, *map(to_microseconds, (began, last)), end, *bounds


def _mark(connection: Connection, since: Mapping[str, int]) -> None:
    _MARK.run(connection, list(since.items()))
