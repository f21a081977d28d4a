"""What is not well with the authority is said in time, and in a sentence."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from addon.authority.folder import ROOT_KEY, SIGNING
from addon.authority.keeping import ensure_authority
from addon.authority.names import wanted
from addon.authority.report import AuthorityReport, authority_report
from rules.loading import load_policy
from rules.policy import Policy
from tests.support.authority import NEED, NOW, SCHOOL
from tests.support.running_gate import POLICY


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(POLICY)


@pytest.fixture
def state(tmp_path: Path, policy: Policy) -> Path:
    ensure_authority(tmp_path / "authority", SCHOOL, wanted(policy, ""), NOW)
    return tmp_path


def sealed(state: Path) -> None:
    (state / "authority" / ROOT_KEY).unlink()


def test_all_is_well_and_a_sealed_key_leaves_nothing_to_say(state: Path, policy: Policy) -> None:
    open_key = authority_report(state, policy, NOW)
    assert open_key.problems == ()
    assert "`schoolgate ca seal`" in open_key.advice[0]
    sealed(state)
    assert authority_report(state, policy, NOW) == AuthorityReport()


@pytest.mark.parametrize(
    ("days", "is_sealed", "said"),
    [
        (300, True, ""),
        (310, True, "end on 23 November 2027; run `schoolgate ca renew`"),
        (310, False, ""),
        (400, True, "ended on 23 November 2027"),
        (3300, False, "ends on 22 November 2036; run `schoolgate ca rotate`"),
        (-3, True, "is this computer's clock right?"),
    ],
)
def test_an_end_is_announced(
    state: Path, policy: Policy, days: int, is_sealed: bool, said: str
) -> None:
    if is_sealed:
        sealed(state)
    problems = authority_report(state, policy, NOW + timedelta(days=days)).problems
    assert said in " ".join(problems)
    assert bool(problems) is bool(said)


def test_what_is_not_covered_is_named_and_counted(tmp_path: Path, policy: Policy) -> None:
    ensure_authority(tmp_path / "authority", SCHOOL, NEED, NOW)
    assert "will be covered once" in authority_report(tmp_path, policy, NOW).advice[0]
    sealed(tmp_path)
    (problem,) = authority_report(tmp_path, policy, NOW, "http://gate.school.example").problems
    assert "more, so what is there is refused without a page" in problem


def test_before_the_first_start_there_is_nothing_wrong(tmp_path: Path, policy: Policy) -> None:
    report = authority_report(tmp_path, policy, NOW)
    assert report.problems == ()
    assert report.advice


def test_what_cannot_be_used_is_a_problem(state: Path, policy: Policy) -> None:
    (state / "authority" / SIGNING).write_text("noise")
    (problem,) = authority_report(state, policy, NOW).problems
    assert "does not hold a private key" in problem
