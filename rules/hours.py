"""Days and hours, read as people write them: `Mon-Fri 08:30-15:45`, `Sat and Sun`, `8am-4pm`.

All times are the school's local time. An hour range holds from its first minute up to, and not
including, its last: at 15:45:00 the day is over.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = frozenset(range(7))
_WORDS = {
    "daily": EVERY_DAY,
    "every day": EVERY_DAY,
    "weekday": frozenset(range(5)),
    "weekdays": frozenset(range(5)),
    "weekend": frozenset((5, 6)),
    "weekends": frozenset((5, 6)),
}
_SPELLINGS = {
    spelling: number
    for number, day in enumerate(DAYS)
    for spelling in (day.lower(), day.lower() + "s", *(day[:n].lower() for n in (3, 4, 5)))
}
_MIDNIGHT = 24 * 60
_TIME = r"\d{1,2}(?:[:.]\d{2})?\s*(?:am|pm)?"
_RANGE = re.compile(rf"(?P<start>{_TIME})\s*(?:-|–|to|until)\s*(?P<end>{_TIME})$", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?")


@dataclass(frozen=True, slots=True)
class Window:
    """A range of hours on certain days of the week. `start` and `end` are minutes of the day."""

    days: frozenset[int]
    start: int = 0
    end: int = _MIDNIGHT

    def holds(self, local: datetime) -> bool:
        """Say whether a local time lies in this window."""
        return (
            local.weekday() in self.days and self.start <= local.hour * 60 + local.minute < self.end
        )

    def overlaps(self, other: "Window") -> bool:
        """Say whether some minute of the week lies in both."""
        return bool(self.days & other.days) and self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        """Write it out for a person: `Monday to Friday, 08:30 to 15:45`."""
        whole_day = (self.start, self.end) == (0, _MIDNIGHT)
        hours = "" if whole_day else f"{clock(self.start)} to {clock(self.end)}"
        days = "" if self.days == EVERY_DAY and hours else _days_in_words(self.days)
        return ", ".join(filter(None, (days, hours)))


def clock(minute: int) -> str:
    """Write a minute of the day as `08:30`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_window(text: str) -> Window:
    """Read one window. Raises ValueError with a sentence for the writer of the policy."""
    rest, start, end = text.strip(), 0, _MIDNIGHT
    if found := _RANGE.search(rest):
        start, end = _minute(found["start"], found["end"]), _minute(found["end"])
        if start >= end:
            raise ValueError(
                f"{found[0]!r} ends before it begins; for a night, write one line for each day."
            )
        rest = rest[: found.start()].strip(" ,")
    if not rest:
        if not found:
            raise ValueError("The days and hours are empty; write them like 'Mon-Fri 08:30-15:45'.")
        return Window(EVERY_DAY, start, end)
    return Window(_days(rest), start, end)


def _minute(text: str, followed_by: str = "") -> int:
    found = _CLOCK.fullmatch(text.strip().lower())
    assert found is not None
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half is None and found[2] is None:
        # '8-4pm' is how people write; a bare '8-16' is not, and could be anything.
        half = (_CLOCK.fullmatch(followed_by.strip().lower()) or found)[3]
        if half is None:
            raise ValueError(f"{text.strip()!r} is not a time of day; write it like '08:30'.")
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif half:
        hour = 99
    if minute > 59 or hour * 60 + minute > _MIDNIGHT:
        raise ValueError(f"{text.strip()!r} is not a time of day; write it like '08:30'.")
    return hour * 60 + minute


def _days(text: str) -> frozenset[int]:
    if (words := " ".join(text.lower().split())) in _WORDS:
        return _WORDS[words]
    seen: set[int] = set()
    for part in re.split(r",|\band\b", text):
        first, *last = re.split(r"-|–|\bto\b", part, maxsplit=1)
        begin = _day(first.strip())
        until = _day(last[0].strip()) if last else begin
        for step in range((until - begin) % 7 + 1):
            day = (begin + step) % 7
            if day in seen:
                raise ValueError(f"{text!r} names {DAYS[day]} twice.")
            seen.add(day)
    return frozenset(seen)


def _day(text: str) -> int:
    day = _SPELLINGS.get(text.strip(" .").lower())
    if day is None:
        near = get_close_matches(text.lower(), _SPELLINGS, 1, 0.5)
        hint = (
            f" Did you mean '{near[0].title()}'?" if near else " Days are written like 'Mon-Fri'."
        )
        raise ValueError(f"{text!r} is not a day.{hint}")
    return day


def _days_in_words(days: frozenset[int]) -> str:
    ordered = sorted(days)
    if len(ordered) == 7:
        return "every day"
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{DAYS[ordered[0]]} to {DAYS[ordered[-1]]}"
    return " and ".join(filter(None, (", ".join(DAYS[d] for d in ordered[:-1]), DAYS[ordered[-1]])))
