"""However the tests end, nothing of them goes on running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_gate import wait_until
from tests.support.schoolgate import is_alive

ROOT = Path(__file__).parent.parent
IMPATIENT = """
import sys
from tests.support import tidy
tidy.GRACE = 0.2
sys.exit(tidy.main(sys.argv[1:]))
"""
HIDDEN = "setsid sleep 600 & echo $!; "


def tidy(script: str) -> subprocess.Popen[str]:
    """A shell's script, run tidily; its first line of output is the process that it leaves."""
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "sh", "-c", script],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(("ends", "status"), [("exit 0", 1), ("exit 3", 3), ("kill -9 $$", 137)])
def test_what_is_left_is_ended_and_named(ends: str, status: int) -> None:
    process = tidy(HIDDEN + ends)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == status
    assert f"{said.strip()}: sleep 600" in complaint
    assert not is_alive(int(said))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interruption_is_handed_on_and_then_everything_ended(
    number: signal.Signals, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    process = tidy(f"trap 'touch {done}; exit 0' INT; {HIDDEN} while :; do sleep 0.1; done")
    assert process.stdout
    left = int(process.stdout.readline())
    os.kill(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert done.exists(), "it was given the time to end what it began"
    wait_until(lambda: not is_alive(left))


def test_an_interruption_before_there_is_a_command_is_handed_on_to_it() -> None:
    early = """
import os, signal, subprocess, sys
from tests.support import tidy
begin = subprocess.Popen
def interrupted(*words, **how):
    os.kill(os.getpid(), signal.SIGTERM)
    return begin(*words, **how)
subprocess.Popen = interrupted
sys.exit(tidy.main(sys.argv[1:]))
"""
    done = subprocess.run([sys.executable, "-c", early, "sleep", "50"], cwd=ROOT, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM


def test_nothing_left_is_nothing_said() -> None:
    process = tidy("exit 0")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
