"""The versions of the record's tables (see `storage.lineage`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from storage import lineage

HEAD: Final = "0008"  # the version this program reads and writes; the newest file in versions/
SCRIPTS: Final = "storage:migrations"


def is_known(version: str) -> bool:
    """Whether `version` is one this program can bring up to `HEAD`."""
    return lineage.is_known(SCRIPTS, version)


def upgrade(connection: Connection) -> None:
    """Brings the tables up to `HEAD` inside the transaction that `connection` is in."""
    lineage.upgrade(SCRIPTS, HEAD, connection)
