"""Reading a record in which somebody may have put anything at all.

SQLite keeps whatever it is given: a word where a number should be, bytes that are no text. None of
that may stop whoever checks the record, because naming it is what the check is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection

_TOLERANT: Final = "surrogateescape"
"""Bytes that are no UTF-8 become lone surrogates, which are never written."""


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """Meanwhile, what is read as text may be no UTF-8. A server makes sure of that by itself."""
    session: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    before, session.text_factory = session.text_factory, as_text
    try:
        yield
    finally:
        session.text_factory = before


def as_text(raw: bytes) -> str:
    """Bytes as a text, whatever they are."""
    return raw.decode("utf-8", _TOLERANT)


def is_odd(value: object) -> bool:
    """Whether a value is of a kind that no row of the record holds, or a text that was no UTF-8."""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value)
    return not isinstance(value, int | None)


def comparable(value: Any) -> Any:
    """A value that can be encoded and put in order; one that is never written fits no seal."""
    return value.hex() if isinstance(value, bytes) else value


def printable(text: str) -> str:
    """A text for a person that may quote what was found."""
    return text.encode("utf-8", "backslashreplace").decode()
