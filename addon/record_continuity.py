"""Holds the record in the state folder against what is remembered of it, and says where it fails.

That one was damaged, deleted, exchanged or cut short must not go unnoticed, nor give anybody back
the web access that was withdrawn from them. So it is looked at when the gate starts, when a worker
starts, which begins a new record where it finds none, and every few seconds by the first worker.
What is found is in the record's chain, in the log, and in a file that `/healthz` and
`schoolgate doctor` go by until somebody has seen to it (`addon.broken_records`).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from addon.broken_records import in_words, leave_notice
from addon.chores import Chores
from addon.kept_seal import KeptSeal
from addon.kept_withdrawals import KeptWithdrawals
from storage.connections import Database
from storage.continuity import Broken, UnnotedError, go_on, is_broken, known
from storage.copies import open_or_begin_anew
from storage.faults import RecordError
from storage.record_file import RecordFile

log = logging.getLogger("schoolgate")

EVERY: Final = 10.0
"""Seconds between two looks: no more than was sealed within them can be cut off unnoticed."""


def begin(state: Path, now: datetime) -> str | None:
    """Opens the record, sets it aside if it is damaged, and begins a new one where there is none.

    Gives back what somebody should know of it, None if all is well. Only for the one process that
    holds the state folder. Raises RecordError, but not where only a note cannot be written.
    """
    withdrawn = KeptWithdrawals(state).read
    try:
        database, broken = open_or_begin_anew(state, now, KeptSeal(state).read(), withdrawn)
    except UnnotedError as error:  # the first worker tries again; other sites must not wait for it
        return str(error)
    return _settle(state, database, broken)


class RecordContinuity:
    """One process's look at the record that it has opened."""

    def __init__(self, state: Path, database: RecordFile) -> None:
        self._state, self._database = state, database

    def look(self) -> None:
        """Logs what is found, and remembers how far the record is. Raises RecordError."""
        if said := self._look():
            log.error("%s", said)

    def look_at_start(self) -> None:
        """As `look`, but logs it, too, where what was found cannot be noted. Raises RecordError."""
        try:
            said = self._look()
        except UnnotedError as error:
            said = str(error)
        if said:
            log.warning("%s", said)  # mitmproxy ends if an error is logged while it starts

    def _look(self) -> str | None:
        state, database = self._state, self._database
        withdrawn = KeptWithdrawals(state).read
        broken = go_on(database, datetime.now(UTC), KeptSeal(state).read(), withdrawn)
        return _settle(state, database, broken)

    async def follow(self, chores: Chores) -> None:
        """Looks again and again. Of a record that cannot be read, others speak."""
        while True:
            await asyncio.sleep(EVERY)
            await chores.do(self._look_again)

    def _look_again(self) -> None:
        # Its newest part would seem to be missing, and is saved when the gate stops.
        if not self._database.has_lost_log():
            with suppress(RecordError):
                self.look()


def to_carry(state: Path, database: Database) -> frozenset[str]:
    """Whose web access stays withdrawn though the record does not say so: it does not go on from
    the one before, and that is not noted yet. Raises RecordError.
    """
    kept = KeptWithdrawals(state)
    broken = is_broken(database, KeptSeal(state).read(), kept.read)
    return kept.read() if broken else frozenset()


def remember(state: Path, database: Database) -> None:
    """Takes the record as it is for the one to go on from. Raises RecordError."""
    KeptSeal(state).keep(known(database))


def _settle(state: Path, database: Database, broken: Broken | None) -> str | None:
    is_new = False
    if broken:
        try:
            is_new = leave_notice(state, broken)
        except OSError as error:
            log.warning("No notice could be left in %s: %s.", state, error.strerror or error)
            is_new = True
    remember(state, database)
    return in_words(state, broken) if broken and is_new else None
