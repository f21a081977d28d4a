"""The versions of the record's tables, from the first to `HEAD`; they only go forward.

Alembic runs them from inside the package: no alembic.ini, and no logging set up behind anyone's
back. It is loaded only when there is something to do, because a start with nothing to do should
be instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0001"  # the version this program reads and writes; the newest file in versions/
# Named as a package, not a path, so that a '%' or a space in a folder's name cannot matter.
SCRIPTS: Final = "storage:migrations"


def is_known(version: str) -> bool:
    """Whether `version` is one this program can bring up to `HEAD`."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return any(script.revision == version for script in scripts.walk_revisions())


def upgrade(connection: Connection) -> None:
    """Brings the tables up to `HEAD` inside the transaction that `connection` is in."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config
