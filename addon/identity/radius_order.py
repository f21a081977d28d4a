"""Which accounting reports are about now, and in what order things happened.

A report says when it was written (Event-Timestamp), or it does not. Without that a captured report
looks as fresh on any later day. What it cannot hide is how long its session has been going on
(Acct-Session-Time, and how long it was kept back, Acct-Delay-Time): counted back from its arrival
they give the session's start, and that of a captured report has moved on since by as long as it was
kept. So the earliest start of each session is remembered, from the record too, and a report that
moves it is an old one.

Of two reports of one session the one with the longer session is the newer, whichever arrives first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from addon.identity.radius_packets import Report, Status

REMEMBERED: Final = 50_000
"""Sessions, the newest: a large school's of half a year."""

_PRESENT: Final = timedelta(minutes=5)
"""How far a report's time may be from now for it to be about now."""
_NEARLY: Final = timedelta(seconds=2)
"""Times are told in whole seconds, and a packet is on its way for a moment."""


@dataclass(slots=True)
class _Told:
    """A session of one person's: its earliest start, and the longest that it was said to be."""

    started: datetime
    length: int = 0


class Order:
    """The sessions of all clients, each by its name and its person, or account."""

    def __init__(self, known: Iterable[tuple[str, str, datetime]] = ()) -> None:
        """`known` are sessions of earlier runs, the newest first: name, person and start."""
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()
        for session, person, started in reversed(list(known)[:REMEMBERED]):
            self._told[session, person] = _Told(started)

    def is_news(self, session: str, person: str, report: Report, now: datetime) -> bool:
        """Whether a report of a person's session is about now, and not older than one before it.

        One that is, is taken in.
        """
        if not is_present(report, now):
            return False
        told = self._told.get((session, person))
        started = start_of(report, now)
        length = _length(report)
        if told is None:
            self._told[session, person] = _Told(started, length or 0)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            return True
        if length is not None:
            if report.at is None and started > told.started + _PRESENT:
                return False
            if length < told.length:
                return False
            told.length = length
            told.started = min(told.started, started)
        self._told.move_to_end((session, person))
        return True

    def start(self, session: str, person: str) -> datetime | None:
        """When a session of a person's began, as far as is remembered."""
        told = self._told.get((session, person))
        return told.started if told else None

    def knows(self, session: str, person: str) -> bool:
        """Whether there was such a session, as far as is remembered."""
        return (session, person) in self._told


def clearly_before(one: datetime | None, other: datetime | None) -> bool:
    """Whether one moment was before another, both known."""
    return bool(one and other and one + _NEARLY < other)


def is_present(report: Report, now: datetime) -> bool:
    """Whether a report is about now, by what it says itself."""
    if timedelta(seconds=report.delay) > _PRESENT:
        return False
    if not report.at:
        return True
    about = timedelta(seconds=report.at + report.delay - now.timestamp())
    return abs(about) <= _PRESENT


def start_of(report: Report, now: datetime) -> datetime:
    """When the session began that a report is about, by this machine's clock."""
    return now - timedelta(seconds=report.delay + (_length(report) or 0))


def _length(report: Report) -> int | None:
    """Seconds that the session had been going on; a Start need not say that it is none."""
    return 0 if report.status is Status.START else report.length
