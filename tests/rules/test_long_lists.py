"""Imported lists: a million domains, each list treated as one site."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rules.faults import PolicyError
from rules.loading import load_policy
from rules.policy import Policy
from rules.request import WebRequest
from tests.rules.policies import SITES

Load = Callable[..., Policy]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def listed(policy: dict[str, Any]) -> dict[str, Any]:
    """The small policy with a list of dating sites."""
    policy["lists"] = {"dating": {"name": "A dating site", "categories": ["social-networking"]}}
    return policy


def test_a_listed_domain_is_restricted_with_everything_below_it(
    load: Load, listed: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "dating.txt").write_text("meet.example\nfacebook.com\nxn--bcher-kva.de")
    rules = load(listed)
    decision = rules.decide(WebRequest("www.meet.example"), rules.people["a.larch"], NOON)
    assert decision.reason == (
        "A dating site is a social networking site. At school it opens only for a school purpose, "
        "and none of yours covers this."
    )
    assert rules.restricted_site("xn--bcher-kva.de") is rules.catalogue.sites["dating"]
    assert rules.restricted_site("facebook.com") is rules.catalogue.sites["facebook"]
    assert rules.restricted_site("meet.example.org") is None
    assert tmp_path / "lists" / "dating.txt" in rules.files


def test_lists_may_be_kept_elsewhere(load: Load, listed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "dating.txt").write_text("")
    with pytest.raises(PolicyError):
        load(listed)
    rules = load_policy(tmp_path / "policy.yaml", SITES, tmp_path)
    assert "dating" in rules.restricted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "'dating.txt' cannot be used: There is no such file. Check its name."),
        ("good.example\nBad.example\n", "dating.txt:2: The list is damaged, or is none. Import it"),
        ("good.example\n\n", "dating.txt:2: The list is damaged"),
        ("com\n", "dating.txt:1: The list is damaged"),
        (".example\n", "dating.txt:1: The list is damaged"),
        ("<html>\n", "dating.txt:1: The list is damaged"),
        ("é.example\n", "dating.txt:1: The list is damaged"),
    ],
)
def test_a_damaged_list_is_a_fault(
    load: Load, listed: dict[str, Any], tmp_path: Path, text: str | None, said: str
) -> None:
    (tmp_path / "lists").mkdir()
    if text is not None:
        (tmp_path / "lists" / "dating.txt").write_text(text)
    with pytest.raises(PolicyError) as refused:
        load(listed)
    assert said in str(refused.value)


def test_a_list_has_a_name_of_its_own(load: Load, listed: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "tiktok.txt").write_text("")
    listed["lists"] = {"tiktok": listed["lists"]["dating"]}
    with pytest.raises(
        PolicyError, match=r"'tiktok' is also a site\. Give the list another name\."
    ):
        load(listed)
