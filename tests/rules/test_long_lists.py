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
        "and none of your school purposes covers this."
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
        (
            None,
            "lists.dating: This list has not been imported. Bring it in with 'schoolgate lists "
            "import dating WHERE'.",
        ),
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


MORE = "@93.184.24.0/21\n=192.0.2.7\n=2001:db8::7\nnews.example/Chat\nnews.example/people/a\n"


@pytest.fixture
def with_more(listed: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The same, with addresses, a network and paths in the list."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "dating.txt").write_text("meet.example\n")
    (tmp_path / "lists" / "dating.more").write_text(MORE)
    return listed


def test_listed_addresses_and_networks_are_restricted_as_the_lists_own(
    load: Load, with_more: dict[str, Any]
) -> None:
    rules = load(with_more)
    dating = rules.catalogue.sites["dating"]
    for address in ("93.184.31.255", "192.0.2.7", "2001:db8::7"):
        assert rules.restricted_network(address) is dating
        assert rules.restricted_site(address) is dating
    assert rules.restricted_network("192.0.2.8") is None
    assert {str(network) for network in rules.restricted_networks()} >= {"192.0.2.7/32"}


def test_an_address_of_a_site_or_of_an_earlier_list_stays_there(
    load: Load, with_more: dict[str, Any], tmp_path: Path
) -> None:
    with_more["sites"] = {"own": {"name": "Own", "domains": "own.example",
                                  "networks": "192.0.2.0/24"}}  # fmt: skip
    with_more["lists"]["second"] = {"name": "Another", "categories": "social-networking"}
    (tmp_path / "lists" / "second.txt").write_text("")
    (tmp_path / "lists" / "second.more").write_text(MORE)
    rules = load(with_more)
    assert rules.catalogue.site_at("192.0.2.7") is rules.catalogue.sites["own"]
    assert rules.catalogue.site_at("93.184.24.1") is rules.catalogue.sites["dating"]
    assert rules.catalogue.sites["second"].networks == ()


def test_listed_paths_are_ignored_until_the_policy_says_otherwise(
    load: Load, with_more: dict[str, Any]
) -> None:
    rules = load(with_more)
    assert rules.listed_paths is None
    assert not rules.sees_through("news.example")
    request = WebRequest("news.example", path="/chat")
    assert rules.decide(request, rules.people["a.larch"], NOON).allowed


@pytest.mark.parametrize(
    ("host", "path", "restricted"),
    [
        ("news.example", "/chat", True),
        ("news.example", "/CHAT/", True),
        ("www.news.example", "/chat/room/1", True),
        ("news.example", "//chat", True),
        ("news.example", "/%63hat", True),
        ("news.example", "/x/../chat", True),  # read in two ways: taken for a listed one
        ("news.example", "/people/a", True),
        ("news.example", "/chatter", False),
        ("news.example", "/people", False),
        ("news.example", "/people/b", False),
        ("news.example", "/", False),
        ("news.example", None, False),
        ("oldnews.example", "/chat", False),
        ("meet.example", "/", True),
    ],
)
def test_listed_paths_are_restricted_where_the_policy_decrypts_for_them(
    load: Load, with_more: dict[str, Any], host: str, path: str | None, restricted: bool
) -> None:
    with_more["lists"]["dating"]["paths"] = "decrypted"
    rules = load(with_more)
    decision = rules.decide(WebRequest(host, path=path), rules.people["a.larch"], NOON)
    assert decision.allowed is not restricted
    assert (decision.site is rules.catalogue.sites["dating"]) is restricted


def test_hosts_of_listed_paths_are_looked_into_and_no_others(
    load: Load, with_more: dict[str, Any]
) -> None:
    with_more["lists"]["dating"]["paths"] = "decrypted"
    rules = load(with_more)
    assert rules.sees_through("news.example")
    assert rules.sees_through("www.news.example")
    assert not rules.sees_through("example")
    assert not rules.sees_through("oldnews.example")
    assert rules.sees_through("web.archive.org")
    assert "news.example" in rules.mirrors, "the gateway sends it here"
    assert {"meet.example"} <= set(rules.restricted_domains())
    with_more["restricted"] = ["tiktok"]
    rules = load(with_more)
    assert rules.listed_paths is None, "the list is not restricted"
    assert rules.telling_paths == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("news.example\n", "dating.more:1: The list is damaged, or is none. Import it again"),
        ("=192.0.2.7\n=192.0.2\n", "dating.more:2: The list is damaged"),
        ("@192.0.2.7/24\n", "dating.more:1: The list is damaged"),
        ("\xff", "dating.more:1: The list is damaged"),
        ("".join(f"=31.{n >> 8}.{n & 255}.0\n" for n in range(50_001)),
         "lists.dating: The list has more than 50,000 addresses, or very many paths. Import a"),
    ],
)  # fmt: skip
def test_what_is_damaged_beside_the_names_is_a_fault_too(
    load: Load, with_more: dict[str, Any], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "lists" / "dating.more").write_text(text)
    with pytest.raises(PolicyError) as refused:
        load(with_more)
    assert said in str(refused.value)


def test_a_folder_in_the_place_of_a_list_is_said(
    load: Load, listed: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "lists" / "dating.txt").mkdir(parents=True)
    with pytest.raises(PolicyError, match=r"'dating.txt' cannot be used: This is a folder"):
        load(listed)
