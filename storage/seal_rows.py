"""The seals of a record as they are found, one after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from storage.instants import from_microseconds
from storage.odd_values import as_text, is_odd
from storage.sealed_rows import Broken
from storage.sealing import What

_AT_A_TIME: Final = 2_000  # rows held in memory at once
_NUMBERS: Final = ("number", "at", "first", "last", "rows")


class Seal(NamedTuple):
    """A seal whose values are of the right kinds; `at` in microseconds since 1970."""

    number: int
    what: str
    at: int
    first: int
    last: int
    rows: int
    facts: str | None
    digest: bytes


def seals_in_order(connection: Connection) -> Generator[Seal | int]:
    """Each seal; or only its number, where it holds a value of a kind that is never written."""
    return _seals(connection, "")


def _seals(connection: Connection, where: str) -> Generator[Seal | int]:
    asked = _columns(connection)
    columns = ", ".join(asked[name] for name in Seal._fields)
    query = f"SELECT {columns} FROM seals {where}ORDER BY number"  # noqa: S608 - our own names
    options = {"yield_per": _AT_A_TIME}
    with connection.exec_driver_sql(query, execution_options=options) as rows:
        for row in rows:
            yield _seal(*row)


def newest_seal(connection: Connection) -> Seal | int | None:
    """The last seal, or its number, as `seals_in_order` gives them; None if there is none."""
    last = connection.exec_driver_sql("SELECT max(number) FROM seals").scalar()
    return next(_seals(connection, f"WHERE number = {last:d} ")) if last else None


def tombstones(connection: Connection) -> Iterator[str | None]:
    """The facts of each purge, in order; None where they are no text."""
    columns = _columns(connection)
    query = f"SELECT {columns['facts']} FROM seals WHERE what = ? ORDER BY number"  # noqa: S608
    for (facts,) in connection.exec_driver_sql(query, (What.PURGE.value,)).all():
        yield _read(facts)


def misfit(number: int) -> Broken:
    """What is said of a seal that is only a number."""
    return Broken(f"Seal {number} was changed: it holds a value of a kind that is never written.")


def _columns(connection: Connection) -> dict[str, str]:
    """What to ask for each column: SQLite gives nothing for a value of another kind, and a text as
    bytes, because what it calls a text need not be one.
    """
    if connection.dialect.name != "sqlite":
        return {name: name for name in Seal._fields}
    texts = {
        name: f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) WHEN 'null' THEN NULL "
        "ELSE 0 END"
        for name in ("what", "facts")
    }
    numbers = {name: f"CASE typeof({name}) WHEN 'integer' THEN {name} END" for name in _NUMBERS}
    return {**numbers, **texts, "digest": "CASE typeof(digest) WHEN 'blob' THEN digest END"}


def _read(value: Any) -> Any:
    return as_text(value) if isinstance(value, bytes) else value


def _seal(
    number: Any, what: Any, at: Any, first: Any, last: Any, rows: Any, facts: Any, digest: Any
) -> Seal | int:
    what, facts = _read(what), _read(facts)
    fits = (
        all(isinstance(each, int) for each in (at, first, last, rows))
        and isinstance(what, str)
        and isinstance(facts, str | None)
        and isinstance(digest, bytes)
        and not (is_odd(what) or is_odd(facts))
    )
    try:
        from_microseconds(at if fits else 0)
    except OverflowError:
        fits = False
    return Seal(number, what, at, first, last, rows, facts, digest) if fits else int(number)
