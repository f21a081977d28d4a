"""Lengths of time as people write them: `90 minutes`, `28 days`, `12 months`, `3 years`."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from rules.faults import shown

_LENGTH = re.compile(r"(\d{1,4}) (minute|hour|day|week|month|year)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days and months, for how long something is kept. A year is twelve months."""

    days: int = 0
    months: int = 0

    def before(self, day: date) -> date:
        """Give the day that lies this long before another; the last of a shorter month."""
        years, month = divmod(day.year * 12 + day.month - 1 - self.months, 12)
        last = monthrange(years, month + 1)[1]
        return date(years, month + 1, min(day.day, last)) - timedelta(days=self.days)

    def __str__(self) -> str:
        """Write it as a person would: `12 months`."""
        number, unit = (self.months, "month") if self.months else (self.days, "day")
        if unit == "month" and number % 12 == 0 and number > 12:
            number, unit = number // 12, "year"
        return f"{number} {unit}{'' if number == 1 else 's'}"


def parse_period(text: str) -> Period:
    """Read days, weeks, months or years. Raises ValueError with a sentence for the writer."""
    number, unit = _parts(text, "'90 days' or '12 months'")
    match unit:
        case "day":
            return Period(days=number)
        case "week":
            return Period(days=7 * number)
        case "month":
            return Period(months=number)
        case "year" if number <= 100:
            return Period(months=12 * number)
        case _:
            raise ValueError(f"{shown(text)} is not a number of days, weeks, months or years.")


def parse_length(text: str) -> timedelta:
    """Read minutes or hours, a day at most. Raises ValueError with a sentence for the writer."""
    number, unit = _parts(text, "'45 minutes' or '2 hours'")
    length = timedelta(minutes=number) if unit == "minute" else timedelta(hours=number)
    if unit not in ("minute", "hour") or length > timedelta(days=1):
        raise ValueError(f"{shown(text)} is not a number of minutes or hours within one day.")
    return length


def _parts(text: str, example: str) -> tuple[int, str]:
    found = _LENGTH.fullmatch(" ".join(text.lower().split()))
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{shown(text)} is not a length of time; write it like {example}.")
    return int(found[1]), found[2]
