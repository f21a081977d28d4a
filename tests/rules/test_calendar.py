"""The school year: school days, directed time, bank holidays and the change of the clocks."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rules.clock_changes import never_comes
from rules.days import Calendar, DayKind, Term
from rules.hours import parse_window
from rules.policy import Policy
from rules.request import WebRequest
from rules.spans import in_words, parse_span

YEAR = Calendar(
    terms=(
        Term("Autumn", date(2026, 9, 2), date(2026, 12, 18)),
        Term("Summer", date(2027, 4, 12), date(2027, 7, 21)),
    ),
    closed=((date(2026, 10, 26), date(2026, 10, 30)),),
    inset=frozenset({date(2026, 9, 1)}),
    directed=(parse_window("Mon-Fri 08:30-15:45"),),
    breaks=(parse_window("Mon-Fri 12:00-13:00"),),
)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-09-01", "INSET day"),
        ("2026-09-02", "school day"),
        ("2026-09-05", "weekend"),
        ("2026-10-27", "school holiday"),
        ("2026-12-18", "school day"),
        ("2026-12-21", "school holiday"),
        ("2026-12-25", "bank holiday"),
        ("2026-12-28", "bank holiday"),  # instead of Saturday the 26th
        ("2027-05-03", "bank holiday"),  # a Monday in term
        ("2027-05-04", "school day"),
    ],
)
def test_every_day_is_of_one_kind(day: str, kind: str) -> None:
    assert YEAR.kind(date.fromisoformat(day)) == kind


def test_bank_holidays_differ_between_the_parts_of_the_kingdom() -> None:
    st_andrew = date(2026, 11, 30)
    assert YEAR.bank_holiday(st_andrew) == ""
    assert Calendar(terms=(), part="SCT").bank_holiday(st_andrew) == "Saint Andrew's Day"


def at(local: str) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Europe/London"))


@pytest.mark.parametrize(
    ("text", "local", "holds"),
    [
        ("Mon-Fri 08:30-15:45", "2026-12-25 09:00", True),  # plain hours know no holidays
        ("school days", "2026-11-23 23:59", True),
        ("school days", "2026-12-25 09:00", False),
        ("school days", "2026-09-01 09:00", False),
        ("School days 08:00-17:00", "2026-11-23 07:59", False),
        ("INSET days", "2026-09-01 09:00", True),
        ("term time", "2026-09-01 09:00", True),
        ("term time, Wed 15:00-16:00", "2026-11-25 15:30", True),
        ("term time, Wed 15:00-16:00", "2026-10-28 15:30", False),
        ("school holidays", "2026-10-28 15:30", True),
        ("school holidays", "2027-05-03 15:30", True),
        ("school days, INSET days", "2026-09-01 09:00", True),
        ("directed time", "2026-11-23 09:00", True),
        ("directed time", "2026-11-23 12:30", False),
        ("directed time", "2026-11-22 09:00", False),
        ("directed time", "2026-10-28 09:00", False),
        ("breaks", "2026-11-23 12:30", True),
        ("breaks", "2026-11-23 13:00", False),
        ("breaks", "2026-09-01 12:30", False),
        ("outside directed time", "2026-11-23 12:30", True),
        ("outside directed time", "2026-11-23 09:00", False),
        ("school days, outside directed time", "2026-11-22 09:00", False),
    ],
)
def test_words_of_the_school_year_hold_when_the_calendar_says_so(
    text: str, local: str, holds: bool
) -> None:
    assert parse_span(text).holds(at(local), YEAR) is holds


def test_without_a_calendar_its_words_never_hold() -> None:
    assert not parse_span("school days").holds(at("2026-11-23 09:00"), None)


def test_spans_read_as_people_say_them() -> None:
    spans = [
        parse_span("School days 08:00-17:00"),
        parse_span("term time, breaks"),
        parse_span("Mon"),
    ]
    assert in_words(spans) == "School days, 08:00 to 17:00; term time, breaks; Monday"


def test_spans_overlap_only_where_their_words_agree() -> None:
    assert parse_span("school days 08:00-10:00").overlaps(parse_span("school days 09:00-11:00"))
    assert not parse_span("school days 08:00-10:00").overlaps(parse_span("INSET days 09:00-11:00"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("term-time", "term time"),
        ("Termtime 8-17", "term time 08:00-17:00"),
        ("school day", "school days"),
        ("schooldays", "school days"),
        ("School-Days 8am-5pm", "school days 08:00-17:00"),
        ("INSET day", "inset days"),
        ("school holiday", "school holidays"),
        ("break", "breaks"),
        ("break time, school days", "school days, breaks"),
        ("outside directed-time", "outside directed time"),
    ],
)
def test_the_words_of_the_school_year_may_be_spelt_as_people_do(written: str, meant: str) -> None:
    assert parse_span(written) == parse_span(meant)


def test_one_spelling_is_shown() -> None:
    written = ["INSET days", "schoolday 8-17", "term-time"]
    assert (
        in_words(map(parse_span, written)) == "INSET days; school days, 08:00 to 17:00; term time"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("skool days 08:00-17:00", "'skool days' is not a day. Did you mean 'school days'?"),
        ("holidays", "'holidays' is not a day. Did you mean 'school holidays'?"),
        ("during term time", "'during term time' is not a day. Did you mean 'term time'?"),
        ("school dayshift", "'school dayshift' is not a day. Did you mean 'school days'?"),
        ("Always", "'Always' needs no words: leave 'when' out."),
        ("24/7", "'24/7' needs no words: leave 'when' out."),
        ("school days and Sat",
         "'and Sat' begins with 'and'; write a list: ['school days', 'Sat']."),
        ("breaks, directed time", "'breaks' and 'directed time' stand together; write a list: "
                                  "['breaks', 'directed time']."),
        ("school days M-F", "'M' is not a day. Days are written like 'Mon-Fri'."),
    ],
)  # fmt: skip
def test_a_span_that_is_no_span_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - compared whole
        parse_span(text)
    assert str(refused.value) == said


class TestChangesOfTheClock:
    """On 29 March 2026 clocks go from 01:00 to 02:00, on 25 October from 02:00 back to 01:00."""

    @pytest.mark.parametrize(
        ("utc", "holds"),
        [
            ("2026-03-29T00:59", False),  # 00:59 GMT
            ("2026-03-29T01:00", True),  # 02:00 BST: the hour from 01:00 to 02:00 was left out
            ("2026-03-29T01:59", True),
            ("2026-03-29T02:00", False),
            ("2026-10-25T00:30", False),  # 01:30 BST
            ("2026-10-25T01:30", False),  # 01:30 GMT, the same time again
            ("2026-10-25T02:30", True),  # 02:30 GMT
        ],
    )
    def test_hours_are_those_on_the_schools_clock(
        self, load: Callable[..., Policy], policy: dict[str, Any], utc: str, holds: bool
    ) -> None:
        policy["purposes"]["page"] |= {"when": "Sun 02:00-03:00"}
        rules = load(policy)
        moment = datetime.fromisoformat(utc).replace(tzinfo=UTC)
        request = WebRequest("facebook.com", path="/school")
        assert rules.decide(request, rules.people["a.larch"], moment).allowed is holds

    @pytest.mark.parametrize(("utc", "holds"), [("00:30", True), ("01:30", True), ("02:00", False)])
    def test_the_hour_that_comes_twice_counts_twice(
        self, load: Callable[..., Policy], policy: dict[str, Any], utc: str, holds: bool
    ) -> None:
        policy["purposes"]["page"] |= {"when": "Sun 01:00-02:00"}
        rules = load(policy)
        moment = datetime.fromisoformat(f"2026-10-25T{utc}").replace(tzinfo=UTC)
        request = WebRequest("facebook.com", path="/school")
        assert rules.decide(request, rules.people["a.larch"], moment).allowed is holds


CALENDAR = {
    "terms": [{"name": "Autumn", "first": "2026-09-02", "last": "2026-12-18"}],
    "closed": [{"first": "2026-10-26", "last": "2026-10-30"}],
    "inset-days": ["2026-09-01"],
    "directed-time": "Mon-Fri 08:30-15:45",
    "breaks": ["Mon-Fri 12:00-13:00"],
    "bank-holidays": "WLS",
}


def test_a_refusal_says_what_kind_of_day_it_is(
    load: Callable[..., Policy], policy: dict[str, Any]
) -> None:
    policy["calendar"] = CALENDAR
    policy["purposes"]["page"] |= {"when": "school days"}
    rules = load(policy)
    request = WebRequest("facebook.com", path="/school")

    def reason(day: str) -> str:
        return rules.decide(request, rules.people["a.larch"], at(f"{day} 10:00")).reason

    assert reason("2026-10-27").endswith(
        "is for school days, and it is Tuesday 10:00, a school holiday."
    )
    assert reason("2026-09-01").endswith("it is Tuesday 10:00, an INSET day.")
    assert rules.calendar is not None
    assert rules.calendar.kind(date(2026, 9, 2)) is DayKind.SCHOOL
    assert rules.calendar.part == "WLS"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"terms": [{"first": "2026-12-18", "last": "2026-09-02"}]},
         "calendar.terms[0]: It ends on 2026-09-02, before it begins. Swap the two dates."),
        ({"terms": [*CALENDAR["terms"], {"first": "2026-12-18", "last": "2027-02-01"}]},
         "calendar.terms[1]: This term overlaps the one that begins on 2026-09-02."),
        ({"breaks": ["Mon 12:00-13:00", "Mon-Tue 12:30-14:00"]}, "calendar.breaks[1]: These hours"),
        ({"bank-holidays": "France"},
         "'France' is not a part of the United Kingdom. It can be: ENG, NIR, SCT, WLS."),
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be_is_refused(
    load: Callable[..., Policy], policy: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    policy["calendar"] = CALENDAR | change
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - a PolicyError, compared in words
        load(policy)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("local", "zone", "never"),
    [
        ("2027-03-28T00:59", "Europe/London", False),
        ("2027-03-28T01:00", "Europe/London", True),
        ("2027-03-28T01:59", "Europe/London", True),
        ("2027-03-28T02:00", "Europe/London", False),
        ("2027-10-31T01:30", "Europe/London", False),  # it comes twice
        ("2027-03-28T01:30", "Asia/Tokyo", False),
        ("0001-01-01T00:00", "Asia/Tokyo", False),  # the year before has no number
    ],
)
def test_an_hour_that_the_clocks_leave_out_never_comes(local: str, zone: str, never: bool) -> None:
    assert never_comes(datetime.fromisoformat(local), ZoneInfo(zone)) is never
