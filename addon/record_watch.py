"""Says in the log what is wrong with the record: each thing once when it begins, and its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from addon.record_room import little_room
from addon.status import RecordStatus

log = logging.getLogger("schoolgate")

_END: Final = {
    "record": "The record is no longer nearly full.",
    "disk": "The disk with the record has room again.",
}


class RecordWatch:
    """What one worker has said so far. Of the room that is left, only the first speaks."""

    def __init__(self, state: Path, worker: int) -> None:
        self._state = state
        self._worker = worker
        self._error: str | None = None
        self._lost = 0
        self._told: set[str] = set()

    def look(self, record: RecordStatus) -> None:
        """To be called every second or so."""
        if record.last_error != self._error:
            self._say(record)
            self._error = record.last_error
        if self._worker:
            return
        found = little_room(self._state, [record])
        for about in sorted(found.keys() - self._told):
            log.warning("%s", found[about])
        for about in sorted(self._told - found.keys()):
            log.info("%s", _END[about])
        self._told = set(found)

    def _say(self, record: RecordStatus) -> None:
        who = f"Worker {self._worker}: the" if self._worker else "The"
        if record.last_error:
            log.error(
                "%s record cannot be written to. %s Until then restricted sites stay shut, and what"
                " is refused waits to be put on record.",
                *(who, record.last_error),
            )
            return
        lost, self._lost = record.lost - self._lost, record.lost
        log.warning(
            "%s record is written to again. %s",
            who,
            f"Of what waited, {lost:,} events were too many to keep, and are lost."
            if lost
            else "Everything that waited is on it, or will be in a moment.",
        )
