"""Real processes on one record: killed without warning, several at once, and read meanwhile."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.connections import Database
from storage.usage import overview
from storage.verifying import verify
from tests.storage.kept import Kept, KeptInFile

Ask = Callable[[str], list[tuple[object, ...]]]

KILLS = 8
COUNTED = "SELECT start, person, number FROM counts WHERE span = 1 ORDER BY 1, 2"
RECOUNTED = "SELECT at / 3600000000, person, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2"


def recording(kept: Kept, worker: int, events: int) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("recording.py")
    return subprocess.Popen(
        [sys.executable, str(program), str(kept.state), str(worker), str(events), kept.url or ""],
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


def test_what_was_durable_survives_being_killed(
    kept: Kept, database: Database, stored: Ask
) -> None:
    dice = random.Random(20261122)
    promised: set[int] = set()
    for _ in range(KILLS if isinstance(kept, KeptInFile) else 2):
        child = recording(kept, 0, 0)
        assert child.stdout
        first = child.stdout.readline()
        time.sleep(dice.uniform(0, 0.15))
        child.kill()
        output, _errors = child.communicate()
        promised |= ids_of(first + output)
        on_record = {row[0] for row in stored("SELECT id FROM events")}
        assert promised <= on_record
        assert stored(COUNTED) == stored(RECOUNTED)
    assert len(promised) >= 2, "each had said at least one"
    if isinstance(kept, KeptInFile):
        assert stored("PRAGMA integrity_check") == [("ok",)]
    assert verify(database).broken is None
    assert stored("SELECT count(*) FROM events WHERE NOT allowed") == [(0,)]


def test_several_workers_share_a_record_while_reports_are_read(
    kept: Kept, database: Database, stored: Ask
) -> None:
    writers, each = (4, 1_500) if isinstance(kept, KeptInFile) else (2, 200)
    children = [recording(kept, worker, each) for worker in range(writers)]
    reader = kept.readonly()
    now = datetime.now(UTC)
    seen = []
    while any(child.poll() is None for child in children):
        found = overview(reader, now - timedelta(days=7), now + timedelta(hours=1))
        seen.append(found.allowed.about or 0)
        time.sleep(0.01)
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
    found = verify(reader)
    assert (found.broken, found.events) == (None, writers * each)
