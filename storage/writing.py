"""One transaction of the recorder: events in, their counts kept, late corrections and completions
made.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from storage.count_rows import Counted, Sum, add_sums, add_to_counts, sums_of
from storage.events import LARGEST_ID, Completion, Event
from storage.instants import HOUR, to_microseconds
from storage.many_rows import Kind, ManyRows
from storage.sealing import Chain, Sealed, What, sealed
from storage.visit_keeping import ActValues, add_acts, take_back

UNAVAILABLE: Final = "record-unavailable"
ACTS_ARE: Final = ("navigation", "action")
UNAVAILABLE_REASON: Final = "This could not be put on record in time, so it was not let through."

_LONGEST_TEXT = 2_000  # characters: a hostile path or name must not fill the disk
_LARGEST_INTEGER = 2**63 - 1

type Value = int | str | None
type Row = tuple[Value, ...]  # in the order of _COLUMNS

_COLUMNS = (
    "id, at, person, source, address, site, host, scheme, method, kind, "
    "allowed, outcome, reason, rule, clause, path, policy, confidence, action, inside"
)
EVENT_COLUMNS: Final = tuple(_COLUMNS.split(", "))
_AT, _PERSON, _SITE, _KIND, _ALLOWED = (
    EVENT_COLUMNS.index(name) for name in ("at", "person", "site", "kind", "allowed")
)
_OUTCOME, _REASON, _RULE, _CLAUSE, _ACTION, _INSIDE = (
    EVENT_COLUMNS.index(name)
    for name in ("outcome", "reason", "rule", "clause", "action", "inside")
)


class Line(NamedTuple):
    """An event's row, and whether it has meanwhile been refused because it took too long."""

    row: Row
    withdrawn: bool


class Ready(NamedTuple):
    """Events as they are to be written, and all that follows from them alone. It is worked out
    before the transaction begins, because meanwhile others may write.
    """

    rows: Sequence[Row]
    sealed: Sealed
    counts: Sequence[Sum]
    acts: Sequence[ActValues]


class Work(NamedTuple):
    """What one transaction is to do, in this order; `ready` is what `lines` come to, if that has
    been worked out.
    """

    lines: Sequence[Line]
    corrections: Sequence[int]
    completions: Sequence[Row]
    ready: Ready | None = None


def event_row(event: Event) -> Row:
    """The event as the columns hold it.

    Raises ValueError for an id out of range or a time without a zone.
    """
    if not 0 < event.id <= LARGEST_ID:
        raise ValueError(f"{event.id} cannot be the id of an event.")
    return (
        event.id,
        to_microseconds(event.at),
        None if event.person is None else _clean(event.person),
        _clean(event.source),
        _clean(event.address),
        _clean(event.site),
        _clean(event.host),
        _clean(event.scheme),
        _clean(event.method),
        _clean(event.kind),
        1 if event.allowed else 0,
        _clean(event.outcome),
        _clean(event.reason),
        None if event.rule is None else _clean(event.rule),
        None if event.clause is None else _clean(event.clause),
        None if event.path is None else _clean(event.path),
        _clean(event.policy),
        event.confidence,
        *_signs(event),
    )


def _signs(event: Event) -> tuple[Value, Value]:
    """What an act was; nothing of what is none. An act is what a known person did, and was let."""
    if event.person is None or not event.allowed or event.kind not in ACTS_ARE:
        return None, None
    return _clean(event.action), 1 if event.inside else 0


def act_of(row: Row) -> ActValues | None:
    """The act that an event's row tells of, if it does."""
    if row[_INSIDE] is None or not row[_ALLOWED]:
        return None
    person, (number, at), inside = row[_PERSON], row[:2], row[_INSIDE]
    assert isinstance(person, str)
    assert isinstance(number, int)
    assert isinstance(at, int)
    assert isinstance(inside, int)
    site, outcome, rule, action = (row[n] for n in (_SITE, _OUTCOME, _RULE, _ACTION))
    return (
        *(person, number, at, str(site), str(outcome)),
        *(None if rule is None else str(rule), str(action), inside),
    )


def completion_row(completion: Completion) -> Row:
    """The completion as the columns hold it. Raises ValueError for a time without a zone."""
    return (
        completion.id,
        completion.status,
        min(completion.bytes_up, _LARGEST_INTEGER),
        min(completion.bytes_down, _LARGEST_INTEGER),
        to_microseconds(completion.ended_at),
    )


def make_ready(lines: Sequence[Line]) -> Ready | None:
    """What so many events come to, unless some are on record already; None for none."""
    return _ready([refused(row) if withdrawn else row for row, withdrawn in lines])


def _ready(rows: Sequence[Row]) -> Ready | None:
    if not rows:
        return None
    counts = sums_of(Counter(map(_counted, rows)).items())
    return Ready(rows, sealed(rows), counts, [act for row in rows if (act := act_of(row))])


def write(connection: Connection, work: Work, now: datetime, *, careful: bool) -> set[int]:
    """Does `work` inside the transaction of `connection`, and seals it at `now` (aware).

    With `careful`, rows that an earlier attempt may have left are looked for first, so that none
    is counted twice. Gives back the positions in `work.lines` that cannot be written, because
    their id belongs to another event. Raises SQLAlchemy's IntegrityError when that happens
    without `careful`.
    """
    corrections = list(work.corrections)
    clashes: set[int] = set()
    chain = Chain(connection, now)
    if careful:
        ready = _ready(_not_yet_there(connection, work.lines, corrections, clashes))
    else:
        ready = work.ready or make_ready(work.lines)
    if ready:
        seal = (chain.next,)
        _insert_events.run(connection, [row + seal for row in ready.rows])
        chain.add(What.EVENTS, ready.sealed)
        add_sums(connection, ready.counts)
        add_acts(connection, ready.acts)
    said = [_correct(connection, event_id, chain.next) for event_id in corrections]
    chain.seal(What.CORRECTIONS, [row for row in said if row])
    # The first completion stands: a late second one for the same event changes nothing.
    first = {row[0]: (*row, chain.next) for row in reversed(work.completions)}
    chain.seal(What.COMPLETIONS, _complete.fetch(connection, list(first.values())))
    return clashes


def refused(row: Row) -> Row:
    """The same event, refused because it could not be put on record in time."""
    if not row[_ALLOWED]:
        return row
    return (*row[:_ALLOWED], 0, UNAVAILABLE, UNAVAILABLE_REASON, None, None, *row[_CLAUSE + 1 :])


def _not_yet_there(
    connection: Connection, lines: Sequence[Line], corrections: list[int], clashes: set[int]
) -> list[Row]:
    there: dict[Value, Row] = {}
    for found in _select_events.fetch(connection, [line.row[:1] for line in lines]):
        there[found[0]] = found
    rows = []
    for position, (row, withdrawn) in enumerate(lines):
        wanted = refused(row) if withdrawn else row
        if (known := there.get(row[0])) is None:
            there[row[0]] = wanted
            rows.append(wanted)
        elif known != wanted:
            if known == row:
                corrections.append(int(row[0] or 0))
            else:
                clashes.add(position)
    return rows


def _counted(row: Row) -> Counted:
    at, allowed = row[_AT], row[_ALLOWED]
    assert isinstance(at, int)
    assert isinstance(allowed, int)
    return at // HOUR, str(row[_SITE]), str(row[_PERSON] or ""), str(row[_KIND]), int(allowed)


def _correct(connection: Connection, event_id: int, seal: int) -> Row | None:
    """Turns an allowed event into a refused one, keeping what it said, which it gives back; does
    nothing the second time.
    """
    found = _select_events.fetch(connection, [(event_id,)])
    if not found or not found[0][_ALLOWED]:
        return None
    row: Row = found[0]
    said = (event_id, row[_OUTCOME], row[_REASON], row[_RULE], row[_CLAUSE])
    connection.exec_driver_sql(
        "INSERT INTO corrections (event, outcome, reason, rule, clause, seal) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (*said, seal),
    )
    connection.exec_driver_sql(
        "UPDATE events SET allowed = FALSE, outcome = ?, reason = ?, rule = NULL, clause = NULL "
        "WHERE id = ?",
        (UNAVAILABLE, UNAVAILABLE_REASON, event_id),
    )
    take_back(connection, str(row[_PERSON] or ""), event_id)
    counted = _counted(row)
    add_to_counts(connection, [(counted, -1), ((*counted[:-1], 0), 1)])
    return said


def _clean(text: str) -> str:
    """`text` without what no column, terminal or page should be handed: control characters and
    broken Unicode.
    """
    if text.isprintable() and len(text) <= _LONGEST_TEXT:
        return text
    return "".join(
        symbol.encode("unicode_escape").decode("ascii")
        if unicodedata.category(symbol) in ("Cc", "Cs")
        else symbol
        for symbol in text[:_LONGEST_TEXT]
    )


_KIND_OF: Final[dict[str, Kind]] = {
    **dict.fromkeys(EVENT_COLUMNS, "text"),
    **dict.fromkeys(("id", "at", "confidence"), "number"),
    **dict.fromkeys(("allowed", "inside"), "yes"),
}
_insert_events = ManyRows(
    f"INSERT INTO events ({_COLUMNS}, seal) ROWS",
    *(*_KIND_OF.values(), "number"),
)
_select_events = ManyRows(f"SELECT {_COLUMNS} FROM events WHERE id IN (ROWS)", "number")  # noqa: S608
_complete = ManyRows(
    "WITH done (id, status, bytes_up, bytes_down, ended_at, seal) AS (ROWS) "
    "UPDATE events SET status = done.status, bytes_up = done.bytes_up, "
    "bytes_down = done.bytes_down, ended_at = done.ended_at, ended_seal = done.seal "
    "FROM done WHERE events.id = done.id AND events.ended_at IS NULL "
    "RETURNING events.id, events.status, events.bytes_up, events.bytes_down, events.ended_at",
    *("number",) * 6,
)
