"""What can be wrong with a record on a PostgreSQL server, each in one sentence that says what to
do.

The server gives a code for what went wrong in a session
(https://www.postgresql.org/docs/current/errcodes-appendix.html). What goes wrong before there is
one only has words, which are looked at where they tell more than that it did not work.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from storage.faults import AwayError, RecordError, StrangerError

OLDEST: Final = 13
"""The oldest release of PostgreSQL that is supported: what was tried is 15 and newer."""

# Ways to say: not now, ask again. 57P0x: it is stopping or starting; 25006: it only reads.
_AWAY = ("57P01", "57P02", "57P03", "57P05", "25006", "53300")
_LOCKED: Final = ("55P03", "40P01")
_WORDS: Final = (
    # the kind, in the server's words, what is wrong, what to do
    (
        StrangerError,
        ("password authentication failed", "no password supplied", "role", "peer authentication"),
        "does not accept the user or the password",
        "look at both; the password may be in the file that PGPASSFILE names, or in ~/.pgpass",
    ),
    (
        RecordError,
        ("pg_hba.conf",),
        "does not let this computer in",
        "add it to the server's pg_hba.conf, or ask for TLS with ?sslmode=require",
    ),
    (
        RecordError,
        ("permission denied for database",),
        "may not be used by this user",
        "grant them CONNECT on it",
    ),
    (
        RecordError,
        ("invalid connection option", "invalid sslmode", "invalid port", "invalid integer value"),
        "cannot be asked in this way",
        "look at the part of the address after the question mark",
    ),
)
_CODES: Final = {
    "42501": "may not be written by this user: let them create and use tables in its schema.",
    "53100": "has no room left: free some space on the server's disk.",
    "55P03": "is kept locked by another program: close it.",
    "40P01": "is kept locked by another program: close it.",
    "42P01": "no longer holds a record: restore the last backup, or start Schoolgate again to "
    "begin a new one.",
    "3F000": "has no schema of that name: create it, or leave search_path out of the address.",
    "XX001": "is damaged: restore the last backup.",
    "XX002": "is damaged: restore the last backup.",
}


def fault_of(error: BaseException, name: str) -> RecordError:
    """What went wrong, in one sentence for a person; an AwayError where it may pass by itself."""
    if isinstance(error, RecordError):
        return error
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    code = getattr(cause, "sqlstate", None)
    text = " ".join(str(cause).split())
    if code in _AWAY:
        return AwayError(_away(name, text, code))
    if code in _CODES:
        return RecordError(_sentence(name, _CODES[code]))
    if code is not None and not code.startswith("08"):
        return RecordError(_sentence(name, f"cannot be used ({text}): ask whoever looks after it."))
    for kind, words, wrong, remedy in _WORDS:
        if any(word in text for word in words):
            return kind(_sentence(name, f"{wrong} ({_said(text)}): {remedy}."))
    if "database" in text and "does not exist" in text:
        return RecordError(
            _sentence(name, "does not exist: create it (createdb), encoded in UTF8.")
        )
    return AwayError(_away(name, text, code))


def is_away(error: BaseException) -> bool:
    """Whether a RecordError came of a server that may answer again by itself."""
    if isinstance(error, AwayError):
        return True
    cause = error.__cause__
    return cause is not None and isinstance(fault_of(cause, ""), AwayError)


def may_pass(error: BaseException) -> bool:
    """Whether a RecordError came of a server that is away, or of another program that kept the
    record locked: what could not be done may be possible in some minutes.
    """
    cause = error.__cause__
    cause = cause.orig if isinstance(cause, DBAPIError) and cause.orig else cause
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    locked = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return locked or getattr(cause, "sqlstate", None) in _LOCKED or is_away(error)


def standby(name: str) -> str:
    return _sentence(
        name,
        "is on a server that only follows another (a standby): give the address of the one that "
        "is written to.",
    )


def too_old(name: str, version: int) -> str:
    return _sentence(
        name, f"is on PostgreSQL {version // 10_000}: a record needs {OLDEST} or newer."
    )


def badly_encoded(name: str, encoding: str) -> str:
    return _sentence(
        name, f"is encoded in {encoding}: create one that is encoded in UTF8 (createdb -E UTF8)."
    )


def unsafe(name: str) -> str:
    return _sentence(
        name,
        "is on a server that does not wait for its disk: turn fsync on in its configuration.",
    )


def without_schema(name: str) -> str:
    return _sentence(name, _CODES["3F000"])


def without_right(name: str) -> str:
    return _sentence(name, _CODES["42501"])


def of_others(name: str) -> str:
    return _sentence(
        name, "holds tables that are not Schoolgate's: give the record a database of its own."
    )


def newer(name: str) -> str:
    return _sentence(
        name, "was written by a newer Schoolgate: update this program, or use another database."
    )


def older(name: str) -> str:
    return _sentence(
        name,
        "is of an older version: make a backup of it with pg_dump, and then bring it up to date "
        "with 'schoolgate record upgrade'.",
    )


def empty(name: str) -> str:
    return _sentence(name, "holds no record yet: run Schoolgate once.")


def damaged(name: str) -> str:
    return _sentence(name, "holds what Schoolgate never wrote there: restore the last backup.")


def gone(name: str) -> str:
    return _sentence(name, _CODES["42P01"])


def without_driver() -> str:
    return (
        "A record on a PostgreSQL server needs psycopg: install Schoolgate as "
        "'schoolgate[postgresql]'."
    )


def _away(name: str, text: str, code: str | None) -> str:
    if code == "25006" or "read-only" in text or "hot standby" in text:
        return standby(name)
    if code == "53300":
        return _sentence(
            name, "has no connection free: raise max_connections, or close other programs."
        )
    return _sentence(name, f"cannot be reached ({_said(text)}): start it, or look at the network.")


def _said(text: str) -> str:
    """The part of the driver's words that tells something."""
    for mark in ("FATAL: ", "failed: "):
        if mark in text:
            text = text.rsplit(mark, 1)[1]
    return text.split(" Is the server running", 1)[0].strip().rstrip(".")[:200]


def _sentence(name: str, rest: str) -> str:
    return f"{name[:1].upper()}{name[1:]} {rest}"
