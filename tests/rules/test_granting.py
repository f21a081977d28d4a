"""What may be granted under a declared purpose, and what stands against it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rules.decision import Grant
from rules.granting import Wish, in_words, obstacles
from rules.policy import Outcome, Policy
from rules.request import WebRequest

MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def rules(load: Callable[..., Policy], policy: dict[str, Any]) -> Policy:
    terms = {"owner": "b.pine", "review": "2027-09-01", "sites": ["tiktok", "facebook"]}
    policy["declared"] = {
        "lesson": {
            **terms,
            "title": "a lesson on sharing",
            "who": ["office"],
            "longest": "45 minutes",
            "approval": "not-needed",
            "sites": ["tiktok"],
            "a-day": 2,
            "when": "Mon-Fri 08:00-18:00",
            "clause": "purposes",
        },
        "concern": {
            **terms, "title": "a concern", "who": ["staff"], "longest": "2 hours", "a-day": 1,
        },
    }  # fmt: skip
    return load(policy)


@pytest.fixture
def wish(rules: Policy) -> Wish:
    larch = rules.people["a.larch"]
    site = rules.catalogue.sites["tiktok"]
    return Wish(larch, site, rules.declared[0], MONDAY_NOON, MONDAY_NOON + 45 * MINUTE, larch)


def against(rules: Policy, wish: Wish, *earlier: datetime) -> tuple[str, ...]:
    return obstacles(rules, wish, earlier, MONDAY_NOON)


def test_what_the_policy_offers_can_be_granted(rules: Policy, wish: Wish) -> None:
    assert against(rules, wish) == ()
    assert against(rules, wish, MONDAY_NOON - HOUR) == ()
    # Yesterday, and tonight after midnight, are other days.
    assert against(rules, wish, *[MONDAY_NOON - DAY] * 9, *[MONDAY_NOON + 13 * HOUR] * 9) == ()


def test_the_schools_own_day_counts(rules: Policy, wish: Wish) -> None:
    """In July the school is an hour ahead of UTC: its day begins at 23:00 UTC."""
    july = datetime(2026, 7, 6, 11, tzinfo=UTC)
    wish = replace(wish, starts=july, until=july + HOUR / 2)
    last_night = datetime(2026, 7, 5, 23, 30, tzinfo=UTC)
    assert obstacles(rules, wish, [last_night] * 2, july) != ()
    assert obstacles(rules, wish, [last_night - HOUR] * 2, july) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"until": MONDAY_NOON + 46 * MINUTE},
         "The purpose “a lesson on sharing” opens a site for 45 minutes at most."),
        ({"until": MONDAY_NOON}, "It would end before it begins."),
        ({"starts": MONDAY_NOON - HOUR, "until": MONDAY_NOON - HOUR / 2},
         "It would end before it begins."),
        ({"starts": MONDAY_NOON + 7 * HOUR, "until": MONDAY_NOON + 7 * HOUR + MINUTE},
         "The purpose “a lesson on sharing” does not fit: it is for Monday to Friday,"
         " 08:00 to 18:00, and it is Monday 19:00."),
    ],
)  # fmt: skip
def test_it_says_what_stands_against_a_time(
    rules: Policy, wish: Wish, change: dict[str, Any], said: str
) -> None:
    assert against(rules, replace(wish, **change)) == (said,)


def test_it_is_for_those_people_and_sites_alone(rules: Policy, wish: Wish) -> None:
    pupil, pine = rules.people["d.reed"], rules.people["b.pine"]
    (said,) = against(rules, replace(wish, person=pine, by=pine))
    assert said == "The purpose “a lesson on sharing” does not fit: it is for other people."
    assert against(rules, replace(wish, person=pupil, by=pine))
    (said,) = against(rules, replace(wish, site=rules.catalogue.sites["facebook"]))
    assert said.endswith("does not fit: it is for TikTok, not for Facebook.")


def test_an_open_site_needs_no_grant(rules: Policy, wish: Wish) -> None:
    unrestricted = replace(rules, restricted=frozenset())
    assert against(unrestricted, wish) == ("TikTok is not restricted, so it is open already.",)


def test_a_day_has_only_so_many(rules: Policy, wish: Wish) -> None:
    said = "Ash Larch has had it 2 times that day, which is as often as it may be."
    assert against(rules, wish, MONDAY_NOON - HOUR, MONDAY_NOON - 2 * HOUR) == (said,)
    pine = rules.people["b.pine"]
    once = replace(wish, purpose=rules.declared[1], by=pine)
    assert against(rules, once) == ()
    assert "has had it once that day" in against(rules, once, MONDAY_NOON)[0]


def test_what_needs_approval_is_not_ones_own_to_approve(rules: Policy, wish: Wish) -> None:
    assert against(rules, replace(wish, purpose=rules.declared[1])) == (
        "Somebody else has to approve “a concern”; Bay Pine answers for it.",
    )


def test_who_is_withdrawn_is_granted_nothing_and_all_reasons_come_together(
    rules: Policy, wish: Wish
) -> None:
    person = replace(wish.person, withdrawn=True)
    said = against(rules, replace(wish, person=person, until=MONDAY_NOON + HOUR))
    assert said[0] == "Ash Larch's web access is withdrawn, so a grant would open nothing."
    assert len(said) == 2


@pytest.mark.parametrize(
    ("length", "words"),
    [(45 * MINUTE, "45 minutes"), (HOUR, "1 hour"), (HOUR + MINUTE, "1 hour 1 minute")],
)
def test_lengths_are_written_out(length: timedelta, words: str) -> None:
    assert in_words(length) == words


def test_a_grant_for_a_declared_purpose_names_it_with_its_rule_and_clause(rules: Policy) -> None:
    ends = MONDAY_NOON + HOUR
    larch, tiktok = rules.people["a.larch"], WebRequest("www.tiktok.com")

    def opened_for(purpose: str) -> Any:
        grant = Grant("a.larch", "tiktok", ends, purpose, f"{purpose}#17")
        decision = rules.decide(tiktok, larch, MONDAY_NOON, [grant])
        assert (decision.outcome, decision.grant) == (Outcome.GRANT, grant)
        return decision

    lesson = opened_for("lesson")
    assert lesson.reason == "TikTok is open to you until 13:00 on 23 November: a lesson on sharing."
    assert (lesson.rule.id, lesson.clause.id) == ("lesson", "purposes")
    assert lesson.as_json()["grant"] == "lesson#17"
    dropped = opened_for("choir")
    assert dropped.reason == "TikTok is open to you until 13:00 on 23 November: choir."
    assert dropped.rule is None
