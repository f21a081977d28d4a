"""Puts events on record: many callers, one writer thread, one commit for all that came meanwhile.

An event waits in a queue (`storage.backlog`) until the writer (`storage.writer`) takes it, together
with everything else that waits, into one transaction. `durable` returns when that transaction is on
the disk. Nothing is dropped until `limit` events wait.

A caller that does not get its answer in time refuses the request, so the record must not say that
it was allowed. The event is *withdrawn*: if it is not written yet, it is written as refused; if
the disk was just taking it in, a correction follows. The one gap: the process dies between that
commit and its correction. Then the record says allowed of a request that was refused, which errs
on the safe side of 'nothing unrecorded'.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from storage.backlog import Backlog, RecorderState
from storage.connections import Database
from storage.events import Completion, Event
from storage.instants import to_microseconds
from storage.tallies import Tally, tally_row
from storage.waiting import Entry, NotDurable, RecordFull, Waiter, answer
from storage.writer import Writer
from storage.writing import completion_row, event_row

__all__ = ["NotDurable", "RecordFull", "Recorder", "RecorderState"]


def _now() -> datetime:
    return datetime.now(UTC)


class Recorder:
    """Writes events to `database` from a thread of its own.

    `limit` is how many may wait before new ones are lost.
    """

    def __init__(
        self,
        database: Database,
        *,
        limit: int = 100_000,
        room: int | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """`room` is how many bytes the record may take at most, None for as many as there are;
        `clock` gives the time of the seals, aware.
        """
        self._backlog = Backlog(limit)
        self._writer = Writer(database, self._backlog, clock, room)
        self._thread = threading.Thread(target=self._writer.run, name="recorder", daemon=True)

    def start(self) -> None:
        """Starts the writer."""
        self._thread.start()

    def close(self, timeout: float) -> int:
        """Writes what waits, for at most `timeout` seconds, and stops.

        Gives back how many events were left unwritten.
        """
        self._backlog.close()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._writer.give_up()
        left = self._backlog.abandon()
        answer(left, NotDurable("Schoolgate is stopping."))
        return len(left)

    @property
    def state(self) -> RecorderState:
        """How the recorder is doing now."""
        state = self._backlog.state
        ended = self._thread.ident and not self._thread.is_alive() and not self._backlog.closing
        if ended and not state.last_error:
            return replace(state, last_error="The recorder has stopped: restart Schoolgate.")
        return state

    def note(self, event: Event | Tally) -> None:
        """Puts the event on record soon, or counts the tally. Never waits; when too many wait
        already, the event is lost and counted.

        Raises ValueError for an id out of range or a time without a zone.
        """
        self._backlog.add(_entry(event, None))

    async def durable(self, event: Event | Tally, within: float) -> None:
        """Returns once the event, or the count that the tally adds to, is on the disk.

        Raises NotDurable after `within` seconds, or at once when too many wait already; the
        record then says that the event was refused, or nothing. The same holds when the waiting
        task is cancelled. Raises RecordFull at once when the record has no room; it then says
        nothing. Raises ValueError for an id out of range or a time without a zone.
        """
        if (room := self._backlog.room).full:
            raise RecordFull(str(room))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        entry = _entry(event, (loop, future))
        if not self._backlog.add(entry):
            raise NotDurable(self.state.last_error or "Too many events wait to be put on record.")
        # The writer is hurried once the loop has seen to all that it has at hand, so that this goes
        # into one commit; hurried at once, it would find the first request alone.
        loop.call_soon(self._backlog.hurry)
        try:
            async with asyncio.timeout(within):
                await future
        except TimeoutError as error:
            if not self._backlog.withdraw(entry):
                return  # the commit and the end of the time met; the commit was first
            raise NotDurable(
                self.state.last_error or f"The record took longer than {within:g} seconds."
            ) from error
        except asyncio.CancelledError:
            self._backlog.withdraw(entry, even_recorded=True)
            raise

    def complete(self, completion: Completion) -> None:
        """Adds to an event how it ended, within a second or so of both. Never waits.

        Raises ValueError for a time without a zone.
        """
        self._backlog.complete(completion_row(completion))

    def use(self, person: str, site: str, at: datetime) -> None:
        """Notes that a page of a site was in use by a person who opened it, for the upper bound of
        their visit, within a second or so. Never waits.

        Raises ValueError for a time without a zone.
        """
        microseconds = to_microseconds(at)
        self._backlog.later(lambda later: later.use(person, site, microseconds))

    def no_act(self, person: str, event_id: int) -> None:
        """Takes an event of a person's out of their visits, because it only led elsewhere, within a
        second or so. The event stays as it is. Never waits.
        """
        self._backlog.later(lambda later: later.no_act(person, event_id))


def _entry(event: Event | Tally, waiter: Waiter | None) -> Entry:
    if isinstance(event, Tally):
        return Entry((), waiter, tally=tally_row(event))
    return Entry(event_row(event), waiter)
