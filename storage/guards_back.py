"""Putting the record's triggers back when it is opened, should somebody have taken them away.

That they were missing is sealed and logged: meanwhile anything may have been done, and it is
`record verify` that says what.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import DBAPIError

from storage.connections import Database
from storage.guards import missing_guards, put_back
from storage.seal_rows import Seal, newest_seal
from storage.sealing import Chain

WHY: Final = "Triggers of the record were missing, and were put back."

log = logging.getLogger("schoolgate")


def put_guards_back(database: Database) -> None:
    """Makes what triggers are missing. Whoever may not is told so, and the record is used as it is.

    Raises RecordError when the record cannot be read.
    """
    with database.reading() as connection:
        missing = missing_guards(connection)
    if not missing:
        return
    try:
        with database.writer() as connection, connection.begin():
            # Another process may have been quicker.
            missing = put_back(connection)
            # A chain whose end is not as it was written is left for whoever looks into it.
            if missing and isinstance(newest_seal(connection), Seal):
                Chain(connection, datetime.now(UTC)).note(WHY, triggers=", ".join(missing))
    except DBAPIError as error:
        log.error(
            "Triggers of %s are missing (%s), and could not be put back: %s",
            *(database.name, ", ".join(missing), database.explain(error)),
        )
        return
    if missing:
        log.warning(
            "Triggers of %s were missing (%s), and were put back: see 'schoolgate record verify'.",
            *(database.name, ", ".join(missing)),
        )
