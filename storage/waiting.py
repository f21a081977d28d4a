"""Events on their way to the disk, and those who wait for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from storage.tallies import TallyRow
from storage.writing import Row

type Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]


class NotDurable(Exception):
    """The event is not on record as allowed, and will not be: refuse the request.

    The text says why.
    """


class RecordFull(NotDurable):
    """The record has no room left as the school has set it, and nothing of the event was taken in:
    a refusal may be noted as any other.
    """


class Entry:
    """An event or a tally on its way. Guarded by the recorder's lock."""

    __slots__ = ("recorded", "row", "since", "tally", "waiter", "withdrawn")

    def __init__(
        self,
        row: Row,
        waiter: Waiter | None,
        *,
        tally: TallyRow | None = None,
    ) -> None:
        self.row = row  # empty for a tally
        self.tally = tally
        self.since = time.monotonic()
        self.waiter = waiter
        self.withdrawn = False  # its request was refused meanwhile
        self.recorded = False  # it is on the disk

    @property
    def id(self) -> int:
        """The event's id."""
        number = self.row[0]
        assert isinstance(number, int)
        return number


def answer(entries: Iterable[Entry], error: NotDurable | None) -> None:
    """Tells those who wait for `entries`, with one wake-up for each event loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for entry in entries:
        if entry.waiter is not None:
            waiting.setdefault(entry.waiter[0], []).append(entry.waiter[1])
    for loop, futures in waiting.items():
        # A loop may end between the question and the call; then nobody is left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, futures, error)


def _settle(futures: list[asyncio.Future[None]], error: NotDurable | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
