"""The supervisor starts the identity process when the policy first needs it, and ends it again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from addon.identity.reporting import CounterClosed, report
from rules.identity import Source
from tests.scripts.test_run import healthz
from tests.support.identity import policy_with
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import Schoolgate, is_alive


def identity(gate: Schoolgate) -> dict[str, Any]:
    found = healthz(gate)["identity"]
    assert isinstance(found, dict)
    return found


def test_a_source_that_a_reload_adds_is_watched_without_a_restart_and_no_longer_when_it_goes(
    tmp_path: Path,
) -> None:
    state, policy = tmp_path / "state", tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text())
    with Schoolgate(state, policy=policy) as gate:
        assert identity(gate)["state"] == "not needed"
        with pytest.raises(CounterClosed):
            report(state, "arrived", Source.SIGN_IN, "10.0.0.7", person="fern.example")
        policy_with(tmp_path, {"sources": ["sign-in"]})
        wait_until(lambda: identity(gate)["state"] == "running", 60)
        assert report(state, "arrived", Source.SIGN_IN, "10.0.0.7", person="fern.example")
        first = identity(gate)["pid"]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: identity(gate).get("pid", first) != first, 60)
        second = identity(gate)["pid"]
        policy.write_text("people: [this is no policy\n")
        os.kill(second, signal.SIGKILL)
        # It starts on the copy of the policy in force, like everything else.
        wait_until(lambda: identity(gate).get("pid", second) != second, 60)
        third = identity(gate)["pid"]
        policy.write_text(POLICY.read_text())
        wait_until(lambda: identity(gate)["state"] == "not needed", 60)
        wait_until(lambda: not is_alive(third), 60)
        said = gate.errors()
        assert "Traceback" not in said
        assert said.count("The watch over who is where stopped") == 2  # as often as it was killed
        gate.stop()
