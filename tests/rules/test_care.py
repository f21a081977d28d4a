"""How long records are kept, who may open a case, and what people may declare."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rules.care import Retention
from rules.decision import Grant, Outcome
from rules.lengths import Period, parse_length, parse_period
from rules.policy import Policy
from rules.request import WebRequest

Load = Callable[..., Policy]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day", "before", "words"),
    [
        ("90 days", "2026-11-23", "2026-08-25", "90 days"),
        ("2 weeks", "2026-11-23", "2026-11-09", "14 days"),
        ("1 day", "2026-01-01", "2025-12-31", "1 day"),
        ("12 months", "2028-02-29", "2027-02-28", "12 months"),
        ("1 month", "2026-03-31", "2026-02-28", "1 month"),
        ("3 Years", "2026-11-23", "2023-11-23", "3 years"),
        ("18 months", "2026-06-30", "2024-12-30", "18 months"),
    ],
)
def test_a_period_reaches_back_as_the_calendar_does(
    text: str, day: str, before: str, words: str
) -> None:
    period = parse_period(text)
    assert period.before(date.fromisoformat(day)) == date.fromisoformat(before)
    assert str(period) == words


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (parse_period, "soon", "'soon' is not a length of time; write it like '90 days' or"),
        (parse_period, "0 days", "'0 days' is not a length of time;"),
        (
            parse_period,
            "90 minutes",
            "'90 minutes' is not a number of days, weeks, months or years.",
        ),
        (parse_period, "900 years", "'900 years' is not a number of days"),
        (parse_length, "2 days", "'2 days' is not a number of minutes or hours within one day."),
        (
            parse_length,
            "25 hours",
            "'25 hours' is not a number of minutes or hours within one day.",
        ),
    ],
)
def test_a_length_that_cannot_be_is_refused(
    parse: Callable[[str], object], text: str, said: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - compared in words
        parse(text)
    assert said in str(refused.value)


def test_lengths_are_minutes_and_hours() -> None:
    assert parse_length("45 minutes") == timedelta(minutes=45)
    assert parse_length("2 hours") == timedelta(hours=2)


def test_what_the_policy_does_not_say_about_keeping_has_a_default(
    load: Load, policy: dict[str, Any]
) -> None:
    assert load(policy).retention == Retention()
    policy["retention"] = {"events": "30 days"}
    assert load(policy).retention == Retention(events=Period(days=30))


class TestCases:
    @pytest.fixture
    def with_cases(self, policy: dict[str, Any]) -> dict[str, Any]:
        policy["cases"] = {
            "authorised-by": ["a.larch"],
            "about-them": "b.pine",
            "grounds": {"time": {"title": "time", "clause": "purposes"}, "other": {"title": "o"}},
        }
        return policy

    @pytest.mark.parametrize(
        ("who", "about", "may"),
        [
            ("a.larch", "c.moss", True),
            ("a.larch", "a.larch", False),
            ("b.pine", "a.larch", True),
            ("b.pine", "c.moss", False),
            ("b.pine", "b.pine", False),
            ("a.larch", "b.pine", True),
        ],
    )
    def test_nobody_authorises_a_case_about_themselves(
        self, load: Load, with_cases: dict[str, Any], who: str, about: str, may: bool
    ) -> None:
        cases = load(with_cases).cases
        assert cases is not None
        assert cases.may_authorise(who, about) is may

    def test_grounds_quote_their_clauses(self, load: Load, with_cases: dict[str, Any]) -> None:
        with_cases["cases"]["longest"] = "14 days"
        cases = load(with_cases).cases
        assert cases is not None
        assert cases.longest == Period(days=14)
        assert cases.grounds["time"].clause is not None
        assert cases.grounds["other"].clause is None
        del with_cases["cases"]["longest"]
        default = load(with_cases).cases
        assert default is not None
        assert default.longest == Period(days=28)


class TestDeclaring:
    @pytest.fixture
    def rules(self, load: Load, policy: dict[str, Any]) -> Policy:
        lesson = {
            "title": "a lesson",
            "who": ["office"],
            "sites": ["tiktok"],
            "longest": "45 minutes",
            "approval": "not-needed",
            "a-day": 2,
            "when": "Mon-Fri 08:00-18:00",
            "owner": "b.pine",
            "review": "2027-01-01",
            "until": "2026-12-31",
            "clause": "purposes",
        }
        concern = {
            "title": "a concern",
            "who": ["staff"],
            "sites": ["tiktok", "facebook"],
            "longest": "2 hours",
            "owner": "b.pine",
            "review": "2027-01-01",
        }
        policy["declared"] = {"lesson": lesson, "concern": concern}
        return load(policy)

    @pytest.mark.parametrize(
        ("who", "site", "now", "titles"),
        [
            ("a.larch", "tiktok", NOON, ["a lesson", "a concern"]),
            ("a.larch", "facebook", NOON, ["a concern"]),
            ("b.pine", "tiktok", NOON, ["a concern"]),
            ("c.moss", "tiktok", NOON, []),
            ("d.reed", "tiktok", NOON, []),
            ("a.larch", "tiktok", NOON - timedelta(days=1), ["a concern"]),
            ("a.larch", "tiktok", NOON + timedelta(days=365), ["a concern"]),
        ],
    )
    def test_each_person_may_declare_what_is_for_them_then_and_there(
        self, rules: Policy, who: str, site: str, now: datetime, titles: list[str]
    ) -> None:
        found = rules.declarable(rules.people[who], rules.catalogue.sites[site], now)
        assert [purpose.rule.title for purpose in found] == titles

    def test_an_explanation_says_what_could_be_declared_and_what_rules_it_out_now(
        self, rules: Policy
    ) -> None:
        asked, person = WebRequest("tiktok.com"), rules.people["a.larch"]
        sunday = NOON - timedelta(days=1)
        lesson, concern = rules.explain(asked, person, sunday).offers
        assert (lesson.rule.id, concern.rule.id) == ("lesson", "concern")
        assert [why.partition(",")[0] for why in lesson.failed] == ["it is for Monday to Friday"]
        assert concern.as_json() | {"rule": None} == {
            "rule": None,
            "longest_minutes": 120,
            "approval": "needed",
            "a_day": 3,
            "failed": [],
        }
        assert rules.explain(asked, rules.people["c.moss"], NOON).offers == ()
        assert rules.explain(asked, None, NOON).offers == ()
        assert rules.explain(WebRequest("x.example"), person, NOON).offers == ()

    def test_how_long_how_often_and_after_whose_approval(self, rules: Policy) -> None:
        lesson, concern = rules.declared
        assert (lesson.longest, lesson.needs_approval, lesson.a_day) == (
            timedelta(minutes=45), False, 2,
        )  # fmt: skip
        assert (concern.needs_approval, concern.a_day) == (True, 3)

    def test_a_grant_for_a_pupil_opens_nothing(self, rules: Policy) -> None:
        grant = Grant("d.reed", "tiktok", NOON + timedelta(hours=1))
        decision = rules.decide(WebRequest("tiktok.com"), rules.people["d.reed"], NOON, [grant])
        assert decision.outcome is Outcome.NO_PURPOSE


@pytest.mark.parametrize(
    ("entry", "value", "said"),
    [
        (
            "unidentified",
            {"confidence": 101},
            "'101' is not a number from 0 to 100. From 0 to 100.",
        ),
        ("unidentified", {"confidence": "50"}, "'50' is not a number from 0 to 100."),
        ("unidentified", {"confidence": [1]}, "This is not a number from 0 to 100."),
        ("not-decrypted", ["facebok"], "'facebok' is not a site."),
        ("groups", {"staff": {"title": "Staff"}}, "The group 'staff' has the name of a role."),
    ],
)
def test_other_entries_are_checked_as_well(
    load: Load, policy: dict[str, Any], entry: str, value: Any, said: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - a PolicyError, compared in words
        load(policy | {entry: value})
    assert said in str(refused.value)


def test_a_device_belongs_to_one_person(load: Load, policy: dict[str, Any]) -> None:
    policy["people"]["a.larch"]["devices"] = ["a4:5e:60:01:02:03"]
    policy["people"]["b.pine"]["devices"] = ["A45E60010203", "nothing"]
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - a PolicyError, compared in words
        load(policy)
    assert "a4:5e:60:01:02:03 is already a device of a.larch." in str(refused.value)
    assert "'nothing' is not a hardware address; write it like" in str(refused.value)
