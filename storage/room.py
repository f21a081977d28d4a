"""How much room the record takes, and how much it may take at most.

The record may be given a limit, below what its disk holds, so that it never crowds out what else
lives there. The writers go by it and nobody else does: a purge, a grant or a withdrawal is always
written, or the state could not be ended, nor anybody's access taken away. What a purge has freed
inside the file is room again at once, so the record is not full any longer as soon as it has begun.

What is measured is what the file would hold if it were given back what is free, and the log beside
it. It is measured ten times a second at most, so a record can grow past its limit by what is
written in a tenth of a second: a few megabytes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from storage.connections import Database
from storage.faults import RecordError, full
from storage.followed import Followed

_EVERY: Final = 0.1  # seconds between two looks
_SELDOM: Final = 10.0  # where nothing depends on it
_ROOM_AGAIN: Final = 0.99  # of the limit: at the limit itself, each event would change the state


@dataclass(frozen=True, slots=True)
class Room:
    """In bytes: how large the record is, as far as it is known, and may be; None for no limit.

    `full`: nothing is to be let through until there is room again.
    """

    used: int = 0
    limit: int | None = None
    full: bool = False

    def __str__(self) -> str:
        """Why nothing is let through, in one sentence for a person."""
        return full(said(self.limit or 0))


def said(count: float) -> str:
    """Bytes in the unit that leaves few figures: 20 GB."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class Gauge:
    """Whether there is room for more. For one thread."""

    def __init__(self, database: Database, limit: int | None) -> None:
        """`limit` in bytes, None for none. Nothing is opened before the first look."""
        self._database = database
        self._record = Followed(database)
        self._every = _SELDOM if limit is None else _EVERY
        self._looked = -_SELDOM
        self.room = Room(0, limit)

    def look(self) -> Room:
        """How it is; a record that cannot be read is taken to be as it was."""
        moment = time.monotonic()
        if moment - self._looked < self._every:
            return self.room
        self._looked = moment
        try:
            with self._record.look() as (connection, _):
                used = self._database.used(connection)
        except RecordError:
            return self.room  # whoever writes will say what is wrong
        limit = self.room.limit
        is_full = limit is not None and used >= limit * (_ROOM_AGAIN if self.room.full else 1)
        self.room = Room(used, limit, is_full)
        if is_full:
            self._database.cut_log()
        return self.room

    def close(self) -> None:
        """Lets go of the file."""
        self._record.close()
