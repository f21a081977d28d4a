"""One transaction of the recorder: events in, their counts kept, late corrections and completions
made.

Every statement carries many rows at once. Python's SQLite driver lets go of the interpreter lock
for each statement it runs and must win it back from a busy event loop, which can take
milliseconds; an `executemany` pays that for every row, a statement of 256 rows pays it once.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from sqlalchemy import Connection

from storage.events import LARGEST_ID, Completion, Event
from storage.instants import HOUR, to_microseconds
from storage.spans import spans_of

UNAVAILABLE: Final = "record-unavailable"
UNAVAILABLE_REASON: Final = "This could not be put on record in time, so it was not let through."

_LONGEST_TEXT = 2_000  # characters: a hostile path or name must not fill the disk
_MOST_ROWS = 256
_LARGEST_INTEGER = 2**63 - 1

type Value = int | str | None
type Row = tuple[Value, ...]  # in the order of _COLUMNS

_COLUMNS = (
    "id, at, person, source, address, site, host, scheme, method, kind, "
    "allowed, outcome, reason, rule, clause, path, policy"
)
_AT, _PERSON, _SITE, _KIND, _ALLOWED, _OUTCOME, _REASON, _RULE, _CLAUSE = (
    1,
    2,
    5,
    9,
    10,
    11,
    12,
    13,
    14,
)


class Line(NamedTuple):
    """An event's row, and whether it has meanwhile been refused because it took too long."""

    row: Row
    withdrawn: bool


class Work(NamedTuple):
    """What one transaction is to do, in this order."""

    lines: Sequence[Line]
    corrections: Sequence[int]
    completions: Sequence[Row]


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


def write(connection: Connection, work: Work, *, careful: bool) -> set[int]:
    """Does `work` inside the transaction of `connection`.

    With `careful`, rows that an earlier attempt may have left are looked for first, so that none
    is counted twice. Gives back the positions in `work.lines` that cannot be written, because
    their id belongs to another event. Raises SQLAlchemy's IntegrityError when that happens
    without `careful`.
    """
    corrections = list(work.corrections)
    clashes: set[int] = set()
    if careful:
        rows = _not_yet_there(connection, work.lines, corrections, clashes)
    else:
        rows = [refused(line.row) if line.withdrawn else line.row for line in work.lines]
    if rows:
        _run(connection, _insert_events, rows)
        _count(connection, rows)
    for event_id in corrections:
        _correct(connection, event_id)
    if work.completions:
        _run(connection, _complete, work.completions)
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
    for chunk in _chunks([line.row[:1] for line in lines]):
        found = connection.exec_driver_sql(
            _select_events(len(chunk)), tuple(chain.from_iterable(chunk))
        )
        there.update({row[0]: tuple(row) for row in found})
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


def _count(connection: Connection, rows: Sequence[Row]) -> None:
    by_hour = Counter(_counted(row) for row in rows)
    sums: Counter[Row] = Counter()
    for (hour, *key), number in by_hour.items():
        for span in spans_of(hour):
            sums[(*span, *key)] += number
    _run(connection, _add_counts, [(*key, number) for key, number in sums.items()])


def _counted(row: Row) -> tuple[int, Value, Value, Value, Value]:
    at, person = row[_AT], row[_PERSON]
    assert isinstance(at, int)
    return at // HOUR, row[_SITE], person or "", row[_KIND], row[_ALLOWED]


def _correct(connection: Connection, event_id: int) -> None:
    """Turns an allowed event into a refused one, keeping what it said; does nothing the second
    time.
    """
    found = connection.exec_driver_sql(_select_events(1), (event_id,)).first()
    if found is None or not found[_ALLOWED]:
        return
    row = tuple(found)
    connection.exec_driver_sql(
        "INSERT INTO corrections (event, outcome, reason, rule, clause) VALUES (?, ?, ?, ?, ?)",
        (event_id, row[_OUTCOME], row[_REASON], row[_RULE], row[_CLAUSE]),
    )
    connection.exec_driver_sql(
        "UPDATE events SET allowed = 0, outcome = ?, reason = ?, rule = NULL, clause = NULL "
        "WHERE id = ?",
        (UNAVAILABLE, UNAVAILABLE_REASON, event_id),
    )
    hour, *key = _counted(row)
    for span in spans_of(hour):
        before = (*span, *key)
        _run(connection, _add_counts, [(*before, -1), (*before[:-1], 0, 1)])
        connection.exec_driver_sql(
            "DELETE FROM counts WHERE span = ? AND start = ? AND site = ? AND person = ? "
            "AND kind = ? AND allowed = ? AND number = 0",
            before,
        )


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


# SQL by number of rows. The numbers are powers of two, so there are few texts and the driver
# keeps them compiled.


def _run(connection: Connection, sql: _BySize, rows: Sequence[Row]) -> None:
    for chunk in _chunks(rows):
        connection.exec_driver_sql(sql(len(chunk)), tuple(chain.from_iterable(chunk)))


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start, size = 0, _MOST_ROWS
    while start < len(rows):
        while size > len(rows) - start:
            size //= 2
        yield rows[start : start + size]
        start += size


class _BySize:
    """A statement with a place for rows, spelt out for a given number of them."""

    def __init__(self, template: str, row: str) -> None:
        self._template, self._row = template, row
        self._texts: dict[int, str] = {}

    def __call__(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            text = self._texts[size] = self._template.replace("ROWS", ", ".join([self._row] * size))
        return text


_insert_events = _BySize(
    f"INSERT INTO events ({_COLUMNS}) VALUES ROWS",  # noqa: S608 - our own column names
    f"({', '.join('?' * 17)})",
)
_select_events = _BySize(f"SELECT {_COLUMNS} FROM events WHERE id IN (ROWS)", "?")  # noqa: S608
_add_counts = _BySize(
    "INSERT INTO counts (span, start, site, person, kind, allowed, number) VALUES ROWS "
    "ON CONFLICT (span, start, site, person, kind, allowed) DO UPDATE SET number = counts.number + "
    "excluded.number",
    "(?, ?, ?, ?, ?, ?, ?)",
)
# The first completion stands: a late second one for the same event changes nothing.
_complete = _BySize(
    "WITH done (id, status, bytes_up, bytes_down, ended_at) AS (VALUES ROWS) "
    "UPDATE events SET status = done.status, bytes_up = done.bytes_up, "
    "bytes_down = done.bytes_down, ended_at = done.ended_at "
    "FROM done WHERE events.id = done.id AND events.ended_at IS NULL",
    "(?, ?, ?, ?, ?)",
)
