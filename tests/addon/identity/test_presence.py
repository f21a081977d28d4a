"""What the identity process says of itself, and what the portal and the doctor make of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.doctor.identity import examine
from addon.doctor.patient import Patient
from addon.endpoint import Endpoint
from addon.identity.presence import (
    SILENT_AFTER,
    is_wanted,
    note_whether_wanted,
    read_presence,
)
from addon.identity.reporting import report
from addon.policy_in_force import PolicyInForce
from addon.portal.health import health
from addon.state_folder import identity_heartbeat, identity_wanted
from rules.identity import Source
from tests.support.identity import IdentityProcess, free_udp_port, policy_with, radius
from tests.support.running_gate import POLICY, wait_until


def now() -> datetime:
    return datetime.now(UTC)


def health_of(state: Path, policy: Path, at: datetime | None = None) -> dict[str, Any]:
    in_force = PolicyInForce(policy, now).now
    return health(in_force, (), 0, at or now(), read_presence(state))


def doctors_words(state: Path, policy: Path, at: datetime | None = None) -> list[tuple[str, str]]:
    judged = PolicyInForce(policy, now).now.policy
    patient = Patient(state, policy, judged, "", None, Endpoint("127.0.0.1", 1), None, at or now())
    return [(found.verdict, found.found) for found in examine(patient)]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    state = tmp_path / "state"
    state.mkdir()
    return state


def test_it_says_that_it_lives_what_it_heard_and_what_is_wrong(tmp_path: Path, state: Path) -> None:
    terms = radius(free_udp_port())
    policy = policy_with(tmp_path, {**terms, "sources": ["radius", "sign-in", "address"]})
    assert health_of(state, policy)["identity"]["state"] == "not answering"
    with IdentityProcess(state, policy) as identity:
        assert identity.process.stdout
        report(state, "arrived", Source.SIGN_IN, "10.0.0.7", person="fern.example")
        # A supervisor ends a child that says nothing for half a minute.
        assert identity.process.stdout.readline() == "alive\n"
        wait_until(lambda: health_of(state, policy)["identity"]["known"] == 1)
        facts = health_of(state, policy)
        assert facts["identity"]["state"] == "running"
        assert facts["identity"]["pid"] == identity.process.pid
        assert facts["identity"]["sources"] == ["radius", "sign-in", "address"]
        heard = facts["identity"]["heard"]
        assert (heard["radius"], heard["address"]) == (None, None)
        assert 0 <= heard["sign-in"] < 60
        # Its secret was never made.
        [problem] = facts["problems"]
        assert problem.startswith("The RADIUS client 'wifi' is not listened to: there is no secret")
        assert doctors_words(state, policy) == [
            ("look here", problem),
            ("good", "Nothing has been heard by radius since it started."),
        ]
        assert "fern" not in str(facts)
        os.kill(identity.process.pid, signal.SIGSTOP)
        try:
            later = now() + 2 * SILENT_AFTER
            facts = health_of(state, policy, later)
            assert facts["identity"]["state"] == "not answering"
            assert facts["problems"] == [
                "Nobody watches who is where: the identity process is not answering."
            ]
            assert doctors_words(state, policy, later)[0][0] == "broken"
        finally:
            os.kill(identity.process.pid, signal.SIGCONT)


def test_where_nothing_has_to_be_watched_nothing_is_missed(state: Path) -> None:
    assert health_of(state, POLICY)["identity"] == {
        "state": "not needed",
        "sources": ["address", "device"],
    }
    assert doctors_words(state, POLICY) == [("good", "The policy's sources need no watching.")]


def test_the_policy_decides_whether_it_is_wanted(tmp_path: Path, state: Path) -> None:
    watching = PolicyInForce(policy_with(tmp_path, {"sources": ["sign-in"]}), now).now.policy
    assert is_wanted(watching)
    for _ in range(2):
        note_whether_wanted(state, watching)
        assert identity_wanted(state).exists()
    for _ in range(2):
        note_whether_wanted(state, PolicyInForce(POLICY, now).now.policy)
        assert not identity_wanted(state).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', "\0"])
def test_what_cannot_be_understood_is_no_sign_of_life(state: Path, text: str) -> None:
    path = identity_heartbeat(state)
    path.parent.mkdir()
    path.write_text(text)
    assert read_presence(state) is None
