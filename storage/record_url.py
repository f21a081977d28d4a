"""The address of a record on a PostgreSQL server, as a person gives it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

EXAMPLE: Final = "postgresql+psycopg://schoolgate@db.school.example/schoolgate"
DRIVER: Final = "postgresql+psycopg"
_SPELT: Final = (DRIVER, "postgresql", "postgres")


class RecordUrlError(ValueError):
    """A text is no such address. The sentence does not repeat it: it may hold a password."""


def parsed(text: str) -> URL:
    """The address. Raises RecordUrlError."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise RecordUrlError(
            f"The address of the record cannot be read: it is like {EXAMPLE}, and a '/', '@', ':'"
            " or '%' in a password is written as %2F, %40, %3A or %25."
        ) from error
    if url.drivername not in _SPELT:
        raise RecordUrlError(
            "A record is kept in --state, or on a PostgreSQL server: its address is like "
            f"{EXAMPLE}."
        )
    return url.set(drivername=DRIVER)


def has_password(text: str) -> bool:
    """Whether there is a password in it. Raises RecordUrlError."""
    url = parsed(text)
    return url.password is not None or "password" in url.query


def name_of(url: URL) -> str:
    """What a sentence calls it; there is no password in it."""
    hosts = url.query.get("host", ())
    host = ", ".join((hosts,) if isinstance(hosts, str) else hosts) or url.host or "this computer"
    port = f":{url.port}" if url.port else ""
    database = f"the database '{url.database}'" if url.database else "the PostgreSQL database"
    return f"{database} on {host}{port}"
