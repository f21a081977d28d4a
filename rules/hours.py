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
} | {"weds": 2}
_MIDNIGHT = 24 * 60
_NOON = 12 * 60
_TIME = r"(?:[0-9]{1,2}(?:[:.]?[0-9]{2})?\s*(?:am|pm)?|noon|midday|midnight)"
_RANGE = re.compile(
    rf"(?<![0-9:.])(?P<start>{_TIME})\s*(?:-|–|to|until)\s*(?P<end>{_TIME})$", re.IGNORECASE
)
_CLOCK = re.compile(r"([0-9]{1,2})(?:[:.]?([0-9]{2}))?\s*(am|pm)?")


def any_case(words: str) -> str:
    """Give a pattern for words in small or capital letters, with any space between them.

    For JSON Schema, whose patterns have no other way to say it.
    """
    letters = (f"[{c.upper()}{c}]" if c.isalpha() else c for c in words)
    return "".join(letters).replace(" ", r"\s+")


def _one_of(words: list[str]) -> str:
    return f"(?:{'|'.join(any_case(word) for word in words)})"


_ONE_DAY = rf"[\s.]*{_one_of([*_SPELLINGS])}[\s.]*"
_ONE_TIME = (
    r"(?:(?:[01]?[0-9]|2[0-4])(?:[:.]?[0-5][0-9])?\s*(?:[AaPp][Mm])?|"
    rf"{_one_of(['noon', 'midday', 'midnight'])})"
)
DAYS_PATTERN = (
    rf"(?:{_one_of([*_WORDS])}|{_ONE_DAY}(?:(?:-|–|to|,|and){_ONE_DAY})*)"  # "Mon-Wed, Fri"
)
HOURS_PATTERN = rf"{_ONE_TIME}\s*(?:-|–|{_one_of(['to', 'until'])})\s*{_ONE_TIME}"
WINDOW_PATTERN = rf"^(?=[\s\S]*\S)\s*(?:{DAYS_PATTERN})?[\s,:]*(?:{HOURS_PATTERN})?\s*$"
"""What editors check of a window: all that `parse_window` reads, and some that it refuses."""


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
        start, end = _hours(found["start"].strip().lower(), found["end"].strip().lower())
        if start >= end:
            raise ValueError(
                f"{found[0]!r} ends before it begins; for a night, write one line for each day."
            )
        rest = rest[: found.start()].strip(" ,:")
    if not rest:
        if not found:
            raise ValueError("The days and hours are empty; write them like 'Mon-Fri 08:30-15:45'.")
        return Window(EVERY_DAY, start, end)
    return Window(_days(rest), start, end)


def _hours(start: str, end: str) -> tuple[int, int]:
    """Give the minutes of the day of a range, each of them as the other makes it plain."""
    begun, ended = _CLOCK.fullmatch(start), _CLOCK.fullmatch(end)
    bare = begun is not None and not (begun[2] or begun[3])
    if begun and ended and ended[3] and not begun[3] and (bare or 1 <= int(begun[1]) <= 12):
        # '1-4pm', '1:30-4pm'; and '8-4pm', which can only begin in the morning
        if start.startswith("0"):
            raise _unclear(start)
        same, until = _minute(start + ended[3]), _minute(end)
        return (same if same < until else _minute(f"{start}am")), until
    if bare:
        start += ":00"
    begin = 0 if start == "midnight" else _minute(start)
    until = _MIDNIGHT if end == "midnight" else _minute(end)
    if bare and (end == "midnight" or until < _NOON or begin + _NOON < until):
        raise _unclear(start.removesuffix(":00"))
    return begin, until  # '8-17', '9-noon'


def _minute(text: str) -> int:
    if text in ("noon", "midday"):
        return _NOON
    found = _CLOCK.fullmatch(text)
    assert found is not None
    hour, minute, half = int(found[1]), int(found[2] or 0), found[3]
    if half is None and found[2] is None and hour <= 12:
        raise _unclear(text)
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif half:
        hour = 99
    if minute > 59 or hour * 60 + minute > _MIDNIGHT:
        raise ValueError(f"{text!r} is not a time of day; write it like '08:30'.")
    return hour * 60 + minute


def _unclear(text: str) -> ValueError:
    return ValueError(f"{text!r} could be morning or evening; write it like '08:30' or '8am'.")


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
        raise ValueError(f"{text!r} is not a day. {_hint(text.lower())}")
    return day


def _hint(text: str) -> str:
    if any(letter.isdigit() for letter in text) or text in ("noon", "midday", "midnight"):
        return "Write the days first, and hours from and to: 'Mon-Fri 08:30-15:45'."
    near = get_close_matches(text, _SPELLINGS, 1, 0.75)
    return f"Did you mean '{near[0].title()}'?" if near else "Days are written like 'Mon-Fri'."


def _days_in_words(days: frozenset[int]) -> str:
    ordered = sorted(days)
    if len(ordered) == 7:
        return "every day"
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{DAYS[ordered[0]]} to {DAYS[ordered[-1]]}"
    return " and ".join(filter(None, (", ".join(DAYS[d] for d in ordered[:-1]), DAYS[ordered[-1]])))
