"""The forms of the school year, of retention, of monitoring cases, and of the policy's tests."""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from rules import editor_patterns
from rules.days import Part
from rules.faults import Spot
from rules.hours import WINDOW_PATTERN, Window, parse_window
from rules.lengths import Period, parse_period
from rules.purpose_forms import DATE
from rules.readers import parse_moment
from rules.reading import Placed, Shape
from rules.records import Record, optional, required
from rules.shapes import Choice, Kept, ListOf, MapOf, Name, Parsed, Text

PERIOD = Parsed(parse_period, "a length of time", pattern=editor_patterns.PERIOD)
WINDOWS = ListOf(
    Kept(Parsed(parse_window, "days and hours", pattern=WINDOW_PATTERN)),
    "days and hours",
    commas=True,
    most=50,
)


@dataclass(frozen=True, kw_only=True)
class DatesForm:
    name: str = optional(Text(), "what it is called.", "")
    first: date = required(DATE, "its first day.")
    last: date = required(DATE, "its last day.")
    spot: Spot = field(default=Spot("", 0))


DATES = ListOf(
    Record(DatesForm, "first and last days"), "first and last days", single=False, most=50
)


@dataclass(frozen=True, kw_only=True)
class CalendarForm:
    terms: tuple[DatesForm, ...] = required(DATES, "the terms, each with its first and last day.")
    closed: tuple[DatesForm, ...] = optional(DATES, "half terms and other days off.", ())
    inset_days: tuple[date, ...] = optional(ListOf(DATE, "dates"), "INSET days.", ())
    directed_time: tuple[Placed[Window], ...] = optional(WINDOWS, "the hours of directed time.", ())
    breaks: tuple[Placed[Window], ...] = optional(WINDOWS, "breaks within directed time.", ())
    bank_holidays: Part = optional(
        Choice(Part, "a part of the United Kingdom"), "whose bank holidays.", Part.ENGLAND
    )


def _kept(doc: str) -> Period | None:
    return optional(PERIOD, doc, None)


@dataclass(frozen=True, kw_only=True)
class RetentionForm:
    """The names are those of `rules.care.Retention`."""

    events: Period | None = _kept("single requests that were decided.")
    visits: Period | None = _kept("visits and counts by person.")
    figures: Period | None = _kept("figures for the whole school.")
    access: Period | None = _kept("steps of grants and withdrawals that are over.")
    cases_without_finding: Period | None = _kept("cases that found nothing.")
    cases_with_finding: Period | None = _kept("cases that led to something.")
    looks: Period | None = _kept("the list of who looked at whose record.")


@dataclass(frozen=True, kw_only=True)
class GroundForm:
    title: str = required(Text(), "the ground in a few words.")
    clause: str | None = optional(Name("clause"), "the clause that names it.", None)
    advice: str = optional(Text(most=500), "whose advice to take before the person is told.", "")


@dataclass(frozen=True, kw_only=True)
class CasesForm:
    authorised_by: tuple[Placed[str], ...] = required(
        ListOf(Kept(Name("person")), "people"), "who may authorise a monitoring case."
    )
    about_them: Placed[str] = required(
        Kept(Name("person")), "who authorises a case about one of those."
    )
    longest: Period | None = optional(PERIOD, "how long a case lasts at most.", None)
    grounds: dict[str, GroundForm] = required(
        MapOf(Record(GroundForm, "a ground"), "ground", "grounds"), "the policy's grounds."
    )


class Expected(StrEnum):
    """What a test of the policy expects."""

    OPENS = "opens"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class TrialForm:
    who: str = required(Name("tester"), "a person, or nobody.")
    when: Placed[datetime] = required(
        Kept(Parsed(parse_moment, "a date and time", pattern=editor_patterns.MOMENT)),
        "the school's time, as in '2026-11-23 10:00'.",
    )
    what: Placed[str] = required(Kept(Text(most=2000)), "a web address.")
    method: str = optional(
        Text("a method like GET or POST", "[A-Z]+", 20), "GET if left out.", "GET"
    )
    expect: Expected = required(Choice(Expected, "an answer"), "opens or refused.")
    why: str = required(Text(), "the reason, for whoever reads it.")
    spot: Spot = field(default=Spot("", 0))


TESTS: Shape[tuple[TrialForm, ...]] = ListOf(Record(TrialForm, "a test"), "tests", single=False)
