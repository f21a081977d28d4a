"""A lineage of table versions, from the first to the newest; they only go forward.

Alembic runs them from inside the package: no alembic.ini, and no logging set up behind anyone's
back. It is loaded only when there is something to do, because a start with nothing to do should
be instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    from alembic.config import Config


def is_known(scripts: str, version: str) -> bool:
    """Whether the lineage in a package has a version.

    `scripts` is a package, `storage:migrations`, and not a path, so that a '%' or a space in a
    folder's name cannot matter.
    """
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config(scripts))
    return any(script.revision == version for script in found.walk_revisions())


def upgrade(scripts: str, head: str, connection: Connection) -> None:
    """Brings tables up to a version inside the transaction that `connection` is in."""
    from alembic import command

    config = _config(scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, head)


def _config(scripts: str) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", scripts)
    return config
