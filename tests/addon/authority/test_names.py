"""What is signed for: what the policy restricts and the gate has to look into, and no more."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from cryptography import x509

from addon.authority.names import MOST_NAMES, UNNAMED, wanted
from addon.authority.parts import NAMES_IN_ONE, Covering, Part, deal_out
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Policy
from rules.sites import Catalogue, Site
from tests.support.authority import NEED, need


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_policy(SHIPPED_POLICY)


def with_list(policy: Policy, count: int) -> Policy:
    """A policy that restricts a list of so many domains as well."""
    site = Site("games", "Games", ())
    listed = {"games": [f"game-{number}.example" for number in range(count)]}
    catalogue = Catalogue([*policy.catalogue, site], listed)
    return replace(policy, catalogue=catalogue, restricted=policy.restricted | {"games"})


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("facebook.com", True),
        ("www.facebook.com", True),
        ("a.b.c.facebook.com", True),
        ("web.archive.org", True),
        ("www-facebook-com.translate.goog", True),
        ("gate.school.example", True),
        (UNNAMED, True),
        ("157.240.1.35", True),
        ("2a03:2880:f158::35", True),
        ("notfacebook.com", False),
        ("com", False),
        ("www.bank.example", False),
        ("www.bbc.co.uk", False),
        ("198.51.100.7", False),
        ("2001:db8::1", False),
        ("invalid", False),
    ],
)
def test_the_shipped_policy_needs_its_sites_and_their_mirrors_and_the_portal(
    shipped: Policy, host: str, covered: bool
) -> None:
    covering = Covering(deal_out(wanted(shipped, "http://gate.school.example:8081")))
    assert (covering.part_for(host) is not None) is covered


@pytest.mark.parametrize(
    ("portal", "own"),
    [
        ("http://gate.school.example:8081", ("gate.school.example",)),
        ("https://Gate.School.Example/", ("gate.school.example",)),
        ("gate.school.example", ("gate.school.example",)),
        ("http://127.0.0.1:8081", ()),
        ("http://[::1]:8081", ()),
        ("http://gate:8081", ()),
        ("http://[", ()),
        ("", ()),
    ],
)
def test_the_portals_name_is_covered_where_it_is_one(
    shipped: Policy, portal: str, own: tuple[str, ...]
) -> None:
    assert wanted(shipped, portal).own == (UNNAMED, *own)


def test_a_list_that_is_too_long_is_left_out_whole_and_named(shipped: Policy) -> None:
    few = wanted(with_list(shipped, 500), "")
    assert "game-7.example" in few.domains
    assert few.left_out == ()
    many = wanted(with_list(shipped, MOST_NAMES), "")
    assert not any(name.startswith("game-") for name in many.domains)
    assert many.left_out == (("Games", MOST_NAMES),)
    assert "facebook.com" in many.domains


def test_a_name_that_a_verifier_could_stumble_over_is_left_out(shipped: Policy) -> None:
    listed = {"odd": ["under_score.example", "fine.example"]}
    catalogue = Catalogue([*shipped.catalogue, Site("odd", "Odd", ())], listed)
    policy = replace(shipped, catalogue=catalogue, restricted=shipped.restricted | {"odd"})
    assert {"fine.example"} == {n for n in wanted(policy, "").domains if n.endswith(".example")}


def test_a_name_below_another_needs_no_entry_of_its_own(shipped: Policy) -> None:
    domains = wanted(shipped, "").domains
    assert not any(name.partition(".")[2] in domains for name in domains)


def test_a_certificate_has_a_hundred_names_at_most(shipped: Policy) -> None:
    parts = deal_out(wanted(shipped, ""))
    assert max(len(part.names) for part in parts) <= NAMES_IN_ONE
    assert sum(len(part.names) for part in parts[1:]) == len(wanted(shipped, "").domains)


def test_addresses_are_shut_out_where_none_are_permitted() -> None:
    everywhere = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    for part, shut in (
        (Part(("a.example",)), everywhere),
        (Part(("a.example",), (ip_network("192.0.2.0/24"),)), everywhere[1:]),
        (Part(("a.example",), (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))), []),
    ):
        excluded = part.constraints().excluded_subtrees or []
        assert excluded == [x509.IPAddress(network) for network in shut]


def test_what_is_missing_is_told_by_name() -> None:
    covering = Covering(deal_out(NEED))
    assert covering.missing(NEED) == ()
    assert covering.is_exactly(NEED)
    more = replace(
        need("social.example", "www.chat.example", "new.example"),
        networks=NEED.networks | {ip_network("203.0.113.0/24")},
    )
    assert covering.missing(more) == ("new.example", "203.0.113.0/24")
    assert not covering.is_exactly(more)
