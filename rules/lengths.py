"""Lengths of time as people write them: `90 minutes`, `28 days`, `12 months`, `3 years`."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from rules.faults import shown

_UNITS = {"minute": "minute", "min": "minute", "hour": "hour", "hr": "hour", "h": "hour"} | {
    unit: unit for unit in ("day", "week", "month", "year")
}
_LENGTH = re.compile(rf"([0-9]{{1,4}}) ?({'|'.join(_UNITS)})s?")
_HOURS_AND_MINUTES = re.compile(
    r"([0-9]{1,4}) ?(?:hours?|hrs?|h)(?: and|,)? ?([0-9]{1,4}) ?(?:minutes?|mins?|m)"
)


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
    if both := _HOURS_AND_MINUTES.fullmatch(_plain(text)):
        unit, length = "hour", timedelta(hours=int(both[1]), minutes=int(both[2]))
    else:
        number, unit = _parts(text, "'45 minutes' or '2 hours'")
        length = timedelta(minutes=number) if unit == "minute" else timedelta(hours=number)
    if not length:
        raise _no_length(text, "'45 minutes' or '2 hours'")
    if unit not in ("minute", "hour") or length > timedelta(days=1):
        raise ValueError(f"{shown(text)} is not a number of minutes or hours within one day.")
    return length


def _parts(text: str, example: str) -> tuple[int, str]:
    found = _LENGTH.fullmatch(_plain(text))
    if found is None or int(found[1]) == 0:
        raise _no_length(text, example)
    return int(found[1]), _UNITS[found[2]]


def _no_length(text: str, example: str) -> ValueError:
    return ValueError(f"{shown(text)} is not a length of time; write it like {example}.")


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
