"""What is probably a mistake in a policy, or due to be looked at again."""

# ruff: noqa: E501 - messages are compared whole

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from rules.lint import lint
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Policy
from rules.policy_tests import run_policy_tests

Load = Callable[..., Policy]
TODAY = date(2026, 11, 23)
TRIAL = {
    "who": "a.larch", "when": "2026-11-23 10:00", "what": "facebook.com/school",
    "expect": "opens", "why": "the page",
}  # fmt: skip
TERM = {"first": "2026-09-02", "last": "2026-12-18"}


def test_the_shipped_policy_has_nothing_to_mend() -> None:
    assert lint(load_policy(SHIPPED_POLICY), TODAY) == ()


@pytest.mark.parametrize(
    ("change", "today", "said"),
    [
        ({}, TODAY, []),
        ({"tests": None}, TODAY, [
            "policy.yaml:1: The policy has no tests of its own. Add 'tests:' with questions whose "
            "answers the school is sure of."]),
        ({"review": "2026-11-22", "reviewed-by": "The committee"}, TODAY, [
            "policy.yaml:1: The policy was due for review by 2026-11-22. The committee should see it."]),
        ({"review": "2026-11-22"}, TODAY, [
            "policy.yaml:1: The policy was due for review by 2026-11-22. The governors should see it."]),
        ({}, date(2027, 9, 2), [
            "purposes.page: This was due for review by 2027-09-01. Bay Pine answers for it."]),
        ({"purposes.page.until": "2026-11-22"}, TODAY, [
            "purposes.page: This ended on 2026-11-22. Take it out."]),
        ({"groups": {"office": {"title": "Office"}, "empty": {"title": "Nobody"}}}, TODAY, [
            "groups.empty: Nobody is in the group 'empty'. Is it still needed?"]),
        ({"groups": {"empty": {"title": "Nobody"}}, "purposes.page.who": ["empty"]}, TODAY, [
            "groups.empty: Nobody is in the group 'empty'. Is it still needed?",
            "purposes.page: This is for nobody. The people it names have gone."]),
        ({"people": {"b.pine": {"name": "Bay Pine", "role": "governor"}},
          "purposes.page.who": ["visitor"]}, TODAY, ["purposes.page: This is for nobody."]),
        ({"people": {"b.pine": {"name": "Bay Pine", "role": "governor"}},
          "unidentified": {"access": "as-visitor"}, "purposes.page.who": ["visitor"]}, TODAY, []),
        ({"people.b.larch": {"name": "ash larch", "role": "governor"}}, TODAY, [
            "people.b.larch: ash larch is governor here and employee as 'a.larch'. Give each "]),
        ({"groups": {"office": {"title": "The office"}, "year-6": {"title": "Year 6"}},
          "people.c.cedar": {"name": "Cy Cedar", "role": "employee", "groups": ["offfice"]}}, TODAY, [
            "people.c.cedar: Cy Cedar is in the group 'offfice', which 'groups' does not name. "
            "Did you mean 'office'?"]),
        ({"sites": {"own": {"name": "Own", "domains": ["own.example"]}}}, TODAY, [
            "sites.own: Own is in no category. It is restricted only if 'restricted' names it."]),
        ({"sites": {"own": {"name": "Own", "domains": ["own.example"],
                            "categories": ["social-netwroking"]}}}, TODAY, [
            "sites.own: Own alone is in the category 'social-netwroking'. "
            "Did you mean 'social-networking'?"]),
        ({"sites": {"own": {"name": "Own", "domains": ["own.example"], "categories": ["chess"]}}},
         TODAY, ["sites.own: Own alone is in the category 'chess'. Nothing restricts it."]),
        ({"sites": {"own": {"name": "Own", "domains": ["own.example"], "categories": ["chess"]}},
          "restricted": ["social-networking", "chess"]}, TODAY, []),
        ({"sites": {"own": {"name": "Own", "domains": ["own.example"], "categories": ["chess"]}},
          "categories": {"chess": {"name": "chess site"}}}, TODAY, []),
        ({"essentials": ["gstatic.com", "tiktok.com", "gov.uk"]}, TODAY, [
            "The essential 'gstatic.com' is a content network that thousands of sites share.",
            "The essential 'tiktok.com' belongs to TikTok, which is restricted."]),
        ({"essentials": ["uk", "com", "co.uk", "github.io", "google.com", "nhs.uk", "a.sch.uk", "police.uk"]},
         TODAY, [
            "The essential 'co.uk' is shared by everyone who registers a name below it. Name the hosts",
            "The essential 'com' is shared by everyone", "The essential 'uk' is shared by everyone",
            "The essential 'github.io' is shared by everyone",
            "The essential 'google.com' is a content network"]),
        ({"purposes.page.paths": ["/", "/school"]}, TODAY, [
            "purposes.page: The path '/' is all of Facebook, and not the front page only. Name the parts"]),
        ({"purposes.page.paths": ["/*", "/school/*"]}, TODAY, [
            "purposes.page: The path '/*' is all of Facebook, and not the front page only."]),
        ({"purposes.page.paths": ["/**"]}, TODAY, ["purposes.page: The path '/**' is all of Facebook"]),
        ({"purposes.page.paths": ["www.facebook.com/*", "facebook.com/"]}, TODAY, [
            "The path 'www.facebook.com/*' is all of Facebook", "The path 'facebook.com/' is all of"]),
        ({"purposes.page.paths": ["/school", "/*/x", "fbcdn.net/*", "m.facebook.com/*"]}, TODAY, []),
        ({"purposes.page.sites": ["facebook", "tiktok"],
          "purposes.page.actions": ["post"]}, TODAY, [
            "purposes.page: This can never hold on TikTok: no request there is known to be post. "
            "Leave 'actions' out, or list the requests as 'endpoints' under 'sites'."]),
        ({"purposes.page.paths": ["/school"], "purposes.page.sites": ["tiktok"],
          "purposes.page.actions": ["upload", "react"]}, TODAY, ["no request there is known to be react or upload."]),
        ({"purposes.page.paths": ["/school"], "purposes.page.sites": ["tiktok"],
          "purposes.page.actions": ["view", "post"]}, TODAY, []),
        ({"not-decrypted": ["facebook"]}, TODAY, [
            "purposes.page: Facebook is not decrypted for its app, so paths and actions are not seen"]),
        ({"purposes.page.sites": ["facebook", "youtube"]}, TODAY, [
            "purposes.page: YouTube is not restricted, so it needs no purpose. Restrict it, or"]),
        ({"calendar": {"terms": [TERM]}, "purposes.page.when": "INSET days"}, TODAY, [
            "purposes.page: This can never hold: no day of the coming year has such an hour."]),
        ({"calendar": {"terms": [TERM], "directed-time": "Mon 09:00-10:00"},
          "purposes.page.when": "directed time"}, TODAY, []),
        ({"calendar": {"terms": [TERM], "directed-time": "Mon 09:00-24:00"},
          "purposes.page.when": "school days, Sat"}, TODAY, ["This can never hold"]),
    ],
)  # fmt: skip
def test_what_needs_a_second_look_is_said(
    load: Load, policy: dict[str, Any], change: dict[str, Any], today: date, said: list[str]
) -> None:
    policy["tests"] = [TRIAL]
    for key, value in change.items():
        inner, name = policy, key
        if key.startswith(("purposes.page.", "people.")):
            section, name = key.split(".", 1) if key.startswith("people.") else ("", key[14:])
            inner = policy[section] if section else policy["purposes"]["page"]
        inner[name] = value
    if "tests" in change:
        del policy["tests"]
    elif "people" in change:
        policy["tests"] = [TRIAL | {"who": "nobody"}]
    found = [str(fault) for fault in lint(load(policy), today)]
    assert len(found) == len(said), found
    for part in said:
        assert any(part in line for line in found), found


def test_a_policy_is_asked_its_own_questions(load: Load, policy: dict[str, Any]) -> None:
    policy["tests"] = [
        TRIAL,
        TRIAL | {"who": "nobody", "what": "tiktok.com"},
        TRIAL | {"expect": "refused"},
    ]
    results = run_policy_tests(load(policy))
    assert [result.passed for result in results] == [True, False, False]
    texts = [str(result).partition(": ")[2] for result in results]
    assert texts == [
        "facebook.com/school for a.larch on Mon 2026-11-23 10:00 opens as expected. "
        "Facebook is open here for a school purpose: the school's page.",
        "tiktok.com for nobody known on Mon 2026-11-23 10:00 is refused and should open (the page). "
        "TikTok is a social networking site. At school it opens only for a school purpose, and the "
        "gate does not know who is using this device.",
        "facebook.com/school for a.larch on Mon 2026-11-23 10:00 opens and should be refused "
        "(the page). Facebook is open here for a school purpose: the school's page.",
    ]


def test_the_shipped_policy_answers_its_own_questions() -> None:
    results = run_policy_tests(load_policy(SHIPPED_POLICY))
    assert len(results) == 10
    assert all(result.passed for result in results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"when": "tomorrow"},
            "'tomorrow' is not a date and time; write it like '2026-11-23 10:00'.",
        ),
        ({"when": "2026-11-31 10:00"}, "There is no such day as 2026-11-31."),
        (
            {"what": "ftp://x"},
            "tests[0].what: 'ftp://x' is not a web address: it does not begin with",
        ),
        ({"method": "get"}, "'get' is not a method like GET or POST."),
        ({"expect": "open"}, "'open' is not an answer. Did you mean 'opens'?"),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_fault(
    load: Load, policy: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    policy["tests"] = [TRIAL | change]
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - a PolicyError, compared in words
        load(policy)
    assert said in str(refused.value)
