"""Which account of the computer types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.os_account import name_of, os_account

UNSET = str(2**32 - 1)


def test_a_name_that_is_claimed_in_the_environment_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for claim in ("LOGNAME", "USER", "USERNAME", "LNAME"):
        monkeypatch.setenv(claim, "somebody.else")
    assert "somebody.else" not in os_account()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(
    not Path("/proc/self/loginuid").exists()
    or Path("/proc/self/loginuid").read_text().strip() != UNSET,
    reason="somebody is logged in here",
)
def test_who_became_another_is_named_as_both() -> None:
    code = "import os; from scripts.os_account import os_account as a; os.setuid(65534); print(a())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SUDO_UID": "0"},
    )
    assert done.stdout.strip() == f"{name_of(0)} as {name_of(65534)}"
