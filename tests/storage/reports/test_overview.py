from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from storage.reports.overview import to_json, to_text
from storage.usage import Figure, Overview, SiteUse, Withheld

LONDON = ZoneInfo("Europe/London")
FEW = Figure(withheld=Withheld.FEW_PEOPLE)
ONE = Figure(withheld=Withheld.ONE_PERSON)

WEEK = Overview(
    since=datetime(2026, 6, 14, 23, tzinfo=UTC),
    until=datetime(2026, 6, 21, 23, tzinfo=UTC),
    begins=datetime(2026, 6, 16, 8, tzinfo=UTC),
    people_at_least=10,
    sites=(
        SiteUse("", None, FEW, FEW, Withheld.FEW_PEOPLE, False, True),
        SiteUse("facebook", 5, Figure(about=1_230), Figure(fewer_than=10), None, True, True),
        SiteUse("instagram", None, ONE, ONE, Withheld.ONE_PERSON, True, True),
        SiteUse("x", 10, Figure(about=0), FEW, None, False, True),
    ),
    allowed=Figure(about=1_230),
    refused=Figure(fewer_than=10),
    unidentified=Figure(about=40),
    unclear=FEW,
    by_itself=Figure(about=2_000),
    smallest_group=5,
    round_to=10,
)

TEXT = """\
Social networking at Barningham Primary School

From Monday 15 June 2026, 00:00
  to Monday 22 June 2026, 00:00 (Europe/London time).
The record begins on Tuesday 16 June 2026, 09:00.
People who asked for a restricted site: at least 10.

Site                   People       Allowed      Refused
other addresses        refused: fewer than 5 people, so no figures
Facebook               at least 5   about 1,230  fewer than 10
instagram              allowed and refused: more than half is one person's
x                      at least 10  none         not shown
Sites shown, together               about 1,230  fewer than 10

Not counted above
  Devices that nobody is known to use:     about 40
  A person or a page, we cannot tell:      not shown
  Pages and apps, by themselves:           about 2,000

What these figures cannot tell
"""


def test_the_text_is_as_a_head_teacher_reads_it() -> None:
    text = to_text(WEEK, "Barningham Primary School", LONDON, {"facebook": "Facebook"})
    assert text.startswith(TEXT)
    assert max(map(len, text.splitlines())) <= 80
    assert "they say nothing about how long" in text


def test_an_empty_week_says_so() -> None:
    text = to_text(replace(WEEK, sites=(), people_at_least=None, begins=None), "Barningham", LONDON)
    assert "Nobody is known to have asked for a restricted site in this time." in text
    assert "People who asked for a restricted site: fewer than 5." in text
    assert "The record begins" not in text


def test_a_week_of_long_ago_says_that_its_people_are_no_longer_kept() -> None:
    old = replace(WEEK, sites=(), people_at_least=None, no_longer_named=Figure(about=90))
    text = to_text(old, "Barningham", LONDON)
    assert "so long ago that it is no longer kept who asked for which site." in text
    assert "People who asked for a restricted site: no longer known for all of this time." in text
    assert "  Long ago, no longer kept by person:      about 90\n" in text
    assert "Nobody" not in text
    found = json.loads(to_json(old, "Barningham", LONDON))
    assert found["not_counted"]["no_longer_named"]["about"] == 90


def test_a_week_of_withheld_sites_has_a_table_too() -> None:
    text = to_text(replace(WEEK, sites=WEEK.sites[:1], allowed=FEW, refused=FEW), "B", LONDON)
    assert "other addresses  refused: fewer than 5 people, so no figures" in text
    assert "Sites shown, together" not in text


def test_the_json_says_the_same() -> None:
    found = json.loads(to_json(WEEK, "Barningham Primary School", LONDON, {"facebook": "Facebook"}))
    assert found["school"] == "Barningham Primary School"
    assert found["since"] == "2026-06-15T00:00:00+01:00"
    assert found["record_begins"] == "2026-06-16T09:00:00+01:00"
    assert found["sites"][1] == {
        "site": "facebook",
        "name": "Facebook",
        "people_at_least": 5,
        "allowed": {"about": 1230, "fewer_than": None, "withheld": None},
        "refused": {"about": None, "fewer_than": 10, "withheld": None},
        "withheld": None,
        "some_allowed": True,
        "some_refused": True,
    }
    assert found["sites"][0]["withheld"] == "few-people"
    assert found["together"]["allowed"]["about"] == 1230
    assert found["not_counted"]["unclear"]["withheld"] == "few-people"
    assert found["rules"] == {"smallest_group": 5, "round_to": 10}
