"""The forms of purposes: standing ones, and those that people may declare."""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from rules import editor_patterns
from rules.faults import Spot
from rules.lengths import parse_length
from rules.paths import PathPattern
from rules.readers import parse_date
from rules.reading import Placed
from rules.records import optional, required
from rules.shapes import Choice, Kept, ListOf, Name, Number, Parsed, Text
from rules.sites import Action
from rules.spans import SPAN_PATTERN, Span, parse_span

DATE = Parsed(parse_date, "a date", pattern=editor_patterns.DATE)
WHO = ListOf(Kept(Name("who")), "people, groups or roles")
SITE_NAMES = ListOf(Name("site"), "sites")
SPANS = ListOf(
    Kept(Parsed(parse_span, "days and hours", pattern=SPAN_PATTERN)),
    "days and hours",
    commas=True,
    most=50,
)


class Approval(StrEnum):
    """Whether somebody decides before a declared purpose opens a site."""

    NOT_NEEDED = "not-needed"
    NEEDED = "needed"


@dataclass(frozen=True, kw_only=True)
class PurposeForm:
    title: str = required(Text(), "the school purpose in a few words.")
    who: tuple[Placed[str], ...] = required(WHO, "people, groups, roles, or staff.")
    sites: tuple[str, ...] = required(SITE_NAMES, "the sites it opens.")
    paths: tuple[Placed[PathPattern], ...] = optional(
        ListOf(
            Kept(Parsed(PathPattern.parse, "a path", pattern=editor_patterns.PATH)),
            "paths",
            most=200,
        ),
        "the parts of the sites it opens.",
        (),
    )
    actions: tuple[Action, ...] = optional(
        ListOf(Choice(Action, "an action"), "actions"), "what may be done there.", ()
    )
    when: tuple[Placed[Span], ...] = optional(
        SPANS, "days and hours, as in 'Mon-Fri 08:30-15:45' or 'school days'.", ()
    )
    owner: str = required(Name("person"), "who answers for it.")
    review: date = required(DATE, "the day by which the school looks at it again.")
    until: date | None = optional(DATE, "the last day it holds.", None)
    clause: str | None = optional(Name("clause"), "the clause it rests on.", None)
    spot: Spot = field(default=Spot("", 0))
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DeclaredForm:
    title: str = required(Text(), "the school purpose in a few words.")
    who: tuple[Placed[str], ...] = required(WHO, "who may declare it.")
    sites: tuple[str, ...] = required(SITE_NAMES, "the sites it can open.")
    longest: timedelta = required(
        Parsed(parse_length, "a length of time", pattern=editor_patterns.LENGTH),
        "how long it opens them, as in '45 minutes'.",
    )
    approval: Approval = optional(
        Choice(Approval, "an answer"), "whether somebody decides first.", Approval.NEEDED
    )
    a_day: int = optional(Number(1, 50, "a number of times"), "how often a day.", 3)
    when: tuple[Placed[Span], ...] = optional(SPANS, "when it may be declared.", ())
    owner: str = required(Name("person"), "who answers for it, and decides.")
    review: date = required(DATE, "the day by which the school looks at it again.")
    until: date | None = optional(DATE, "the last day it can be declared.", None)
    clause: str | None = optional(Name("clause"), "the clause it rests on.", None)
    spot: Spot = field(default=Spot("", 0))
    unread: frozenset[str] = frozenset()
