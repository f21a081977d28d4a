"""Real processes on one file: killed without warning, several at once, and read meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import open_record, open_record_readonly
from storage.usage import overview

Ask = Callable[[str], list[tuple[object, ...]]]

KILLS = 8
COUNTED = "SELECT start, person, number FROM counts WHERE span = 1 ORDER BY 1, 2"
RECOUNTED = "SELECT at / 3600000000, person, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2"


def recording(state: Path, worker: int, events: int) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("recording.py")
    return subprocess.Popen(
        [sys.executable, str(program), str(state), str(worker), str(events)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ids_of(output: str) -> set[int]:
    """Only whole lines: the last one may have been cut off by the kill."""
    return {
        int(line)
        for line in output.splitlines(keepends=True)
        if line.strip().isdigit() and line.endswith("\n")
    }


def test_what_was_durable_survives_being_killed(state: Path, stored: Ask) -> None:
    dice = random.Random(20261122)
    open_record(state)
    promised: set[int] = set()
    for _ in range(KILLS):
        child = recording(state, 0, 0)
        assert child.stdout
        first = child.stdout.readline()
        time.sleep(dice.uniform(0, 0.15))
        child.kill()
        output, _errors = child.communicate()
        promised |= ids_of(first + output)
        on_record = {row[0] for row in stored("SELECT id FROM events")}
        assert promised <= on_record
        assert stored(COUNTED) == stored(RECOUNTED)
    assert len(promised) > KILLS
    assert stored("PRAGMA integrity_check") == [("ok",)]
    assert stored("SELECT count(*) FROM events WHERE NOT allowed") == [(0,)]


@pytest.mark.parametrize("writers", [4])
def test_several_workers_share_a_file_while_reports_are_read(
    state: Path, stored: Ask, writers: int
) -> None:
    each = 1_500
    open_record(state)
    children = [recording(state, worker, each) for worker in range(writers)]
    reader = open_record_readonly(state)
    now = datetime.now(UTC)
    seen = []
    while any(child.poll() is None for child in children):
        found = overview(reader, now - timedelta(days=7), now + timedelta(hours=1))
        seen.append(found.allowed.about or 0)
    printed: set[int] = set()
    for child in children:
        output, errors = child.communicate()
        assert (child.returncode, errors) == (0, "")
        assert "left 0 lost 0" in output
        printed |= ids_of(output)
    assert len(printed) == writers * each
    assert printed == {row[0] for row in stored("SELECT id FROM events")}
    assert seen == sorted(seen)
    assert stored(COUNTED) == stored(RECOUNTED)
    assert stored("SELECT count(*) FROM events WHERE ended_at IS NULL") == [(0,)]
