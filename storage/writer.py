"""The thread that writes the record: one transaction for all that came meanwhile.

When the database is locked, read-only or gone, or its disk full, it keeps what it holds and tries
again, less and less often, until it is told to give up. When the record is as large as it may be
(`storage.room`), it takes nothing until there is room again; only at the end it writes what waits.

SQLite would not notice that its log was deleted while the record is open: it writes on into a file
that has no name any more, and a sudden death would take all of that away. So it is looked at before
each transaction and after it. Once it is gone, nothing more is promised to be on record. What is in
the log is not lost: when the last who has the record open closes it, SQLite writes the log out.
Opening the record anew before that would begin another log beside the nameless one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from storage.backlog import Backlog, Taken
from storage.connections import Database
from storage.faults import RecordError, log_taken_away
from storage.room import Gauge
from storage.sealing import Chain, What
from storage.tallies import write_tallies
from storage.visit_keeping import see, settle, take_back
from storage.waiting import NotDurable, answer
from storage.writing import Work, make_ready, write

FIRST_PAUSE: Final = 0.05  # seconds before the second attempt, doubled for each one after
LONGEST_PAUSE: Final = 2.0
_LOOK_AGAIN: Final = 0.25  # seconds between two looks at a record that is full


class _LogTakenAway(RecordError):
    """SQLite's log was deleted, or another put in its place."""


class Writer:
    """Writes what a backlog holds to `database`. `clock` gives the time of the seals, aware."""

    def __init__(
        self,
        database: Database,
        backlog: Backlog,
        clock: Callable[[], datetime],
        room: int | None = None,
    ) -> None:
        """`room` is how many bytes the record may take; None for as many as there are."""
        self._gauge = Gauge(database, room)
        self._database = database
        self._backlog = backlog
        self._clock = clock
        self._give_up = threading.Event()
        self._connection: Connection | None = None
        self._identity: Hashable | None = None
        self._log: Hashable | None = None

    def run(self) -> None:
        """Until the backlog is closed and empty: for a thread of its own."""
        while self._backlog.wait():
            self._wait_for_room()
            if not self._write_until_done(self._backlog.take()):
                break
            self._do_later()
        self._gauge.close()
        self._disconnect()

    def give_up(self) -> None:
        """Ends the attempts at what cannot be written."""
        self._give_up.set()

    def _wait_for_room(self) -> None:
        """While there is none, those who wait for an event are told that they wait in vain."""
        room = self._gauge.look()
        answer(self._backlog.measured(room), NotDurable(str(room)))
        while room.full and not self._backlog.closing:
            self._give_up.wait(_LOOK_AGAIN)
            room = self._gauge.look()
            answer(self._backlog.measured(room), NotDurable(str(room)))

    def _write_until_done(self, taken: Taken) -> bool:
        """Tries until it is written; False when told to give up."""
        careful, pause = False, FIRST_PAUSE
        while True:
            try:
                self._write(taken, careful)
                return True
            except (SQLAlchemyError, RecordError) as error:
                if not isinstance(error, _LogTakenAway):
                    self._disconnect()
                known = isinstance(error, IntegrityError) and not careful
                # A commit that failed may still have reached the disk.
                careful = True
                if known:
                    continue
                described = isinstance(error, RecordError)
                problem = str(error) if described else self._database.explain(error)
            self._backlog.failed(problem)
            if self._give_up.wait(pause):
                return False
            pause = min(pause * 2, LONGEST_PAUSE)

    def _write(self, taken: Taken, careful: bool) -> None:
        if not any(taken):
            return
        connection = self._connect()
        self._check_log()
        lines = self._backlog.lines(taken.events)
        ready = None if careful else make_ready(lines)
        with connection.begin():
            if self._backlog.outdated(lines, taken.events):  # while it waited its turn
                lines, ready = self._backlog.lines(taken.events), None
            work = Work(lines, taken.corrections, taken.completions, ready)
            clashes = write(connection, work, self._clock(), careful=careful)
            if taken.tallies:
                write_tallies(connection, taken.tallies, careful=careful)
        self._check_identity()
        if self._log is None:
            self._log = self._database.log_identity()
        self._check_log()
        done, rejected = self._backlog.settle(taken, lines, clashes)
        answer(done, None)
        answer(rejected, NotDurable("The event's id belongs to another event."))

    def _do_later(self) -> None:
        """A round of what nobody waits for, if it is time. It comes again if it fails."""
        todo = self._backlog.take_round()
        if todo is None:
            return
        try:
            connection = self._connect()
            self._check_log()
            with connection.begin():
                begun = time.monotonic()
                taken_back = sorted(
                    event_id
                    for person, event_id in todo.no_acts
                    if take_back(connection, person, event_id)
                )
                if taken_back:
                    chain = Chain(connection, self._clock())
                    span = (taken_back[0], taken_back[-1], len(taken_back))
                    chain.state(What.NO_ACTS, {"events": taken_back}, *span)
                see(connection, todo.used)
                while settle(connection):
                    pass
            self._backlog.round_done(time.monotonic() - begun)
        except (SQLAlchemyError, RecordError) as error:
            if not isinstance(error, _LogTakenAway):
                self._disconnect()
            self._backlog.put_back(todo)

    def _connect(self) -> Connection:
        if self._connection is not None and not self._database.is_still(self._identity):
            self._disconnect()
        if self._connection is None:
            self._identity = self._database.identity()
            self._log = None  # there may be none before the first transaction
            self._connection = self._database.writer()
        return self._connection

    def _check_identity(self) -> None:
        # A deleted file still takes commits, which nobody will ever read.
        if not self._database.is_still(self._identity):
            raise RecordError(self._database.gone)

    def _check_log(self) -> None:
        if self._backlog.closing:
            return  # what goes into a nameless log now is written out when it is closed
        log = self._database.log_identity()
        if self._log is not None and log != self._log:
            raise _LogTakenAway(log_taken_away(self._database.name))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
