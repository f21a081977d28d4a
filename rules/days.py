"""The school year: which days are school days, and which hours are directed time.

Terms, half-term breaks and INSET days come from the policy; bank holidays from the `holidays`
package, which computes them offline. Dates and hours are the school's own, so a change of the
clocks moves nothing: 08:30 is 08:30. In the hour that comes twice in October a window holds
twice, and in the hour that is left out in March it does not hold.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache

from rules.hours import Window


class DayKind(StrEnum):
    """What a day is to the school."""

    SCHOOL = "school day"
    INSET = "INSET day"
    WEEKEND = "weekend"
    BANK_HOLIDAY = "bank holiday"
    HOLIDAY = "school holiday"

    @property
    def with_article(self) -> str:
        """Write `a school day`, `an INSET day`."""
        return f"{'an' if self is DayKind.INSET else 'a'} {self}"


@dataclass(frozen=True, slots=True)
class Term:
    """A term, from its first day to its last, both included."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Calendar:
    """The school's days. `part` is the part of the United Kingdom, for its bank holidays."""

    terms: tuple[Term, ...]
    closed: tuple[tuple[date, date], ...] = ()
    inset: frozenset[date] = frozenset()
    directed: tuple[Window, ...] = ()
    breaks: tuple[Window, ...] = ()
    part: str = "ENG"

    def kind(self, day: date) -> DayKind:
        """Say what a day is. An INSET day is one whatever else it might be."""
        if day in self.inset:
            return DayKind.INSET
        if day.weekday() >= 5:
            return DayKind.WEEKEND
        if self.bank_holiday(day):
            return DayKind.BANK_HOLIDAY
        in_term = any(term.first <= day <= term.last for term in self.terms)
        if not in_term or any(first <= day <= last for first, last in self.closed):
            return DayKind.HOLIDAY
        return DayKind.SCHOOL

    def bank_holiday(self, day: date) -> str:
        """Give the name of the bank holiday that a day is, or nothing."""
        return _bank_holidays(self.part, day.year).get(day, "")

    def is_directed(self, local: datetime) -> bool:
        """Say whether a local time is directed time: in its hours on a working day, not a break."""
        return (
            self.kind(local.date()) in (DayKind.SCHOOL, DayKind.INSET)
            and any(window.holds(local) for window in self.directed)
            and not any(window.holds(local) for window in self.breaks)
        )

    def is_break(self, local: datetime) -> bool:
        """Say whether a local time is in a break of a school day."""
        return self.kind(local.date()) is DayKind.SCHOOL and any(
            window.holds(local) for window in self.breaks
        )


def prepare() -> None:
    """Load what bank holidays are computed with, for whom the first request must not wait."""
    import holidays  # noqa: F401


@cache
def _bank_holidays(part: str, year: int) -> dict[date, str]:
    import holidays  # only here: it takes longer than the rest of a short command

    return dict(holidays.country_holidays("GB", subdiv=part, years=year, language="en_GB"))


class Part(StrEnum):
    """The parts of the United Kingdom, each with its own bank holidays."""

    ENGLAND = "ENG"
    WALES = "WLS"
    SCOTLAND = "SCT"
    NORTHERN_IRELAND = "NIR"
