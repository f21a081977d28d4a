"""Times and sessions for the tests of who is where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from addon.identity.bindings import Bindings, Known, weigh
from addon.identity.sessions import Session
from addon.identity.tracking import Tracker
from rules.identity import Identity, Source

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
FERN, WILLOW = "fern.example", "willow.example"
LAPTOP, TABLET = "a4:5e:60:00:00:01", "a4:5e:60:00:00:02"
EVERY = Identity(sources=tuple(Source))


def later(**passed: float) -> datetime:
    """Nine o'clock and so much later."""
    return NINE + timedelta(**passed)


class Story:
    """A tracker and what a worker makes of its intervals."""

    def __init__(self, identity: Identity = EVERY) -> None:
        self.tracker = Tracker()
        self.bindings = Bindings()
        self.identity = identity
        self.intervals: dict[int, Any] = {}

    def arrive(self, source: Source, key: str, person: str, now: datetime, **where: Any) -> None:
        self.tracker.arrive(Session(source, key, person, now, **where), now)

    def who(self, address: str, now: datetime, needed: int = 50) -> Known:
        for interval in self.tracker.take_changes():
            self.intervals[interval.id] = interval
            self.bindings.put(interval)
        claims = self.bindings.claims(address, now, self.identity.shared)
        return weigh(claims, self.identity, needed)

    def person(self, address: str, now: datetime, needed: int = 50) -> str | None:
        return self.who(address, now, needed).person

    def closed(self) -> list[tuple[str, datetime, datetime, str]]:
        """Address, begin, end and why of each interval that has ended."""
        self.who("", NINE)
        return [
            (i.address, i.began, i.ended, i.why)
            for i in self.intervals.values()
            if i.ended is not None
        ]
