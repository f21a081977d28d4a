"""What waits to be put on record, and what the writer has taken and not yet written.

Everything here is guarded by one lock, which nobody holds while the disk is asked for anything.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, ne
from typing import Final, NamedTuple

from storage.completions import LAZY, Completions
from storage.later import EVERY, Later, Round
from storage.room import Room
from storage.tallies import Batch, Batches, TallyRow
from storage.waiting import Entry
from storage.writing import Line, Row, act_of

BATCH: Final = 2_048  # events in one transaction: enough to be quick, few enough to be prompt
GATHER: Final = 0.05  # seconds that events nobody waits for may wait for company
_WITHDRAWN: Final = attrgetter("withdrawn")
_SAME_IDS: Final = "Two workers gave out the same event ids: give each a number of its own."


@dataclass(frozen=True, slots=True)
class RecorderState:
    """How the recorder is doing. `lag` is how many seconds the oldest waiting event has waited."""

    pending: int
    lag: float
    lost: int
    last_error: str | None
    written: int
    room: Room


class Taken(NamedTuple):
    """What goes into one transaction: events and tallies in the order in which they came, and what
    goes with them.
    """

    entries: Sequence[Entry]
    corrections: Sequence[int]
    completions: Sequence[Row]
    tallies: Batch | None
    events: Sequence[Entry]  # those of `entries` that have a row of their own


class Backlog:
    """Between the callers of one recorder and its writer. `limit` is how many may wait."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._wake = threading.Condition()
        self._queue: deque[Entry] = deque()
        self._batch: list[Entry] = []  # what the writer has taken and not yet written
        self._corrections: list[int] = []
        self._regrets: list[TallyRow] = []  # counted as allowed, and refused after all
        self._completions = Completions(limit)
        self._later = Later()
        self._queued = self._taken = self._written = self._lost = 0
        self._called = False  # the writer has been told of what is in the queue
        self._hurried = False  # somebody waits for an event in the queue
        self._closing = False
        self._problem: str | None = None  # goes away when it works again
        self._fault: str | None = None  # stays: someone has to put it right
        self._batches = Batches()
        self.room = Room()

    @property
    def state(self) -> RecorderState:
        """How it stands now."""
        with self._wake:
            oldest = self._batch[0] if self._batch else self._queue[0] if self._queue else None
            return RecorderState(
                pending=len(self._batch) + len(self._queue),
                lag=time.monotonic() - oldest.since if oldest else 0.0,
                lost=self._lost,
                last_error=self._problem or self._fault,
                written=self._written,
                room=self.room,
            )

    def add(self, entry: Entry) -> bool:
        """Queues an entry; False when too many wait already, and it is lost."""
        with self._wake:
            if self._closing or len(self._queue) + len(self._batch) >= self._limit:
                self._lost += 1
                return False
            self._queue.append(entry)
            self._queued += 1
            # Waking the writer for each of many refusals would cost more than writing them. Who
            # waits for an event calls `hurry`.
            if entry.waiter is None and (not self._called or len(self._queue) == BATCH):
                self._called = True
                self._wake.notify()
            return True

    def hurry(self) -> None:
        """Somebody waits for what is in the queue."""
        with self._wake:
            if self._queue and not self._hurried:
                self._hurried = self._called = True
                self._wake.notify()

    def withdraw(self, entry: Entry, *, even_recorded: bool = False) -> bool:
        """Its request is refused after all; False when it is on the disk already and stays so."""
        with self._wake:
            if entry.recorded:
                if not even_recorded:
                    return False
                self._regret(entry)
                self._wake.notify()
            entry.withdrawn = True
            return True

    def complete(self, row: Row) -> None:
        """Queues a completion, behind the event that it belongs to."""
        with self._wake:
            if self._completions.add(row, self._queued):
                self._wake.notify()

    def later(self, tell: Callable[[Later], bool]) -> None:
        """Adds to what is done in the next round; `tell` says whether to wake the writer."""
        with self._wake:
            if tell(self._later):
                self._wake.notify()

    def close(self) -> None:
        """Nothing more is taken in; what is there is to be written."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    @property
    def closing(self) -> bool:
        """Whether it was closed."""
        return self._closing

    def abandon(self) -> list[Entry]:
        """What was left unwritten, withdrawn."""
        with self._wake:
            left = [*self._batch, *self._queue]
            for entry in left:
                entry.withdrawn = True
        return left

    # For the writer.

    def wait(self) -> bool:
        """Waits for something to do; False when there will be nothing more."""
        with self._wake:
            while not (
                self._queue
                or self._corrections
                or self._regrets
                or self._completions.due()
                or self._later.due()
            ):
                if self._closing:
                    if self._completions or self._later:
                        break
                    return False
                lazy = self._completions or self._later
                self._wake.wait(min(LAZY, EVERY) if lazy else None)
            self._wake.wait_for(self._urgent, GATHER)
            return True

    def measured(self, room: Room) -> list[Entry]:
        """How much room the record has. Gives back those whom it turns away, withdrawn, because it
        has none: what nobody waits for stays in the queue.
        """
        with self._wake:
            if room.full:
                self._problem = str(room)
            elif self.room.full:
                self._problem = None
            self.room = room
            if not room.full:
                return []
            turned = [each for each in self._queue if each.waiter and not each.withdrawn]
            for entry in turned:
                entry.withdrawn = True
            return turned

    def take(self) -> Taken:
        """What waits, or as much of it as goes into one transaction."""
        with self._wake:
            self._batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
            self._taken += len(self._batch)
            self._hurried = self._called = bool(self._queue)
            corrections, self._corrections = self._corrections, []
            due = self._closing or self._completions.due()
            completions = self._completions.take(self._taken) if due else []
            events = [entry for entry in self._batch if entry.tally is None]
            return Taken(self._batch, corrections, completions, self._tallies(), events)

    def lines(self, events: Sequence[Entry]) -> list[Line]:
        """The rows of events as they are to be written by now."""
        with self._wake:
            return [Line(entry.row, entry.withdrawn) for entry in events]

    def outdated(self, lines: Sequence[Line], events: Sequence[Entry]) -> bool:
        """Whether some of the events that `lines` are the rows of have been withdrawn since."""
        with self._wake:
            return any(map(ne, map(_WITHDRAWN, events), map(_WITHDRAWN, lines)))

    def failed(self, problem: str) -> None:
        """What was taken could not be written, and is tried again."""
        with self._wake:
            self._problem = problem

    def settle(
        self, taken: Taken, lines: Sequence[Line], clashes: set[int]
    ) -> tuple[list[Entry], list[Entry]]:
        """What was taken is on the disk, its events as `lines`, except at the positions `clashes`.
        Gives back what is recorded, and what was rejected.
        """
        done, rejected = [], []
        with self._wake:
            if taken.corrections or any(act_of(line.row) for line in lines):
                self._later.unsettle()
            for entry in taken.entries:
                if entry.tally is not None:
                    entry.recorded = True
                    done.append(entry)
                    if entry.withdrawn and entry.tally.allowed:
                        self._regret(entry)
            for position, (entry, line) in enumerate(zip(taken.events, lines, strict=True)):
                if position in clashes:
                    rejected.append(entry)
                    continue
                entry.recorded = True
                done.append(entry)
                if entry.withdrawn and not line.withdrawn:
                    self._regret(entry)
            self._batch = []
            self._written += len(done)
            self._lost += len(rejected)
            self._problem = None
            if rejected:
                self._fault = _SAME_IDS
        return done, rejected

    def take_round(self) -> Round | None:
        """What nobody waits for, if it is time."""
        with self._wake:
            last = self._closing and self._later and not self._queue
            return self._later.take() if last or self._later.due() else None

    def round_done(self, took: float) -> None:
        """The round that was taken is on the disk; others could not write for `took` seconds."""
        with self._wake:
            self._later.done(took)

    def put_back(self, failed: Round) -> None:
        """The round failed; it comes again, unless this is the end."""
        with self._wake:
            if not self._closing:
                self._later.put_back(failed)

    def _regret(self, entry: Entry) -> None:
        if entry.tally is None:
            self._corrections.append(entry.id)
        else:
            self._regrets.append(entry.tally)

    def _tallies(self) -> Batch | None:
        """What the batch's tallies add. Settled here, so that each attempt adds the same."""
        regrets, self._regrets = self._regrets, []
        rows = []
        for entry in self._batch:
            if entry.tally is not None:
                if entry.withdrawn:
                    entry.tally = entry.tally.refused()
                rows.append(entry.tally)
        return self._batches.of(rows, regrets)

    def _urgent(self) -> bool:
        """Whether the next transaction should begin at once. It costs as much as a hundred events,
        so events that nobody waits for, which are those of refused requests, share one.
        """
        return (
            self._hurried
            or self._closing
            or not self._queue
            or len(self._queue) >= BATCH
            or bool(self._corrections or self._regrets)
        )
