"""Where sources report to: the tracker, the time, the policy, and the way onto the record.

What became of intervals is written a moment later, together with everything else that came
meanwhile. While the record cannot be written, it waits here, and only the newest state of each
interval is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from addon.identity.intervals import Interval
from addon.identity.rows import row_of
from addon.identity.tracking import Tracker
from rules.policy import Policy
from storage.bindings import write_bindings
from storage.connections import Database
from storage.faults import RecordError

log = logging.getLogger("schoolgate.identity")

_GATHER: Final = 0.02
"""Seconds that changes wait for company."""
_AGAIN: Final = 0.5
_SWEEP: Final = 1.0


class Desk:
    """One of it in the identity process; its tracker is called from the event loop only."""

    def __init__(self, tracker: Tracker, policy: Callable[[], Policy], database: Database) -> None:
        self.tracker = tracker
        self._policy = policy
        self._database = database
        self._noted = asyncio.Event()
        self._waiting: dict[int, Interval] = {}
        self._wanted = self._done = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._trouble = False
        self.troubles: dict[str, str] = {}  # a sentence for each thing that is not well

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy()

    def now(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC)

    def noted(self) -> None:
        """A source has told the tracker something: it goes on record soon."""
        self._wanted += 1
        self._noted.set()

    async def written(self, within: float) -> bool:
        """Whether everything noted until now is on record, within so many seconds."""
        if self._done >= self._wanted:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((self._wanted, waiter))
        try:
            await asyncio.wait_for(waiter, within)
        except TimeoutError:
            return False
        return True

    async def write(self) -> None:
        """Writes whatever is noted, for as long as the process lives."""
        while True:
            await self._noted.wait()
            await asyncio.sleep(_GATHER)
            self._noted.clear()
            if not await self.write_now():
                self._noted.set()
                await asyncio.sleep(_AGAIN)

    async def write_now(self) -> bool:
        """Writes what waits. False if the record cannot be written now; it goes on waiting."""
        wanted = self._wanted
        self._waiting |= {interval.id: interval for interval in self.tracker.take_changes()}
        rows = [row_of(interval) for interval in self._waiting.values()]
        try:
            await asyncio.to_thread(write_bindings, self._database, rows)
        except RecordError as error:
            if not self._trouble:
                log.error("Who is where cannot be put on record: %s", error)
            self._trouble = True
            self.troubles["record"] = f"Who is where cannot be put on record: {error}"
            return False
        if self._trouble:
            log.info("Who is where can be put on record again.")
        self._trouble = False
        self.troubles.pop("record", None)
        self._waiting.clear()
        self._done = wanted
        for number, waiter in self._waiters:
            if number <= wanted and not waiter.done():
                waiter.set_result(None)
        self._waiters = [(n, waiter) for n, waiter in self._waiters if not waiter.done()]
        return True

    async def sweep(self) -> None:
        """Ends what has come to its end, each second."""
        while True:
            await asyncio.sleep(_SWEEP)
            self.tracker.sweep(self.now())
            self.noted()
