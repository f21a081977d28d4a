"""What can be wrong with the record, each in one sentence that says what to do."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

_ALMOST_NOTHING = (
    1 << 20
)  # bytes: below this SQLite cannot extend its files, whatever it calls the error


_OTHER_TABLES = re.compile("no such (table|column)|table .* has no column")


class RecordError(Exception):
    """The record cannot be used. The text is one sentence for a person, and says what to do."""


class AwayError(RecordError):
    """The server that has the record does not answer, or takes nothing on record now; it may again
    by itself.
    """


class StrangerError(RecordError):
    """The server does not know this user, or not by this password."""


class TakenError(RecordError):
    """Another gateway writes to the database."""


class NoRecordError(RecordError):
    """There is no record in the folder yet."""


def explain(error: Exception, path: Path) -> str:
    """Why the database at `path` could not do what was asked, in one sentence for a person."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, OSError):
        return f"{path} cannot be used ({cause.strerror}): check the disk it is on."
    # Extended codes keep the plain one in their lowest byte: https://www.sqlite.org/rescode.html
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _disk_is_full(path)):
        return f"There is no room left for {path}: free some space on its disk."
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"Another program keeps {path} locked: close it."
    if code == sqlite3.SQLITE_NOTADB:
        return not_ours(path)
    if code == sqlite3.SQLITE_CORRUPT:
        return damaged(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return read_only(path)
    if code == sqlite3.SQLITE_CANTOPEN:
        return cannot_open(path)
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"{path} cannot be used ({cause}): check the disk it is on, and restart Schoolgate if "
            "a file beside it was deleted."
        )
    if _OTHER_TABLES.match(str(cause)):
        return other_tables(path)
    return f"{path} cannot be used ({cause}): check the disk it is on."


def is_damage(error: BaseException) -> bool:
    """Whether a RecordError came of a file that SQLite could not make sense of."""
    cause = error.__cause__
    cause = cause.orig if isinstance(cause, DBAPIError) else cause
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def not_ours(path: Path) -> str:
    return (
        f"{path} is not a Schoolgate record: "
        "move the file away, or name another folder with --state."
    )


def read_only(path: Path) -> str:
    return f"{path} cannot be written to: make the file and its folder writable for this user."


def damaged(path: Path) -> str:
    return f"{path} is damaged: stop Schoolgate, put the file aside and restore the last backup."


def other_tables(path: Path) -> str:
    return (
        f"{path} does not hold the tables of a record: put the record back, or start Schoolgate "
        "again."
    )


def log_taken_away(path: str) -> str:
    return (
        f"The log of {path}, which lies beside it, was taken away while it was in use: restart "
        "Schoolgate, which saves what is in it, and leave the files beside the record alone."
    )


def full(limit: str) -> str:
    return (
        f"The record is full as the school has set it ({limit}): keep less of it (retention in the "
        "policy), or give it more room (--record-limit)."
    )


def gone(path: Path) -> str:
    return f"{path} is gone: put it back, or start Schoolgate again to begin a new record."


def cannot_open(path: Path) -> str:
    try:
        path.stat()
    except FileNotFoundError:
        return gone(path)
    except PermissionError:
        pass
    return (
        f"{path} cannot be opened: "
        "make the file and its folder readable and writable for this user."
    )


def newer(path: Path) -> str:
    return (
        f"{path} was written by a newer Schoolgate: "
        "update this program, or name another folder with --state."
    )


def _disk_is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _ALMOST_NOTHING
    except OSError:
        return False
