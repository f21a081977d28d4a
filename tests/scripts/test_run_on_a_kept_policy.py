"""A bad policy never replaces a good one, not even while something dies or the machine restarts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.scripts.test_run import healthz, policy_text
from tests.support.origin import Origin
from tests.support.running_gate import wait_until
from tests.support.schoolgate import COMMAND, Schoolgate

BAD = "school: [this is not a policy\n"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


def check(state: Path, policy: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "check", "--state", state, "--policy", policy, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_dies_or_restarts_while_the_file_is_bad_goes_by_the_policy_before(
    tmp_path: Path, origin: Origin
) -> None:
    page, state, policy = (
        f"http://127.0.0.1:{origin.port}/page",
        tmp_path / "state",
        tmp_path / "policy.yaml",
    )
    policy.write_text(policy_text(noticeboard_is_open=True))
    with Schoolgate(state, policy=policy) as gate:
        assert httpx.get(page, proxy=gate.proxy).status_code == 200
        first = healthz(gate)["policy"]["digest"]
        policy.write_text(BAD)
        wait_until(lambda: len(healthz(gate)["problems"]) == 2, 30)
        for name in ("proxy", "portal"):
            before = gate.child(name)
            os.kill(before, signal.SIGKILL)
            gate.child(name, other_than=before)
            wait_until(lambda name=name: f"The {name} is back." in gate.errors(), 60)
        health = healthz(gate)
        assert health["status"] == "attention"
        assert health["policy"]["from_copy"]
        assert health["policy"]["digest"] == health["workers"][0]["policy"] == first
        assert health["policy"]["last_reload_error"].startswith("policy.yaml:2: This is not YAML")
        assert "goes by its copy of the policy in force since" in health["problems"][0]
        assert httpx.get(page, proxy=gate.proxy).status_code == 200
        assert "going by the copy of the policy that has been in force since" in gate.errors()

    with Schoolgate(state, policy=policy) as gate:
        assert "the gate starts on the copy that it kept of the policy in force" in gate.errors()
        assert "policy.yaml:2: This is not YAML" in gate.errors()
        assert "Traceback" not in gate.errors()
        assert httpx.get(page, proxy=gate.proxy).status_code == 200
        assert httpx.get("http://www.facebook.com/", proxy=gate.proxy).status_code == 403
        checked = check(state, policy)
        assert checked.returncode == 1
        assert f"The gate in {state} stays with the policy in force since" in checked.stderr
        facts = json.loads(check(state, policy, "--json").stdout)
        assert not facts["ok"]
        assert facts["in_force"]["digest"] == first

        policy.write_text(policy_text(noticeboard_is_open=False))
        wait_until(lambda: httpx.get(page, proxy=gate.proxy).status_code == 403, 30)
        wait_until(lambda: healthz(gate)["status"] == "ok", 30)
        assert not healthz(gate)["policy"]["from_copy"]
