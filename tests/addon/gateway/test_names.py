"""Whatever the policy would judge is among the names that reach the proxy."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from addon.gateway.names import GatewayNames, gateway_names
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Outcome, Policy
from rules.request import WebRequest

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(SHIPPED_POLICY)


@pytest.fixture(scope="module")
def names(policy: Policy) -> GatewayNames:
    return gateway_names(policy)


def reaches_the_proxy(names: GatewayNames, host: str) -> bool:
    labels = host.split(".")
    return any(".".join(labels[start:]) in names.domains for start in range(len(labels)))


@pytest.mark.parametrize(
    ("host", "seen"),
    [
        ("www.facebook.com", True),
        ("facebook.com", True),
        ("a.b.c.instagram.com", True),
        ("mastodon.social", True),
        ("web.archive.org", True),
        ("www-facebook-com.translate.goog", True),
        ("translate.google.co.uk", True),
        ("www.bbc.co.uk", False),
        ("notfacebook.com", False),
        ("facebook.com.example", False),
        ("com", False),
        ("goog", False),
    ],
)
def test_restricted_sites_and_what_shows_them(names: GatewayNames, host: str, seen: bool) -> None:
    assert reaches_the_proxy(names, host) is seen


def test_no_name_that_the_policy_judges_is_missing(policy: Policy, names: GatewayNames) -> None:
    for site in policy.catalogue:
        for domain in site.domains:
            for host in (domain, f"www.{domain}", f"{domain.replace('.', '-')}.translate.goog"):
                decision = policy.decide(WebRequest(host), None, NOW)
                if decision.outcome is not Outcome.NOT_RESTRICTED or policy.sees_through(host):
                    assert reaches_the_proxy(names, host), host


def test_the_networks_are_those_of_the_restricted_sites(
    policy: Policy, names: GatewayNames
) -> None:
    assert ip_network("157.240.0.0/16") in names.networks
    assert any(network.version == 6 for network in names.networks)
    for site in policy.catalogue:
        for network in site.networks:
            assert (network in names.networks) is (site.id in policy.restricted)


def test_what_a_fediverse_server_is_asked_tells_it_under_any_name(names: GatewayNames) -> None:
    assert "/api/v1/timelines/" in names.paths


def test_a_policy_that_restricts_nothing_sends_nothing_to_the_proxy(policy: Policy) -> None:
    names = gateway_names(replace(policy, restricted=frozenset()))
    assert (names.domains, names.networks, names.paths) == (frozenset(), frozenset(), ())
