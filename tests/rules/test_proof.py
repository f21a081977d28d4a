"""A policy takes effect only if it answers its own tests as the school expects."""

from pathlib import Path

import pytest

from rules.loading import SHIPPED_POLICY, PolicyError
from rules.proof import load_proven_policy


def test_the_shipped_policy_is_proven() -> None:
    assert load_proven_policy(SHIPPED_POLICY).trials


def test_every_test_that_fails_is_a_fault_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "school.yaml"
    text = SHIPPED_POLICY.read_text(encoding="utf-8")
    path.write_text(text.replace("expect: opens", "expect: refused"), encoding="utf-8")
    with pytest.raises(PolicyError) as refused:
        load_proven_policy(path)
    faults = refused.value.faults
    assert len(faults) == text.count("expect: opens")
    assert all(fault.line and "should be refused" in fault.fault for fault in faults)
    assert all("Put the rule right, or the test" in fault.remedy for fault in faults)


def test_what_cannot_be_read_is_a_fault_as_ever(tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        load_proven_policy(tmp_path / "none.yaml")
