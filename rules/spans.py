"""When a rule holds, in the words of a school: `school days 08:00-17:00`, `term time, breaks`.

A span is a window of the week, perhaps with words in front that the school's calendar explains.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from rules.days import Calendar, DayKind
from rules.hours import EVERY_DAY, Window, parse_window

_DAY_WORDS: dict[str, frozenset[DayKind]] = {
    "school days": frozenset({DayKind.SCHOOL}),
    "inset days": frozenset({DayKind.INSET}),
    "term time": frozenset({DayKind.SCHOOL, DayKind.INSET}),
    "school holidays": frozenset({DayKind.HOLIDAY, DayKind.BANK_HOLIDAY}),
}
_HOUR_WORDS = ("directed time", "breaks", "outside directed time")


@dataclass(frozen=True, slots=True)
class Span:
    """When a rule holds: a window of the week, and words that the school's calendar explains."""

    window: Window
    kinds: frozenset[DayKind] = frozenset()
    hours: str = ""
    words: str = field(default="", compare=False)

    @property
    def needs_calendar(self) -> bool:
        """Say whether it can be judged only with a calendar."""
        return bool(self.kinds or self.hours)

    def holds(self, local: datetime, calendar: Calendar | None) -> bool:
        """Say whether a local time lies in it. Without a calendar, its words never hold."""
        if not self.window.holds(local):
            return False
        if not self.needs_calendar:
            return True
        if calendar is None or (self.kinds and calendar.kind(local.date()) not in self.kinds):
            return False
        match self.hours:
            case "directed time":
                return calendar.is_directed(local)
            case "breaks":
                return calendar.is_break(local)
            case "outside directed time":
                return not calendar.is_directed(local)
            case _:
                return True

    def overlaps(self, other: "Span") -> bool:
        """Say whether some time lies in both, as far as the words alone tell."""
        return (self.kinds, self.hours) == (other.kinds, other.hours) and self.window.overlaps(
            other.window
        )

    def __str__(self) -> str:
        """Write it out for a person."""
        window = str(self.window)
        return ", ".join(filter(None, (self.words, "" if window == "every day" else window)))


def parse_span(text: str) -> Span:
    """Read `Mon-Fri 08:30-15:45`, `school days 08:00-17:00`, `term time, breaks`.

    Raises ValueError with a sentence for the writer of the policy.
    """
    rest, kinds, hours, words = " ".join(text.split()), frozenset[DayKind](), "", []
    for word in (*_DAY_WORDS, *_HOUR_WORDS[::-1]):
        if (at := rest.lower().find(word)) >= 0 and rest[:at].strip(" ,") == "":
            words.append(rest[at : at + len(word)])
            rest = rest[at + len(word) :].strip(" ,")
            if word in _DAY_WORDS:
                kinds |= _DAY_WORDS[word]
            else:
                hours = word
    window = parse_window(rest) if rest or not words else Window(EVERY_DAY)
    return Span(window, kinds, hours, ", ".join(words))


def in_words(spans: Iterable[Span]) -> str:
    """Write several spans out for a person."""
    return "; ".join(map(str, spans))
