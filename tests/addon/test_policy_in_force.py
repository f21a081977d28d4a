"""A bad policy never replaces a good one, and says what is wrong with it."""

import shutil
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from addon.policy_in_force import PolicyInForce
from rules.loading import SHIPPED_POLICY, PolicyError

START = datetime(2026, 6, 8, 9, 5, tzinfo=UTC)


@pytest.fixture
def policy_file(tmp_path):
    return shutil.copy(SHIPPED_POLICY, tmp_path / "school.yaml")


@pytest.fixture
def held(policy_file):
    ticks = count()
    return PolicyInForce(policy_file, lambda: START + timedelta(minutes=next(ticks)))


def test_it_starts_with_the_policy_that_is_there(held):
    assert held.now.policy.school.name == "Barningham CEVC Primary School"
    assert held.now.since == START
    assert held.now.last_reload_error is None


def test_a_new_policy_takes_over_with_its_own_time(held, policy_file):
    before = held.now
    policy_file.write_text(policy_file.read_text() + "# A remark.\n")
    assert held.reload() is None
    assert held.now.policy.digest != before.policy.digest
    assert held.now.since == START + timedelta(minutes=1)


@pytest.mark.parametrize("bad", [b"", b"[", b"school: 1\n", b"\0" * 100, b"\xff\xfe", None])
def test_a_bad_one_leaves_the_good_one_and_its_faults(held, policy_file, bad):
    before, good = held.now, policy_file.read_bytes()
    policy_file.unlink() if bad is None else policy_file.write_bytes(bad)
    faults = held.reload()
    assert faults
    assert "school.yaml" in faults
    assert held.now.policy is before.policy
    assert held.now.since == before.since
    assert held.now.last_reload_error == faults

    policy_file.write_bytes(good)
    assert held.reload() is None
    assert held.now.last_reload_error is None


def test_without_a_good_one_it_does_not_start(tmp_path):
    with pytest.raises(PolicyError):
        PolicyInForce(tmp_path / "missing.yaml", lambda: START)
