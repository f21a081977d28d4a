"""When a rule holds, in the words of a school: `school days 08:00-17:00`, `term time, breaks`.

A span is a window of the week, perhaps with words in front that the school's calendar explains.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches

from rules.days import Calendar, DayKind
from rules.faults import shown
from rules.hours import DAYS_PATTERN, EVERY_DAY, HOURS_PATTERN, Window, any_case, parse_window

_DAY_WORDS: dict[str, frozenset[DayKind]] = {
    "school days": frozenset({DayKind.SCHOOL}),
    "inset days": frozenset({DayKind.INSET}),
    "term time": frozenset({DayKind.SCHOOL, DayKind.INSET}),
    "school holidays": frozenset({DayKind.HOLIDAY, DayKind.BANK_HOLIDAY}),
}
_HOUR_WORDS = ("directed time", "breaks", "outside directed time")
_ALWAYS = ("always", "any time", "anytime", "all the time", "at all times", "whenever", "24/7")
_MEANT = {"holiday": "school holidays", "holidays": "school holidays", "lessons": "directed time"}


def _spelt(words: str) -> str:
    """Give a pattern for a calendar's words with or without their 's', and joined or not."""
    return rf"{any_case(words.removesuffix('s')).replace(r'\s+', r'\s*-?\s*')}[sS]?"


_WORDS = {words: _spelt(words) for words in (*_DAY_WORDS, *_HOUR_WORDS)} | {
    "breaks": rf"{any_case('break')}(?:\s*-?{any_case('time')})?[sS]?"
}
_WORD = re.compile(
    "|".join(f"({pattern})" for pattern in _WORDS.values()).join(("(?:", r")(?![\w-])[\s,:]*"))
)
_ANY_WORD = "|".join(_WORDS.values())
SPAN_PATTERN = (
    rf"^(?=[\s\S]*\S)\s*(?:(?:{_ANY_WORD})[\s,:]*)*"
    rf"(?:{DAYS_PATTERN})?[\s,:]*(?:{HOURS_PATTERN})?\s*$"
)
"""What editors check of a span: all that `parse_span` reads, and some that it refuses."""


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
    if rest.lower() in _ALWAYS:
        raise ValueError(f"{shown(rest)} needs no words: leave 'when' out.")
    while found := _WORD.match(rest):
        word = [*_WORDS][(found.lastindex or 1) - 1]
        written = rest[: found.end(found.lastindex or 0)]
        words.append(written if written.lower() == word else word)
        if word in _DAY_WORDS:
            kinds |= _DAY_WORDS[word]
        elif hours:
            raise ValueError(
                f"'{hours}' and '{word}' stand together; write a list: ['{hours}', '{word}']."
            )
        else:
            hours = word
        rest = rest[found.end() :]
    window = _window(rest) if rest or not words else Window(EVERY_DAY)
    return Span(window, kinds, hours, ", ".join(words))


def _window(text: str) -> Window:
    if text.lower().startswith("and "):
        raise ValueError(f"{shown(text)} begins with 'and'; write a list: ['school days', 'Sat'].")
    try:
        return parse_window(text)
    except ValueError:
        said = re.split(r"[0-9]", text, maxsplit=1)[0].strip(" ,:").lower()
        near = get_close_matches(said, [*_WORDS], 1, 0.75)
        within = [words for words in _WORDS if words in said]  # 'during term time'
        meant = _MEANT.get(said) or next(iter(near or within), "")
        if not meant:
            raise
        raise ValueError(f"{shown(said)} is not a day. Did you mean '{meant}'?") from None


def in_words(spans: Iterable[Span]) -> str:
    """Write several spans out for a person."""
    return "; ".join(map(str, spans))
