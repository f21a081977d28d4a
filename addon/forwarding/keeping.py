"""Forwarding that goes on: batch after batch while there is something to send, then a look each
second, and longer and longer pauses while the centre cannot be reached.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import SystemRandom
from typing import Final

from addon.forwarding.status import ForwardingStatus, publish, read_forwarding
from storage.centre.address import Address, ChangedError
from storage.centre.forwarding import Forwarder, Progress
from storage.centre.outgoing import ROWS
from storage.connections import Database
from storage.faults import RecordError

LOOK_EVERY: Final = 1.0
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds."""

_HEAR_EVERY: Final = timedelta(seconds=30)
_PUBLISH_EVERY: Final = timedelta(seconds=1)
_CHANCE: Final = SystemRandom()


class Forwarding:
    """Forwards the record in a state folder, and says how it fares."""

    def __init__(
        self,
        state: Path,
        database: Database,
        address: Address,
        clock: Callable[[], datetime],
        rows: int = ROWS,
    ) -> None:
        """`clock` gives the time, aware and UTC; `rows` is how many are sent together."""
        self._state, self._clock = state, clock
        self._forwarder = Forwarder(database, address, rows)
        before = read_forwarding(state)
        self._status = ForwardingStatus(
            os.getpid(), clock(), clock(), str(address),
            worked_at=before.worked_at if before and before.centre == str(address) else None,
        )  # fmt: skip
        self._said: ForwardingStatus | None = None
        self._heard = clock()
        self._pause = FIRST_PAUSE

    @property
    def status(self) -> ForwardingStatus:
        """How it fares now."""
        return self._status

    def round(self) -> float:
        """One batch, or one look; gives back in how many seconds to come again. Never raises for
        what may pass: a link, a server or a disk.
        """
        try:
            progress = self._forwarder.step()
            if not progress.seals and self._clock() - self._heard >= _HEAR_EVERY:
                self._forwarder.hear()
                self._heard = self._clock()
        except RecordError as error:
            pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
            self._say(problem=str(error), changed=isinstance(error, ChangedError))
            # When a centre comes back, its schools shall not all come at once.
            return pause * _CHANCE.uniform(0.7, 1.0)
        self._pause = FIRST_PAUSE
        self._worked(progress)
        return 0.0 if progress.behind else LOOK_EVERY

    def close(self) -> None:
        """Lets go of the connection."""
        self._forwarder.close()

    def _worked(self, progress: Progress) -> None:
        if progress.seals:
            self._heard = self._clock()
        self._say(
            school=progress.school,
            worked_at=self._heard,
            behind=progress.behind,
            problem=None,
            changed=False,
        )

    def _say(self, **differences: object) -> None:
        now = self._clock()
        self._status = replace(self._status, at=now, **differences)  # type: ignore[arg-type]
        last = self._said
        if (
            last is None
            or last.problem != self._status.problem
            or not timedelta() <= now - last.at < _PUBLISH_EVERY
        ):
            publish(self._state, self._status)
            self._said = self._status
