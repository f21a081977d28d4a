"""A bad policy never replaces a good one, and says what is wrong with it."""

import gc
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


def test_a_changed_file_is_noticed_once_it_has_come_to_rest(held, policy_file):
    assert not held.has_changed()
    policy_file.write_text(policy_file.read_text() + "# One remark.\n")
    assert not held.has_changed()
    policy_file.write_text(policy_file.read_text() + "# Another.\n")
    assert not held.has_changed()
    assert held.has_changed()
    assert held.reload() is None
    assert not held.has_changed()


def test_a_faulty_file_is_tried_once_and_not_every_second(held, policy_file):
    policy_file.write_text("school: [")
    held.has_changed()
    assert held.has_changed()
    assert held.reload()
    assert not held.has_changed()
    assert not held.has_changed()


def test_a_file_that_is_gone_and_comes_back_is_read_again(held, policy_file):
    text = policy_file.read_text()
    policy_file.unlink()
    held.has_changed()
    assert held.has_changed()
    assert held.reload()
    policy_file.write_text(text)
    held.has_changed()
    assert held.has_changed()
    assert held.reload() is None


def test_a_policy_that_fails_its_own_tests_is_not_put_in_force(held, policy_file):
    text = policy_file.read_text()
    assert "expect: opens, why: everything else passes" in text
    policy_file.write_text(
        text.replace("expect: opens, why: everything else", "expect: refused, why: everything else")
    )
    assert "should be refused" in held.reload()
    assert held.now.last_reload_error


def test_memory_does_not_grow_with_every_reload(held):
    for _ in range(3):
        held.reload()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(10):
        held.reload()
    gc.collect()
    assert len(gc.get_objects()) < before * 1.02
