"""A server that no list knows is known by how it speaks, where that can be seen."""

from datetime import UTC, datetime

import pytest

from rules.fediverse import SITE
from rules.loading import SHIPPED_POLICY, load_policy
from rules.policy import Outcome, Policy
from rules.request import WebRequest

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_policy(SHIPPED_POLICY)


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/v1/timelines/public", True),
        ("/api/v1/statuses/123/favourite", True),
        ("/api/v1/streaming/user", True),
        ("/api/notes/local-timeline", True),
        ("/api/v3/post/list", True),
        ("/api/notes/global-timeline", True),
        ("/.well-known/nodeinfo", True),
        ("/nodeinfo/2.0", True),
        ("/nodeinfo/2.1.json", True),
        ("/api/v1/instance", True),
        ("/api/v1/instance/peers", True),
        ("/api/v2/instance", True),
        ("/api/v1/accounts/verify_credentials", True),
        ("/.well-known/webfinger", False),  # sign-in and mail use it too
        ("/.well-known/security.txt", False),
        ("/nodeinfo/", False),
        ("/api/v1/instances", False),
        ("/api/v1/instance-types", False),
        ("/api/v2/instance_groups/", False),
        ("/api/v2/instances/7", False),
        ("/api/v1/accounts/109302436954721982", False),
        ("/api/notes/7", False),
        ("/api/v1/accounts/verify", False),
        ("/api/v1/timeline", False),
        ("/", False),
        (None, False),
    ],
)
def test_an_unknown_server_is_told_by_its_paths(
    shipped: Policy, path: str | None, known: bool
) -> None:
    request = WebRequest("our-own-server.example", "http", 80, path=path)
    decision = shipped.decide(request, shipped.people["fern.example"], NOW)
    assert (decision.outcome is not Outcome.NOT_RESTRICTED) is known
    assert (decision.site is not None and decision.site.id == SITE) is known
