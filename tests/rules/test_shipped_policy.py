"""The shipped policy, as a head teacher can check it: who, when, what, expected, why."""

# ruff: noqa: E501 - a table is read across

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Outcome, Policy
from rules.request import request_for

NO, YES = False, True

# Monday 23 November 2026 is a school day; Sunday 22 November is not.
TABLE = [
    # who               when                 what                                    opens  why
    ("fern.example",    "2026-11-23 10:00", "https://www.facebook.com/",             NO,  "Facebook's front page is no school purpose"),
    ("fern.example",    "2026-11-23 10:00", "facebook.com/BarninghamPrimarySchool",  YES, "the office looks after the school's page"),
    ("fern.example",    "2026-11-23 10:00", "static.xx.fbcdn.net/style.css",         YES, "the page needs its pictures and styles"),
    ("fern.example",    "2026-11-23 10:00", "facebook.com/fern.example",             NO,  "her own page is personal use"),
    ("fern.example",    "2026-11-23 20:00", "facebook.com/BarninghamPrimarySchool",  NO,  "the page is looked after in office hours"),
    ("fern.example",    "2026-11-22 10:00", "facebook.com/BarninghamPrimarySchool",  NO,  "nor on a Sunday"),
    ("fern.example",    "2026-11-22 06:30", "https://x.com/",                        YES, "closing for snow cannot wait for office hours"),
    ("fern.example",    "2026-11-23 10:00", "https://www.tiktok.com/",               NO,  "no purpose names TikTok"),
    ("fern.example",    "2026-11-23 10:00", "https://www.instagram.com/",            NO,  "nor Instagram"),
    ("rowan.example",   "2026-11-23 12:30", "facebook.com/BarninghamPrimarySchool",  YES, "the head may look after the page too"),
    ("willow.example",  "2026-11-23 12:30", "https://www.facebook.com/",             NO,  "a break is not a school purpose"),
    ("willow.example",  "2026-11-23 12:30", "https://x.com/",                        NO,  "teachers do not send the urgent news"),
    ("linden.example",  "2026-11-23 18:00", "https://www.facebook.com/",             NO,  "the policy covers governors"),
    ("holly.example",   "2026-11-23 10:00", "https://www.snapchat.com/",             NO,  "and volunteers"),
    ("basil.example",   "2026-11-23 10:00", "https://www.linkedin.com/",             NO,  "and agency staff"),
    (None,              "2026-11-23 10:00", "https://www.facebook.com/",             NO,  "nobody is known to use the device"),
    (None,              "2026-11-23 10:00", "https://www.gov.uk/",                   YES, "everything else passes"),
    ("willow.example",  "2026-11-23 12:30", "https://www.bbc.co.uk/",                YES, "everything else passes"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_policy(SHIPPED_POLICY)


@pytest.mark.parametrize(
    ("who", "when", "what", "opens", "why"),
    TABLE,
    ids=[f"{row[0]}, {row[1]}, {row[2]}: {row[4]}" for row in TABLE],
)
def test_it_says_what_the_school_decided(
    shipped: Policy, who: str | None, when: str, what: str, opens: bool, why: str
) -> None:
    now = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Europe/London"))
    decision = shipped.decide(request_for(what), shipped.people[who] if who else None, now)
    assert decision.allowed is opens, f"{decision.reason} ({why})"


def test_every_refusal_quotes_a_clause_of_the_policy(shipped: Policy) -> None:
    site = shipped.restricted_site("facebook.com")
    for outcome in set(Outcome) - {Outcome.NOT_RESTRICTED, Outcome.PURPOSE}:
        assert shipped.refuse(outcome, site).clause is not None, outcome


def test_a_newcomer_on_this_computer_is_the_office(shipped: Policy) -> None:
    assert shipped.addresses == {"127.0.0.1": "fern.example", "::1": "fern.example"}


def test_all_its_people_are_plainly_made_up(shipped: Policy) -> None:
    contacts = shipped.school.contacts
    names = [person.name for person in shipped.people.values()]
    names += [c.name for c in (contacts.head, contacts.senior_teacher, contacts.chair, contacts.it)]
    assert all(name.endswith("Example (fictitious)") for name in names)
