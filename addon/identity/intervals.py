"""One stretch of time in which a source says that a person was at an address, and how sure it is.

Sources notice arrivals and miss departures. So what a source said is worth less the longer ago it
was, until it is worth nothing: certain, likely, unknown. Nothing here reads the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rules.identity import Source, is_randomised

CERTAIN: Final = 80
LIKELY: Final = 50
AHEAD: Final = timedelta(seconds=5)
"""How far two readings of a clock may differ without the clock having been set."""

_BEHIND: Final = -AHEAD
_MADE_UP: Final = 60
"""The most that a hardware address counts which the device made up itself, and can change."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How sure a source is (0 to 100), how long it stays so, and when it is worth nothing."""

    start: int
    fresh: timedelta
    gone: timedelta

    def after(self, age: timedelta) -> int:
        """How sure it is this long after it was last heard of."""
        if age <= self.fresh:
            return self.start
        if age >= self.gone:
            return 0
        return int(self.start * ((self.gone - age) / (self.gone - self.fresh)))


def _hours(number: float) -> timedelta:
    return timedelta(hours=number)


TRUST: Final[Mapping[Source, Trust]] = {
    Source.ADDRESS: Trust(100, _hours(24), _hours(48)),  # stands in the policy, never silent
    Source.PROXY_SIGN_IN: Trust(100, _hours(24), _hours(48)),  # with each connection anew
    # A form that a person filled in, and which ends by itself when the policy says.
    Source.SIGN_IN: Trust(95, _hours(24), _hours(48)),
    # Access points report every ten minutes or so, and some never; a missed Stop must not last.
    Source.RADIUS: Trust(90, _hours(0.5), _hours(4)),
    # A computer reports its user every few minutes where the example script is used whole.
    Source.LOGON: Trust(85, _hours(1), _hours(10)),
    # The kernel confirms a neighbour about every half minute while it talks.
    Source.DEVICE: Trust(90, timedelta(minutes=3), timedelta(minutes=15)),
    # That a device was given an address is not that it is there. A lease has an end, though it may
    # be years away: a long one is held up by its device being seen (see `lease_files`).
    Source.LEASE: Trust(70, _hours(24), _hours(48)),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Person at address, from `began`, last vouched for at `vouched`; all times aware UTC.

    `ends` is an end known beforehand (a lease's, a sign-in's), `ended` the end that came, and `why`
    what ended it. `hardware` is '' where it is not known. `session` is what the source calls it.
    """

    id: int
    person: str
    address: str
    hardware: str
    source: Source
    session: str
    began: datetime
    vouched: datetime
    ends: datetime | None = None
    ended: datetime | None = None
    why: str = ""

    @property
    def start(self) -> int:
        """How sure it was when it was last vouched for, 0 to 100."""
        source = self.source
        if (source is Source.DEVICE or source is Source.LEASE) and is_randomised(self.hardware):
            return min(TRUST[source].start, _MADE_UP)
        return TRUST[source].start

    def confidence(self, now: datetime) -> int:
        """How sure it is now, 0 to 100. Vouched for in the future, it is worth nothing.

        For then the clock has been set back, and how old it is cannot be told.
        """
        if self.ended is not None or (self.ends is not None and now >= self.ends):
            return 0
        age = now - self.vouched
        if age < _BEHIND:
            return 0
        return min(self.start, TRUST[self.source].after(age))

    def confidence_then(self, at: datetime) -> int:
        """How sure it was at a moment in the past, 0 to 100, as far as the record can tell."""
        if at < self.began or (self.ended is not None and at >= self.ended):
            return 0
        if self.ends is not None and at >= self.ends:
            return 0
        age = max(timedelta(), at - self.vouched)
        return min(self.start, TRUST[self.source].after(age))


def in_words(confidence: int) -> str:
    """`certain`, `likely` or `unknown`."""
    if confidence >= CERTAIN:
        return "certain"
    return "likely" if confidence >= LIKELY else "unknown"
