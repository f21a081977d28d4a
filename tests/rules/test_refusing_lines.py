"""A refusal names the line of the policy that it goes back to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rules.decision import Outcome
from rules.loading import load_policy
from rules.policy import Policy
from rules.request import WebRequest
from tests.rules.policies import SITES
from tests.rules.test_bad_policies import GOOD

POLICY = (
    GOOD.replace("[social-networking]", "\n  - social-networking\n  - tiktok\n  - youtube")
    + "unidentified: {access: refuse}\nessentials:\n  - gov.uk\n  - nhs.uk\n"
)
MONDAY, SUNDAY = datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 22, 12, tzinfo=UTC)
NETWORKS = "a social networking site opens only for a school purpose"


@pytest.mark.parametrize(
    ("host", "who", "now", "rule", "title", "line"),
    [
        ("facebook.com", "b.pine", MONDAY, "restricted: social-networking", NETWORKS, 15),
        # A purpose came close; what refuses is the restriction all the same.
        ("facebook.com", "a.larch", SUNDAY, "restricted: social-networking", NETWORKS, 15),
        ("tiktok.com", "a.larch", MONDAY, "restricted: tiktok",
         "TikTok opens only for a school purpose", 16),
        ("youtube.com", "a.larch", MONDAY, "restricted: youtube",
         "YouTube opens only for a school purpose", 17),
        ("facebook.com", "", MONDAY, "unidentified: refuse",
         "a device that nobody is known to use opens no restricted site", 26),
        ("bbc.co.uk", "withdrawn", MONDAY, "essentials",
         "nothing else stays open to a person whose web access is withdrawn", 28),
    ],
)  # fmt: skip
def test_it_names_the_entry_with_its_file_and_line(
    load: Callable[..., Policy],
    host: str,
    who: str,
    now: datetime,
    rule: str,
    title: str,
    line: int,
) -> None:
    rules = load(POLICY)
    person = rules.people.get(who)
    if who == "withdrawn":
        person = replace(rules.people["a.larch"], withdrawn=True)
    decision = rules.decide(WebRequest(host), person, now)
    assert not decision.allowed
    assert decision.as_json()["rule"] == {
        "id": rule, "title": title, "file": "policy.yaml", "line": line,
    }  # fmt: skip


def test_where_a_policy_says_nothing_of_unknown_devices_the_restriction_is_named(
    load: Callable[..., Policy],
) -> None:
    rules = load(GOOD)
    decision = rules.decide(WebRequest("facebook.com"), None, MONDAY)
    assert decision.outcome is Outcome.UNIDENTIFIED
    assert decision.rule is not None
    assert (decision.rule.id, decision.rule.line) == ("restricted: social-networking", 14)
    assert "unidentified" not in rules.spots


def test_a_device_that_counts_as_a_visitors_is_told_that(load: Callable[..., Policy]) -> None:
    rules = load(GOOD + "unidentified: {access: as-visitor}\n")
    decision = rules.decide(WebRequest("facebook.com"), None, MONDAY)
    assert decision.rule is not None
    assert decision.rule.id == "unidentified: as-visitor"
    assert decision.rule.title.endswith("counts as a visitor's")


def test_a_withdrawal_without_essentials_and_a_site_that_is_open_have_no_line(
    load: Callable[..., Policy],
) -> None:
    rules = load(GOOD)
    gone = replace(rules.people["a.larch"], withdrawn=True)
    assert rules.decide(WebRequest("facebook.com"), gone, MONDAY).rule is None
    assert rules.decide(WebRequest("youtube.com"), None, MONDAY).rule is None
    assert rules.refuse(Outcome.MISMATCH, None).rule is None


def test_an_entry_of_an_included_file_is_named_with_that_file(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("include: [closed.yaml]\n" + GOOD)
    (tmp_path / "closed.yaml").write_text("# ours\nrestricted: [youtube]\n")
    rules = load_policy(tmp_path / "policy.yaml", SITES)
    rule = rules.decide(WebRequest("youtube.com"), rules.people["b.pine"], MONDAY).rule
    assert rule is not None
    assert (rule.file, rule.line) == ("closed.yaml", 2)
    assert rules.spots["restricted.youtube"].line == 2


def test_each_entry_has_a_place(load: Callable[..., Policy]) -> None:
    spots = load(POLICY).spots
    places = {name: spots[name].line for name in spots if name[:3] in ("res", "uni", "ess")}
    assert places == {
        "restricted.social-networking": 15,
        "restricted.tiktok": 16,
        "restricted.youtube": 17,
        "essentials.gov.uk": 28,
        "essentials.nhs.uk": 29,
        "unidentified": 26,
    }
