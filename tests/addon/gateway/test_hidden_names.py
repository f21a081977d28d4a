"""Names whose only use is to hide others."""

from __future__ import annotations

import pytest

from addon.gateway.front import RESTRICTED, tables
from addon.gateway.hidden_names import hides
from addon.gateway.names import gateway_names
from rules.loading import SHIPPED_POLICY, load_policy


@pytest.mark.parametrize(
    ("host", "hidden"),
    [
        ("cloudflare-ech.com", True),
        ("any.cloudflare-ech.com", True),
        ("dns.google", True),
        ("mozilla.cloudflare-dns.com", True),
        ("mask-h2.icloud.com", True),
        ("www.icloud.com", False),
        ("google", False),
        ("www.cloudflare.com", False),
        ("notcloudflare-ech.com", False),
        ("www.facebook.com", False),
    ],
)
def test_a_name_that_hides_others_is_known_with_everything_below_it(
    host: str, hidden: bool
) -> None:
    assert hides(host) is hidden


def test_haproxy_hands_them_to_the_workers_and_the_name_server_remembers_none() -> None:
    names = gateway_names(load_policy(SHIPPED_POLICY))
    assert "cloudflare-ech.com" in tables(names, ())[RESTRICTED]
    assert "cloudflare-ech.com" not in names.domains
