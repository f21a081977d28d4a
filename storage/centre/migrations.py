"""The versions of the centre's tables, a lineage of their own, apart from the record's.

A centre and its gateways are brought up to date on different days. A newer centre therefore takes
what an older gateway sends; a gateway that needs a newer centre says so (`NEEDED`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from storage import lineage

HEAD: Final = "0004"  # the newest file in versions/
NEEDED: Final = "0004"  # the oldest centre that understands what this release sends
SCHEMA: Final = "schoolgate"
SCRIPTS: Final = "storage:centre"


def is_known(version: str) -> bool:
    """Whether `version` is one this program can bring up to `HEAD`."""
    return lineage.is_known(SCRIPTS, version)


def upgrade(connection: Connection) -> None:
    """Brings the centre up to `HEAD` inside the transaction that `connection` is in."""
    lineage.upgrade(SCRIPTS, HEAD, connection)
