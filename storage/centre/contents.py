"""What seals of the record stand for, as texts in the canonical form (`storage.sealing`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.access_steps import Step
from storage.centre.address import ChangedError
from storage.sealing import What, encoded
from storage.visit_seals import COLUMNS
from storage.writing import EVENT_COLUMNS, UNAVAILABLE, UNAVAILABLE_REASON

_COMPLETION: Final = ("id", "status", "bytes_up", "bytes_down", "ended_at")
_CORRECTION: Final = ("event", "outcome", "reason", "rule", "clause")
_WHOLE: Final = {
    What.ACCESS: ("access", tuple(f'"{field.name}"' for field in fields(Step)), "id"),
    What.VISITS: ("visits", COLUMNS, "first"),
}
"""Kinds whose rows are sealed with their tables' own columns: table, columns, what orders them."""
_WORDS: Final = slice(EVENT_COLUMNS.index("allowed"), EVENT_COLUMNS.index("clause") + 1)
_REFUSED: Final = [0, UNAVAILABLE, UNAVAILABLE_REASON, None, None]
_NULL_AT_THE_END: Final = ",null]"


def contents_of(connection: Connection, seals: Iterable[Any]) -> dict[int, str]:
    """By the seals' numbers, for seals in order. Raises ChangedError for what was never written."""
    rows: dict[int, list[str]] = defaultdict(list)
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for seal in seals:
        by_kind[seal.what].append(seal)
    said = _corrections(connection, by_kind[What.EVENTS])
    try:
        for number, event, text in _rows(connection, "seal", EVENT_COLUMNS, by_kind[What.EVENTS]):
            rows[number].append(_as_written(text, said[event]) if event in said else text)
        ends = by_kind[What.COMPLETIONS]
        for number, _, text in _rows(connection, "ended_seal", _COMPLETION, ends):
            rows[number].append(text)
    except DBAPIError as error:
        if "BLOB" not in str(error.orig) and "UTF-8" not in str(error.orig):
            raise
        raise ChangedError(
            "An event holds a value of a kind that is never written: the record was changed. See"
            " 'schoolgate record verify'."
        ) from error
    if corrections := by_kind[What.CORRECTIONS]:
        numbers = (corrections[0].number, corrections[-1].number, *_span(corrections))
        query = (
            f"SELECT seal, {', '.join(_CORRECTION)} FROM corrections "  # noqa: S608 - our own names
            "WHERE seal BETWEEN ? AND ? AND event BETWEEN ? AND ? ORDER BY event"
        )
        for number, *values in connection.exec_driver_sql(query, numbers):
            rows[number].append(encoded(values))
    for what, (table, columns, order) in _WHOLE.items():
        if kind := by_kind[what]:
            query = (
                f"SELECT seal, {', '.join(columns)} FROM {table} "  # noqa: S608 - our own names
                f"WHERE seal BETWEEN ? AND ? ORDER BY {order}"
            )
            span = (kind[0].number, kind[-1].number)
            for number, *values in connection.exec_driver_sql(query, span):
                rows[number].append(encoded(values))
    return {seal.number: f"[{','.join(rows[seal.number])}]" for seal in seals}


def _rows(
    connection: Connection, column: str, columns: Sequence[str], seals: Sequence[Any]
) -> Iterable[tuple[int, int, str]]:
    """Number of the seal, id and canonical form of each row that the seals stand for, by id.

    SQLite writes JSON as the canonical form has it, but for the nulls at the end.
    """
    if not seals:
        return
    query = (
        f"SELECT {column}, id, json_array({', '.join(columns)}) FROM events "  # noqa: S608 - our own names
        f"WHERE id BETWEEN ? AND ? AND {column} BETWEEN ? AND ? ORDER BY id"
    )
    numbers = (*_span(seals), seals[0].number, seals[-1].number)
    for number, event, text in connection.exec_driver_sql(query, numbers):
        while text.endswith(_NULL_AT_THE_END):
            text = text[: -len(_NULL_AT_THE_END)] + "]"
        yield number, event, text


def _span(seals: Sequence[Any]) -> tuple[int, int]:
    return min(seal.first for seal in seals), max(seal.last for seal in seals)


def _corrections(connection: Connection, seals: Sequence[Any]) -> Mapping[int, Sequence[Any]]:
    """What events of the seals said before they were corrected."""
    if not seals:
        return {}
    query = (
        f"SELECT {', '.join(_CORRECTION)} FROM corrections "  # noqa: S608 - our own names
        "WHERE event BETWEEN ? AND ?"
    )
    return {row[0]: row[1:] for row in connection.exec_driver_sql(query, _span(seals))}


def _as_written(text: str, before: Sequence[Any]) -> str:
    values = json.loads(text)
    values += [None] * (len(EVENT_COLUMNS) - len(values))
    # One that was changed after it was corrected is sent as it is, and does not fit its seal.
    if values[_WORDS] == _REFUSED:
        values[_WORDS] = [1, *before]
    return encoded(values)
