"""Requests that no purpose can tell apart are one kind, and what is kept of them has a bound."""

from pathlib import Path

import pytest
import yaml

from rules.kinds import Kind, Kinds
from rules.loading import load_policy
from rules.policy import Policy
from rules.request import WebRequest
from tests.rules.policies import SITES, small_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    written = small_policy()
    page = written["purposes"]["page"]
    written["purposes"]["posts"] = page | {"paths": ["/class-3"], "actions": ["view", "post"]}
    path: Path = tmp_path_factory.mktemp("policies") / "policy.yaml"
    path.write_text(yaml.safe_dump(written))
    return load_policy(path, SITES)


def kind(kinds: Kinds, policy: Policy, request: WebRequest) -> Kind:
    return kinds.of(request, policy.catalogue.sites["facebook"])


def remembered(kinds: Kinds) -> int:
    return len(kinds._remembered)


def test_paths_are_of_one_kind_when_every_purpose_takes_them_alike(policy: Policy) -> None:
    kinds = Kinds(policy.purposes)
    asked = {
        "page": ["/school", "/School/posts", "/school/" + "x" * 300],
        "class": ["/class-3", "/class-3/17"],
        "elsewhere": ["/", "/else", "/schoolmates", "/else/" + "x" * 300],
        "unclear": ["/school/../else", "/a/%2e", "*"],
        "message": ["/messages/77/send"],
    }
    found = {
        name: {
            kind(kinds, policy, WebRequest("facebook.com", method="POST", path=path))
            for path in paths
        }
        for name, paths in asked.items()
    }
    assert all(len(of_one_kind) == 1 for of_one_kind in found.values())
    # What is unclear and what is elsewhere differ in what they do, and only there.
    assert len(set.union(*found.values())) == len(asked)


def test_what_clients_choose_fills_no_memory(policy: Policy) -> None:
    kinds, first = Kinds(policy.purposes), WebRequest("facebook.com", path="/first")
    kept = kind(kinds, policy, first)
    for number in range(20_000):
        host = f"{number}.facebook.com"
        assert kind(kinds, policy, WebRequest(host, path=f"/{number}")) is kept
    assert 0 < remembered(kinds) <= 16_384


@pytest.mark.parametrize(
    "long",
    [
        WebRequest("facebook.com", path="/" + "x" * 300),
        WebRequest("facebook.com", path="/", method="M" * 300),
        WebRequest("facebook.com", method="M" * 300),
    ],
)
def test_what_is_long_is_not_remembered(policy: Policy, long: WebRequest) -> None:
    kinds = Kinds(policy.purposes)
    assert kind(kinds, policy, long) is kind(kinds, policy, long)
    assert remembered(kinds) == 0
