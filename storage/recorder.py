"""Puts events on record: many callers, one writer thread, one commit for all that came meanwhile.

An event waits in a queue until the writer takes it, together with everything else that waits,
into one transaction. `durable` returns when that transaction is on the disk. When the database is
locked, full, read-only or gone, the writer keeps what it holds and tries again, less and less
often; nothing is dropped until `limit` events wait.

A caller that does not get its answer in time refuses the request, so the record must not say that
it was allowed. The event is *withdrawn*: if it is not written yet, it is written as refused; if
the disk was just taking it in, a correction follows. The one gap: the process dies between that
commit and its correction. Then the record says allowed of a request that was refused, which errs
on the safe side of 'nothing unrecorded'.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from storage.completions import LAZY, Completions
from storage.connections import Database
from storage.events import Completion, Event
from storage.faults import RecordError, gone
from storage.waiting import Entry, NotDurable, Waiter, answer
from storage.writing import Line, Row, Work, completion_row, event_row, write

__all__ = ["NotDurable", "Recorder", "RecorderState"]

BATCH: Final = (
    2_048  # events in one transaction: long enough to be quick, short enough to be prompt
)
GATHER: Final = 0.05  # seconds that events nobody waits for may wait for company
FIRST_PAUSE: Final = 0.05  # seconds before the second attempt, doubled for each one after
LONGEST_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class RecorderState:
    """How the recorder is doing. `lag` is how many seconds the oldest waiting event has waited."""

    pending: int
    lag: float
    lost: int
    last_error: str | None
    written: int


class Recorder:
    """Writes events to `database` from a thread of its own.

    `limit` is how many may wait before new ones are lost.
    """

    def __init__(self, database: Database, *, limit: int = 100_000) -> None:
        self._database = database
        self._limit = limit
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._give_up = threading.Event()
        # Guarded by the condition's lock:
        self._queue: deque[Entry] = deque()
        self._batch: list[Entry] = []  # what the writer has taken and not yet written
        self._corrections: list[int] = []
        self._completions = Completions(limit)
        self._queued = self._taken = self._written = self._lost = 0
        self._hurried = False  # somebody waits for an event in the queue
        self._closing = False
        self._problem: str | None = None  # goes away when it works again
        self._fault: str | None = None  # stays: someone has to put it right
        # The writer's own:
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None

    def start(self) -> None:
        """Starts the writer."""
        self._thread.start()

    def close(self, timeout: float) -> int:
        """Writes what waits, for at most `timeout` seconds, and stops.

        Gives back how many events were left unwritten.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._give_up.set()
        with self._wake:
            left = [*self._batch, *self._queue]
            for entry in left:
                entry.withdrawn = True
        answer(left, NotDurable("Schoolgate is stopping."))
        return len(left)

    @property
    def state(self) -> RecorderState:
        """How the recorder is doing now."""
        with self._wake:
            oldest = self._batch[0] if self._batch else self._queue[0] if self._queue else None
            problem = self._problem or self._fault
            if (
                not problem
                and not self._closing
                and self._thread.ident
                and not self._thread.is_alive()
            ):
                problem = "The recorder has stopped: restart Schoolgate."
            return RecorderState(
                pending=len(self._batch) + len(self._queue),
                lag=time.monotonic() - oldest.since if oldest else 0.0,
                lost=self._lost,
                last_error=problem,
                written=self._written,
            )

    def note(self, event: Event) -> None:
        """Puts the event on record soon. Never waits; when too many wait already, the event is
        lost and counted.

        Raises ValueError for an id out of range or a time without a zone.
        """
        self._append(event_row(event), None)

    async def durable(self, event: Event, within: float) -> None:
        """Returns once the event is on the disk.

        Raises NotDurable after `within` seconds, or at once when too many wait already; the
        record then says that the event was refused, or nothing. The same holds when the waiting
        task is cancelled. Raises ValueError for an id out of range or a time without a zone.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        entry = self._append(event_row(event), (loop, future))
        if entry is None:
            raise NotDurable(self.state.last_error or "Too many events wait to be put on record.")
        try:
            async with asyncio.timeout(within):
                await future
        except TimeoutError as error:
            if not self._withdraw(entry):
                return  # the commit and the end of the time met; the commit was first
            raise NotDurable(
                self.state.last_error or f"The record took longer than {within:g} seconds."
            ) from error
        except asyncio.CancelledError:
            self._withdraw(entry, even_recorded=True)
            raise

    def complete(self, completion: Completion) -> None:
        """Adds to an event how it ended, within a second or so of both. Never waits.

        Raises ValueError for a time without a zone.
        """
        row = completion_row(completion)
        with self._wake:
            if self._completions.add(row, self._queued):
                self._wake.notify()

    def _append(self, row: Row, waiter: Waiter | None) -> Entry | None:
        entry = Entry(row, waiter)
        with self._wake:
            if self._closing or len(self._queue) + len(self._batch) >= self._limit:
                self._lost += 1
                return None
            self._queue.append(entry)
            self._queued += 1
            self._hurried = self._hurried or waiter is not None
            # Waking the writer for each of many refusals would cost more than writing them.
            if waiter is not None or len(self._queue) in (1, BATCH):
                self._wake.notify()
        return entry

    def _withdraw(self, entry: Entry, *, even_recorded: bool = False) -> bool:
        with self._wake:
            if entry.recorded:
                if not even_recorded:
                    return False
                self._corrections.append(entry.id)
                self._wake.notify()
            entry.withdrawn = True
            return True

    # The writer's thread.

    def _run(self) -> None:
        while (work := self._take()) is not None:
            if not self._write_until_done(*work):
                break
        self._disconnect()

    def _take(self) -> tuple[list[int], list[Row]] | None:
        """Waits for something to do; takes events into the batch, and gives back corrections and
        completions.
        """
        with self._wake:
            while not (self._queue or self._corrections or self._completions.due()):
                if self._closing:
                    if self._completions:
                        break
                    return None
                self._wake.wait(LAZY if self._completions else None)
            self._wake.wait_for(self._urgent, GATHER)
            self._batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
            self._taken += len(self._batch)
            self._hurried = bool(self._queue)
            corrections, self._corrections = self._corrections, []
            if self._closing or self._completions.due():
                return corrections, self._completions.take(self._taken)
            return corrections, []

    def _urgent(self) -> bool:
        """Whether the next transaction should begin at once.

        A transaction costs as much as a hundred events, so events that nobody waits for, which
        are those of refused requests, share one.
        """
        return (
            self._hurried
            or self._closing
            or not self._queue
            or len(self._queue) >= BATCH
            or bool(self._corrections)
        )

    def _write_until_done(self, corrections: list[int], completions: list[Row]) -> bool:
        """Tries until the batch is written; False when told to give up."""
        careful, pause = False, FIRST_PAUSE
        while True:
            try:
                self._write(corrections, completions, careful)
                return True
            except (SQLAlchemyError, RecordError) as error:
                self._disconnect()
                known = isinstance(error, IntegrityError) and not careful
                # A commit that failed may still have reached the disk.
                careful = True
                if known:
                    continue
                described = isinstance(error, RecordError)
                problem = str(error) if described else self._database.explain(error)
            with self._wake:
                self._problem = problem
            if self._give_up.wait(pause):
                return False
            pause = min(pause * 2, LONGEST_PAUSE)

    def _write(self, corrections: list[int], completions: list[Row], careful: bool) -> None:
        connection = self._connect()
        with connection.begin():
            with self._wake:
                lines = [Line(entry.row, entry.withdrawn) for entry in self._batch]
            clashes = write(connection, Work(lines, corrections, completions), careful=careful)
        self._check_file()
        done, rejected = [], []
        with self._wake:
            for position, (entry, line) in enumerate(zip(self._batch, lines, strict=True)):
                if position in clashes:
                    rejected.append(entry)
                    continue
                entry.recorded = True
                done.append(entry)
                if entry.withdrawn and not line.withdrawn:
                    self._corrections.append(entry.id)
            self._batch = []
            self._written += len(done)
            self._lost += len(rejected)
            self._problem = None
            if rejected:
                self._fault = (
                    "Two workers gave out the same event ids: give each a number of its own."
                )
        answer(done, None)
        answer(rejected, NotDurable("The event's id belongs to another event."))

    def _connect(self) -> Connection:
        if self._connection is not None and self._database.identity() != self._file:
            self._disconnect()
        if self._connection is None:
            self._file = self._database.identity()
            self._connection = self._database.writer()
        return self._connection

    def _check_file(self) -> None:
        # A deleted file still takes commits, which nobody will ever read.
        if self._database.identity() != self._file:
            raise RecordError(gone(self._database.path))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
