"""Completions, waiting for company: one write each would cost as much as the events did."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from storage.writing import Row

MOST: Final = 1_024  # in one transaction
LAZY: Final = 1.0  # seconds one may wait


class Completions:
    """A queue of them, in order, at most `limit`. Guarded by the recorder's lock.

    Events are numbered as they are queued; a completion may only be written once its event has
    been.
    """

    def __init__(self, limit: int) -> None:
        # The oldest are dropped first: sizes are worth less than events, and old ones least.
        self._waiting: deque[tuple[float, int, Row]] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, row: Row, after: int) -> bool:
        """Queues a completion whose event is among the first `after`.

        True when the writer should be woken.
        """
        self._waiting.append((time.monotonic(), after, row))
        return len(self._waiting) in (1, MOST)  # it may be asleep; those in between can wait

    def due(self) -> bool:
        """Whether they have waited long enough, or are many enough, to be worth a write."""
        if not self._waiting:
            return False
        return len(self._waiting) >= MOST or time.monotonic() - self._waiting[0][0] >= LAZY

    def take(self, taken: int) -> list[Row]:
        """Those that belong to the first `taken` events, as many as fit in one transaction."""
        rows: list[Row] = []
        while self._waiting and self._waiting[0][1] <= taken and len(rows) < MOST:
            rows.append(self._waiting.popleft()[2])
        return rows
