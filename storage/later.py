"""What the writer does for nobody in particular: when pages were last used, and visits worked out.

Nobody waits for it, so it comes about once a second, in a transaction of its own. Where there is so
much that a round takes long, the next comes later: nobody's event is to wait for it much.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

EVERY: Final = 1.0  # seconds from one round to the next, at least
_REST: Final = 9  # and so many times as long as the round took
MOST: Final = 10_000  # people and sites whose last use waits; a school has far fewer


class Round(NamedTuple):
    """When which pages were last used, and which events (person, id) were no acts."""

    used: Mapping[tuple[str, str], int]
    no_acts: Sequence[tuple[str, int]]


class Later:
    """What is to be done in the next round. Guarded by the recorder's lock."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], int] = {}
        self._no_acts: list[tuple[str, int]] = []
        # What an earlier run left is worked out with the first act of this one, so that the file is
        # opened only when there is something to write.
        self._unsettled = False
        self._next = time.monotonic()

    def __bool__(self) -> bool:
        return self._unsettled or bool(self._used or self._no_acts)

    def use(self, person: str, site: str, at: int) -> bool:
        """Notes that a person's page was in use (`at` in microseconds).

        True when the writer should be woken.
        """
        was = bool(self)
        if len(self._used) < MOST:
            self._used[person, site] = max(at, self._used.get((person, site), at))
        return not was

    def no_act(self, person: str, event: int) -> bool:
        """Notes that a person's event was none of their acts on the site after all.

        True when the writer should be woken.
        """
        was = bool(self)
        if len(self._no_acts) < MOST:
            self._no_acts.append((person, event))
        return not was

    def unsettle(self) -> None:
        """Visits have changed."""
        self._unsettled = True

    def due(self) -> bool:
        """Whether there is something to do and the last round is long enough ago."""
        return bool(self) and time.monotonic() >= self._next

    def take(self) -> Round:
        """What has come since the round before."""
        used, self._used = self._used, {}
        no_acts, self._no_acts = self._no_acts, []
        self._unsettled = False
        self._next = time.monotonic() + EVERY
        return Round(used, no_acts)

    def done(self, took: float) -> None:
        """The round took so many seconds."""
        self._next = time.monotonic() + max(EVERY, _REST * took)

    def put_back(self, failed: Round) -> None:
        """The round failed: it is to be done again."""
        for (person, site), at in failed.used.items():
            self.use(person, site, at)
        self._no_acts = [*failed.no_acts, *self._no_acts]
        self._unsettled = True
