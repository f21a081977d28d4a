"""The versions of the record's tables, from the first to `HEAD`; they only go forward.

Alembic runs them from inside the package: no alembic.ini, and no logging set up behind anyone's
back. It is loaded only when there is something to do, because a start with nothing to do should
be instant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

HEAD: Final = "0001"  # the version this program reads and writes; the newest file in versions/


def is_known(version: str) -> bool:
    """Whether `version` is one this program can bring up to `HEAD`."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent))
    return any(script.revision == version for script in scripts.walk_revisions())


def upgrade(connection: Connection) -> None:
    """Brings the tables up to `HEAD` inside the transaction that `connection` is in."""
    from alembic import command
    from alembic.config import Config

    # Named as a package, not a path, so that a '%' or a space in a folder's name cannot matter.
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "storage:migrations")
    command.upgrade(config, HEAD)
