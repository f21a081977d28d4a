"""Where the centre is, how it is connected to, and what can go wrong there, in a sentence each.

The address is libpq's: `postgresql://ROLE@HOST/DATABASE?sslmode=verify-full`, with whatever libpq
takes. The password may be in it, and is better in PGPASSFILE or PGPASSWORD; it is never shown.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage.faults import RecordError

CHANGED: Final = "SG001"
"""What the centre's functions answer when a record is not as it was."""
STRANGER: Final = "SG002"

_UNLESS_SAID: Final = {
    "connect_timeout": "10",
    "application_name": "schoolgate",
    # A link that drops packets without a word is given up after half a minute.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "options": "-c statement_timeout=120s -c idle_in_transaction_session_timeout=60s",
}
_OLDEST: Final = 150_000  # PostgreSQL 15: views that go by the rights of who reads them
_POSSIBLE: Final = {
    "host": re.compile(r"[\w.,:%/-]*"),
    "hostaddr": re.compile(r"[\w.,:%]*"),
    "port": re.compile(r"[0-9,]*"),
    "dbname": re.compile(r"[^@:/]*"),
}
_LONGEST: Final = 300  # characters of another program's words


class CentreError(RecordError):
    """The centre cannot be used: it cannot be reached, or is not set up. One sentence."""


class AddressError(CentreError):
    """What was given is no address of a centre."""


class ChangedError(RecordError):
    """The centre and this record do not agree. One sentence, with the record and the seal."""


class Address:
    """A centre's address; its text shows no password.

    Raises AddressError for what is none, and CentreError where the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        driver = _driver()
        try:
            url = url.replace("postgresql+psycopg://", "postgresql://", 1)  # as others write it
            if not url.startswith(("postgresql://", "postgres://")):
                raise ValueError("another scheme")
            given = driver.conninfo.conninfo_to_dict(url)
            # Half a password that was not quoted would stand there.
            for name, possible in _POSSIBLE.items():
                if not possible.fullmatch(str(given.get(name) or "")):
                    raise ValueError(f"no {name}")
        except (driver.Error, ValueError) as error:
            # Its own words would show the address, and with it the password.
            raise AddressError(
                "That is not the address of a centre: it reads like postgresql://ROLE@HOST/DATABASE,"
                " and in a password '@' is written %40, ':' %3A and '/' %2F."
            ) from error
        self._facts: dict[str, Any] = {**_UNLESS_SAID, **given}
        host = str(given.get("host") or given.get("hostaddr") or "this machine")
        self._text = f"{given.get('dbname') or 'its database'} at {host}"
        if given.get("port"):
            self._text += f":{given['port']}"

    def __str__(self) -> str:
        return self._text

    def engine(self) -> Engine:
        """How to connect, anew each time: no connection crosses a fork or outlives its use."""
        driver = _driver()
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: driver.connect(**self._facts),
            poolclass=NullPool,
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns what goes wrong at the centre into CentreError or ChangedError."""
        try:
            yield
        except DBAPIError as error:
            raise self._explain(error) from error
        except (ValueError, OSError) as error:  # what cannot even be sent
            raise CentreError(f"The centre ({self}) could not be told: {error}.") from error

    def _explain(self, error: DBAPIError) -> RecordError:
        cause: Any = error.orig
        code = getattr(cause, "sqlstate", None)
        # Below the first line libpq guesses at reasons.
        words = next(iter(str(cause).strip().splitlines()), type(cause).__name__)[:_LONGEST]
        if code == CHANGED:
            return ChangedError(cause.diag.message_primary)
        if code == STRANGER:
            return CentreError(
                f"The centre ({self}) says: {cause.diag.message_primary} Sign in with the role that"
                " 'schoolgate centre add-school' gave."
            )
        if code in ("42883", "42P01", "3F000"):
            return CentreError(
                f"There is no centre at {self}, or an older one: run 'schoolgate centre init'"
                " there, with this release."
            )
        if code == "42501":
            return CentreError(f"The centre ({self}) does not let this role do that: {words}.")
        return CentreError(f"The centre ({self}) cannot be used: {words.rstrip('.')}.")


def check_server(connection: Connection, address: Address) -> None:
    """Raises CentreError where PostgreSQL is too old to be a centre."""
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < _OLDEST:
        raise CentreError(f"A centre needs PostgreSQL 15 or newer, and {address} is older.")


def _driver() -> Any:
    try:
        importlib.import_module("psycopg.conninfo")
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise CentreError(
            "A centre needs the PostgreSQL driver: pip install 'schoolgate[postgresql]'."
        ) from error
