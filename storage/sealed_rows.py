"""The rows of the record as their seals cover them: read once, in order, given out seal by seal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Generator
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, func, select, type_coerce
from sqlalchemy.exc import DBAPIError

from storage.events import LARGEST_ID, reference
from storage.models import ACCESS, CORRECTIONS
from storage.odd_values import any_text, comparable, is_odd
from storage.sealing import What, digest_of, encoded
from storage.visit_seals import COLUMNS
from storage.visit_tables import VISITS
from storage.writing import EVENT_COLUMNS, UNAVAILABLE, UNAVAILABLE_REASON

_COMPLETION: Final = ("id", "status", "bytes_up", "bytes_down", "ended_at")
# Their plain values, of whatever kind: a time that cannot be one must not stop the walk.
_STEP: Final = [
    type_coerce(column, BigInteger) if column.name in ("at", "starts", "until") else column
    for column in ACCESS.c
    if column.name != "seal"
]
_SAID: Final = [CORRECTIONS.c[name] for name in ("event", "outcome", "reason", "rule", "clause")]
_WORDS: Final = slice(EVENT_COLUMNS.index("allowed"), EVENT_COLUMNS.index("clause") + 1)
_REFUSED: Final = [0, UNAVAILABLE, UNAVAILABLE_REASON, None, None]
_AT_A_TIME: Final = 2_000  # rows held in memory at once
_NULL_AT_THE_END: Final = ",null]"

type _Texts = tuple[int, int | None, int | None, str, str | None]
"""An event's id, its two seals, and the canonical forms of itself and of its completion."""


class Broken(Exception):
    """The record is not as it was written; the text says how, in one sentence."""


class SealedRows:
    """For one walk along the chain, from its beginning to its end."""

    def __init__(self, connection: Connection, progress: Callable[[int], object]) -> None:
        self._connection = connection
        self._progress = progress
        self._visits_seen = 0
        self._corrections: dict[int, list[str]] = defaultdict(list)
        self._before: dict[int, Any] = {}
        with any_text(connection):
            for event, *said, seal in connection.execute(
                select(*_SAID, CORRECTIONS.c.seal).order_by(CORRECTIONS.c.event)
            ):
                plain = [comparable(each) for each in said]
                self._corrections[seal or 0].append(encoded((event, *plain)))
                self._before[event] = plain
            self._access = _steps(connection)
        self._scan = _texts(connection)
        self._read, self._last = 0, -1
        self._checked = 0
        self._open: dict[tuple[What, int], list[str]] = defaultdict(list)

    def content_of(self, seal: Any) -> str:
        """The digest of the rows that a seal stands for. Raises Broken when some are missing or too
        many.
        """
        if seal.what == What.CORRECTIONS:
            rows = self._corrections.pop(seal.number, [])
        elif seal.what == What.ACCESS:
            rows = self._access.pop(seal.number, [])
        elif seal.what == What.VISITS:
            rows = self._visits(seal.number)
        else:
            self._read_to(seal.last)
            rows = self._open.pop((What(seal.what), seal.number), [])
        self._checked = seal.number
        if len(rows) != seal.rows:
            what, first, last = seal.what, name_of(seal.first), name_of(seal.last)
            if what == What.ACCESS:
                what, first, last = "steps of access", seal.first, seal.last
            raise Broken(
                f"Seal {seal.number} stands for {seal.rows} {what}, from {first} to {last}, and "
                f"{len(rows)} of them are there."
            )
        return digest_of("[" + ",".join(rows) + "]")

    def _visits(self, seal: int) -> list[str]:
        query = f"SELECT {', '.join(COLUMNS)} FROM visits WHERE seal = {seal:d} ORDER BY first"  # noqa: S608
        with any_text(self._connection):
            rows = self._connection.exec_driver_sql(query).all()
        self._visits_seen += len(rows)
        try:
            return [encoded(tuple(row)) for row in rows]
        except TypeError as error:
            raise Broken(f"A visit of seal {seal} holds a value that is never written.") from error

    def end(self, last_seal: int) -> None:
        """Reads what is left. Raises Broken for rows that no seal of the chain stands for."""
        self._read_to(LARGEST_ID)
        for (_, seal), rows in self._open.items():
            event = name_of(json.loads(rows[0])[0])
            if seal > last_seal:
                raise Broken(
                    f"The chain ends with seal {last_seal}, but event {event} is in seal {seal}: "
                    "the end of the chain is missing."
                )
        sealed = select(func.count(VISITS.c.seal))
        if self._connection.execute(sealed).scalar_one() != self._visits_seen:
            raise Broken("A visit was put in from outside: no seal stands for it.")
        for seal, rows in self._corrections.items():
            event = name_of(json.loads(rows[0])[0])
            raise Broken(f"The correction of event {event} is in no seal ({seal or 'none'}).")
        for seal, rows in self._access.items():
            step = json.loads(rows[0])[0]
            raise Broken(f"The step {step} of access is in no seal ({seal or 'none'}).")

    def close(self) -> None:
        """Ends the walk, wherever it is."""
        self._scan.close()

    def _read_to(self, last: int) -> None:
        while self._last < last:
            row = next(self._scan, None)
            if row is None:
                self._last = LARGEST_ID
                return
            self._last = row[0]
            self._take(*row)
            self._read += 1
            if self._read % 50_000 == 0:
                self._progress(self._read)

    def _take(
        self, event: int, seal: int | None, ended: int | None, text: str, end: str | None
    ) -> None:
        if event in self._before:
            text = self._as_written(event, text)
        while text.endswith(_NULL_AT_THE_END):
            text = text[: -len(_NULL_AT_THE_END)] + "]"
        if not isinstance(seal, int) or seal <= self._checked:
            raise Broken(
                f"Event {name_of(event)} was put in from outside: no seal in its place stands for "
                "it."
            )
        self._open[What.EVENTS, seal].append(text)
        if end is not None:
            if not isinstance(ended, int) or ended <= self._checked:
                raise Broken(
                    f"The end of event {name_of(event)} was put in from outside: no seal in its "
                    "place stands for it."
                )
            self._open[What.COMPLETIONS, ended].append(end)

    def _as_written(self, event: int, text: str) -> str:
        values = json.loads(text)
        values += [None] * (len(EVENT_COLUMNS) - len(values))
        if values[_WORDS] != _REFUSED:
            raise Broken(f"Event {name_of(event)} was corrected, and then changed again.")
        values[_WORDS] = [1, *self._before[event]]
        return encoded(values)


def _steps(connection: Connection) -> dict[int, list[str]]:
    """The steps of access, by the seal that each names."""
    steps: dict[int, list[str]] = defaultdict(list)
    for *values, seal in connection.execute(select(*_STEP, ACCESS.c.seal).order_by(ACCESS.c.id)):
        steps[seal or 0].append(encoded([comparable(each) for each in values]))
    return steps


def name_of(event: Any) -> str:
    """What a person calls an event, whatever is found for its id."""
    known = isinstance(event, int) and 0 <= event <= LARGEST_ID
    return reference(event) if known else str(event)


def _texts(connection: Connection) -> Generator[_Texts]:
    if connection.dialect.name == "sqlite":
        return _texts_by_sqlite(connection)
    return _texts_by_python(connection)


def _texts_by_sqlite(connection: Connection) -> Generator[_Texts]:
    """SQLite writes JSON as the canonical form has it, and several times as fast as Python."""
    ends = ", ".join(_COMPLETION)
    query = (
        f"SELECT id, seal, ended_seal, json_array({', '.join(EVENT_COLUMNS)}), "  # noqa: S608
        "CASE WHEN coalesce(ended_at, ended_seal, status, bytes_up, bytes_down) IS NOT NULL "
        f"THEN json_array({ends}) END FROM events ORDER BY id"
    )
    last = None
    try:
        rows = connection.execution_options(yield_per=_AT_A_TIME).exec_driver_sql(query)
        for event, seal, ended, text, end in rows:
            last = event
            yield event, seal, ended, text, end
        return
    except DBAPIError as error:
        if "BLOB" not in str(error.orig) and "UTF-8" not in str(error.orig):
            raise
    # Those before the one that SQLite could not write are looked at first.
    yield from _texts_by_python(connection, last)


def _texts_by_python(connection: Connection, after: int | None = None) -> Generator[_Texts]:
    columns = ", ".join(("seal", "ended_seal", *EVENT_COLUMNS, *_COMPLETION[1:]))
    beyond = "" if after is None else f"WHERE id > {after:d} "
    query = f"SELECT {columns} FROM events {beyond}ORDER BY id"  # noqa: S608 - our own names
    may_be_odd = connection.dialect.name == "sqlite"
    streaming = connection.execution_options(yield_per=_AT_A_TIME)
    with any_text(connection), streaming.exec_driver_sql(query) as rows:
        for seal, ended, event, *rest in rows:
            if may_be_odd and any(map(is_odd, rest)):
                raise Broken(
                    f"Event {name_of(event)} was changed: it holds a value of a kind that is never "
                    "written."
                )
            values = [event, *(int(v) if isinstance(v, bool) else v for v in rest)]
            end = values[len(EVENT_COLUMNS) :]
            completed = ended is not None or any(value is not None for value in end)
            yield (
                event,
                seal,
                ended,
                encoded(values[: len(EVENT_COLUMNS)]),
                encoded((event, *end)) if completed else None,
            )
