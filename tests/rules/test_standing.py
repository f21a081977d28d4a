"""What is remembered for a minute changes no answer that asking every condition would give."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import rules.kinds
import rules.near
import rules.standing
from rules.conditions import Asked, Condition, OnPath
from rules.decision import Near
from rules.loading import load_policy
from rules.paths import PathCover, PathPattern, plain_path
from rules.policy import Policy
from rules.request import Person, Role, WebRequest
from rules.sites import Site
from tests.rules.policies import SITES, small_policy

Load = Callable[..., Policy]
LONDON = ZoneInfo("Europe/London")
_SOMEONE = Person("", "somebody unknown", Role.VISITOR)


def many_purposes() -> dict[str, Any]:
    """The small policy with purposes of every make, in hours that follow and overlap each other."""
    policy = small_policy()
    policy["unidentified"] = {"access": "as-visitor"}
    policy["calendar"] = {
        "terms": [{"name": "Autumn", "first": "2026-09-02", "last": "2026-12-18"}],
        "inset-days": ["2026-11-24"],
        "directed-time": "Mon-Fri 08:30-15:45",
        "breaks": ["Mon-Fri 12:00-13:00"],
    }
    usual = {"owner": "b.pine", "review": "2027-01-01", "sites": ["facebook"]}
    for number, entries in enumerate(
        [
            {"who": ["staff"], "when": "school days, breaks"},
            {"who": ["staff"], "when": "directed time", "paths": ["/school", "fbcdn.net/a"]},
            {"who": ["office"], "until": "2026-11-24", "actions": ["post"]},
            {"who": ["office"], "until": "2026-11-24", "when": "Sun 09:00-10:00", "paths": ["/x"]},
            {"who": ["visitor"], "paths": ["/a/*/b", "/login/*", "/"], "when": "Tue"},
            {"who": ["visitor", "a.larch"], "actions": ["view"], "when": "10:00-10:01"},
            {"who": ["a.larch"], "sites": ["tiktok"]},
            {"who": ["staff"], "sites": ["tiktok"], "paths": ["/never-asked"]},
        ]
    ):
        policy["purposes"][f"more-{number}"] = {"title": f"lesson {number}", **usual, **entries}
    return policy


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    path = tmp_path_factory.mktemp("policies") / "policy.yaml"
    path.write_text(yaml.safe_dump(many_purposes()))
    return load_policy(path, SITES)


def holds(condition: Condition, asked: Asked) -> bool:
    if not isinstance(condition, OnPath):
        return condition.holds(asked)
    host, plain = asked.request.host, asked.plain
    return plain is not None and any(p.matches(host, plain) for p in condition.patterns)


def plainly(policy: Policy, site: Site, asked: Asked) -> tuple[str | None, str, tuple[Near, ...]]:
    """The rule that opens the site, or none and the hint, and what came close, with no memory."""
    hint, near = "", []
    for purpose in policy.purposes:
        failed = [c for c in purpose.every if not holds(c, asked)]
        here, words = site.id in purpose.sites, tuple(c.why_not(asked) for c in failed)
        if not failed:
            return purpose.rule.id, "", ()
        mine = purpose.who.covers(asked.person)
        if len(failed) == 1 and here and mine and not hint:
            hint = f" You have a purpose for it, “{purpose.rule.title}”: {words[0]}."
        if here or (mine and len(failed) == 1):
            near.append((not here, len(failed), Near(purpose.rule, words)))
    near.sort(key=lambda one: one[:2])
    return None, hint, tuple(one for *_, one in near)


REQUESTS = st.builds(
    WebRequest,
    st.sampled_from(["facebook.com", "www.facebook.com", "x.fbcdn.net", "tiktok.com"]),
    method=st.sampled_from(["GET", "POST"]),
    path=st.none()
    | st.sampled_from(["/", "/School/", "/schoolmates", "/a/b", "/a//c/b", "/login", "/login/x"])
    | st.sampled_from(["/never-asked", "/x", "/a/../school", "/%2e", "/sch%6fol/page", "*"]),
)
PEOPLE = st.sampled_from([None, *small_policy()["people"]])
# Few minutes, so that they come again, and seconds within them.
MOMENTS = st.builds(
    lambda day, minute, second, zone: (
        datetime(2026, 11, 22, 9, 58, tzinfo=UTC) + timedelta(day, minute * 60 + second)
    ).astimezone(zone),
    st.integers(0, 3),
    st.sampled_from([0, 1, 2, 3, 122, 123, 182, 183]),
    st.sampled_from([0, 0.000001, 30, 59.999999]),
    st.sampled_from([UTC, LONDON]),
)


@given(asked=st.lists(st.tuples(REQUESTS, PEOPLE, MOMENTS), min_size=1, max_size=8))
def test_every_answer_is_the_one_that_asking_every_condition_gives(
    both: Policy, asked: list[tuple[WebRequest, str | None, datetime]]
) -> None:
    for request, who, now in asked:
        person = both.people[who] if who else None
        explanation = both.explain(request, person, now)
        decision = explanation.decision
        site = both.restricted_site(request.host)
        assert site is not None
        question = Asked.about(request, site, person or _SOMEONE, now.astimezone(LONDON))
        rule, hint, near = plainly(both, site, question)
        assert decision.allowed == (rule is not None)
        assert decision.rule is not None
        refusing = "restricted: social-networking" if person else "unidentified: as-visitor"
        assert decision.rule.id == (rule or refusing)
        assert explanation.near == near
        if person is not None and not decision.allowed:
            assert decision.reason.endswith("covers this." + hint)


def test_an_answer_hinges_on_the_path_only_where_a_purpose_lacks_nothing_else(both: Policy) -> None:
    larch, noon = both.people["a.larch"], datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
    night = noon + timedelta(hours=8)
    asked = [("facebook.com", noon), ("facebook.com", night), ("tiktok.com", noon)]
    asked.append(("news.example", noon))
    found = [both.hinges_on_path(WebRequest(host), larch, now) for host, now in asked]
    assert found == [True, False, False, False]


def test_a_person_whose_groups_change_is_judged_anew(both: Policy) -> None:
    noon = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
    request = WebRequest("facebook.com", path="/")
    larch = both.people["a.larch"]
    assert both.decide(request, larch, noon).allowed
    assert not both.decide(request, replace(larch, role=Role.PUPIL), noon).allowed
    assert both.decide(request, larch, noon).allowed


def test_no_more_is_remembered_than_a_bound(both: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rules.standing, rules.near):
        monkeypatch.setattr(module, "_MOST", 2)
    monkeypatch.setattr(rules.kinds, "_MOST_KINDS", 2)
    noon = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
    for _ in range(2):
        for who, opens in (("a.larch", True), ("b.pine", True), ("c.moss", False)):
            for path, allowed in (("/school", opens), ("/else", False)):
                request = WebRequest("facebook.com", path=path)
                assert both.explain(request, both.people[who], noon).decision.allowed is allowed


def test_the_hours_turn_to_the_second_whichever_way_the_clock_goes(both: Policy) -> None:
    page, larch = WebRequest("facebook.com", path="/nowhere"), both.people["a.larch"]
    begins = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a school day's break
    second = timedelta(seconds=1)
    for now in (begins - second, begins, begins + timedelta(minutes=30), begins - second, begins):
        assert both.decide(page, larch, now).allowed is (now >= begins)
    # Clocks go back at one o'clock UTC, and the minute after 01:59 is 01:00 once more.
    first, again = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    for now in (first, again, first):
        assert "it is Sunday 01:30" in both.decide(page, larch, now).reason


def test_a_last_day_ends_at_midnight_by_the_schools_clock(both: Policy) -> None:
    post = WebRequest("facebook.com", method="POST", path="/ajax/updatestatus.php")
    larch = both.people["a.larch"]
    midnight = datetime(2026, 11, 25, tzinfo=LONDON)
    for now in (midnight - timedelta(microseconds=1), midnight, midnight - timedelta(minutes=5)):
        assert both.decide(post, larch, now.astimezone(UTC)).allowed is (now < midnight)


def test_a_refusal_tells_the_minute_that_it_is_in(both: Policy) -> None:
    noon, person = datetime(2026, 11, 28, 12, tzinfo=UTC), both.people["a.larch"]
    for minute in (0, 1, 2, 1, 60):  # nothing opens or closes in between
        now = noon + timedelta(minutes=minute)
        reason = both.decide(WebRequest("facebook.com", path="/school"), person, now).reason
        assert f"and it is Saturday {now:%H:%M}" in reason


def test_the_last_minute_that_a_clock_can_show_has_an_answer(both: Policy) -> None:
    end = datetime.max.replace(tzinfo=UTC)
    assert not both.decide(WebRequest("facebook.com"), both.people["a.larch"], end).allowed


STEPS = st.sampled_from(
    ["", "a", "A.b", ".", "..", ".a", "a;b", "~x", "%61", "a b", "ſ", "K", "x,y"]
)
PATHS = st.lists(STEPS, max_size=5).map(lambda steps: "/" + "/".join(steps))


@given(path=PATHS)
def test_the_short_way_to_a_plain_path_gives_what_the_long_way_gives(path: str) -> None:
    # An empty step is dropped, and only the long way does that.
    assert plain_path(path) == plain_path("/" + path)


@given(
    texts=st.lists(
        st.sampled_from(
            ["/", "/a", "/a/", "/a/b", "/*", "/a*", "/a/*", "/*a", "/a/*/b", "x.example/", "/a*b*"]
        ),
        max_size=4,
    ),
    host=st.sampled_from(["x.example", "www.x.example", "y.example"]),
    path=st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=4),
    slash=st.sampled_from(["", "/"]),
)
def test_patterns_asked_at_once_say_what_they_say_one_by_one(
    texts: list[str], host: str, path: list[str], slash: str
) -> None:
    plain = plain_path("/" + "/".join(path) + slash)
    patterns = [PathPattern.parse(text) for text in texts]
    assert plain is not None
    assert PathCover(patterns).covers(host, plain) == any(p.matches(host, plain) for p in patterns)
