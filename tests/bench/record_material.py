"""What the record's benchmark writes: events one after the other, and days as a school has them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from storage.events import Event, EventIds
from storage.recorder import Recorder
from storage.tallies import Tally

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
SITES = ("facebook", "instagram", "x", "youtube", "tiktok", "pinterest", "linkedin", "whatsapp")
KINDS = ("navigation", "navigation", "action", "background", "unknown")

DAYS = 190
"""Days in a school year (England: the School Teachers' Pay and Conditions Document, 195 for a
teacher, five of them without pupils)."""

OPENED, REFUSED, COUNTED = 12, 8, 40
"""What one member of staff causes on restricted sites in a day: pages and acts that a purpose
opens, requests that are refused, and what pages do by themselves. Guesses on the high side, save
for the last, which makes numbers higher and not rows more."""

_HOURS = 9


def event(ids: EventIds, number: int, at: datetime, staff: int = 20) -> Event:
    """The event with this number, for one of so many staff; every third is allowed."""
    allowed = number % 3 == 0
    return Event(
        id=ids.next(at),
        at=at,
        person=f"staff.{number * 7 % staff}" if number % 29 else None,
        source="address",
        address=f"192.168.1.{number % 250}",
        site=SITES[number * 5 % 13 % len(SITES)],
        host="www.facebook.com",
        scheme="https",
        method="GET",
        kind=KINDS[number % len(KINDS)],
        allowed=allowed,
        outcome="purpose" if allowed else "no-purpose",
        reason="The school's own page may be kept up to date by the office.",
        rule="school-page" if allowed else None,
        clause="personal-use",
        policy="0123456789ab",
        confidence=90,
        inside=number % 2 == 0,
    )


@dataclass(frozen=True)
class Year:
    """A school year of so many staff."""

    staff: int

    @property
    def events(self) -> int:
        """How many rows of events it comes to."""
        return self.staff * DAYS * (OPENED + REFUSED)

    def said(self) -> Iterator[Event | Tally]:
        """All that the record is told, in the order of time."""
        ids, dice, number = EventIds(0), Random(20261122), 0
        for day in range(DAYS):
            morning = START + timedelta(days=day // 5 * 7 + day % 5)
            for hour in range(_HOURS):
                at = morning + timedelta(hours=hour)
                for _ in range(self.staff * (OPENED + REFUSED) // _HOURS):
                    at += timedelta(hours=1) / (self.staff * (OPENED + REFUSED) // _HOURS + 1)
                    number += 1
                    yield event(ids, dice.randrange(1_000_000), at, self.staff)
                for _ in range(self.staff * COUNTED // _HOURS):
                    person = f"staff.{dice.randrange(self.staff)}"
                    kind = dice.choice(("embed", "background"))
                    yield Tally(at, person, dice.choice(SITES[:4]), kind, dice.random() < 0.4)


def put_on_record(recorder: Recorder, said: Iterator[Event | Tally]) -> None:
    """Tells the recorder all of it, no faster than it can write."""
    for number, one in enumerate(said):
        recorder.note(one)
        if number % 1_000 == 0:
            while recorder.state.pending > 50_000:
                time.sleep(0.01)
