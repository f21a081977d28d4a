"""Policies for the tests, loaded from real files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

from rules.loading import load_policy
from rules.policy import Policy
from tests.rules.policies import SITES, small_policy

# A busy machine is not a fault of the code under test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Policy]:
    """Load a policy given as values, or as text or bytes, from a file of its own."""

    def load(policy: Any, sites: Path = SITES) -> Policy:
        path = tmp_path / "policy.yaml"
        if isinstance(policy, bytes):
            path.write_bytes(policy)
        else:
            # JSON is YAML; a real dump keeps one entry a line, so that lines can be told apart.
            text = policy if isinstance(policy, str) else yaml.safe_dump(policy, sort_keys=False)
            path.write_text(text, encoding="utf-8")
        return load_policy(path, sites)

    return load


@pytest.fixture
def policy() -> dict[str, Any]:
    """The small policy, to change and load."""
    return small_policy()
