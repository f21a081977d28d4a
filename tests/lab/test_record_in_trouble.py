"""The whole gate, while its record is locked, full, or robbed of its log under load.

What is let through is on record or was refused; what is refused waits; nobody else notices.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from storage.database import FILE_NAME
from tests.lab.kills.killing import Scene, under_load
from tests.lab.kills.reckoning import reckon
from tests.support.namespace import missing
from tests.support.pace import promised
from tests.support.running_gate import wait_until

_WHY_NOT = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

LOCKED = 4.0
"""Seconds; a worker waits two for the record."""
LOCKED_OUT = "The record cannot be written to. Another program keeps"
"""Said by the worker. A purge that meets the lock says something of its own."""

_ANOTHER_PROGRAM = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for line in sys.stdin:
    file.execute(line)
    print("done", flush=True)
"""


@contextmanager
def another_program(state: Path) -> Iterator[Any]:
    """One that does with the record what it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", _ANOTHER_PROGRAM, str(state / FILE_NAME)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout

    def do(statement: str) -> None:
        assert process.stdin
        assert process.stdout
        process.stdin.write(statement + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"

    try:
        yield do
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The last test stops it, and reckons up."""
    folder = tmp_path_factory.mktemp("trouble")
    with under_load(folder, 1, 6, 1, "--record-limit", "100MB") as scene:
        wait_until(lambda: len(scene.heard()) > 60)
        yield scene


def between(scene: Scene, since: float, until: float, sort: str) -> list[dict[str, Any]]:
    """What was asked and answered within that time."""
    return [
        facts
        for facts in scene.heard()
        if facts["sort"] == sort and facts["at"] >= since and facts["at"] + facts["took"] <= until
    ]


def answers(found: list[dict[str, Any]]) -> set[int]:
    return {facts["status"] for facts in found}


def opens(scene: Scene) -> bool:
    """Whether the last that was asked of a site that the policy opens was let through."""
    return [f["status"] for f in scene.heard() if f["sort"] == "opened"][-1:] == [200]


def said(scene: Scene, words: str) -> int:
    return sum(words in line for line in scene.gate.errors().splitlines())


def test_a_record_that_another_program_keeps_locked(loaded: Scene) -> None:
    before = time.monotonic()
    wait_until(lambda: len(between(loaded, before, time.monotonic(), "unrelated")) > 5)
    with another_program(loaded.gate.state) as do:
        do("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        time.sleep(LOCKED)
        wait_until(lambda: said(loaded, LOCKED_OUT))
        ended = time.monotonic()
        do("ROLLBACK")
    opened = between(loaded, begun, ended, "opened")
    assert answers(opened) == {503}
    assert all(facts["reference"] for facts in opened)
    assert max(facts["took"] for facts in opened) < promised(4)
    assert answers(between(loaded, begun, ended, "refused")) <= {403}
    unrelated = between(loaded, begun, ended, "unrelated")
    assert answers(unrelated) == {200}
    usual = between(loaded, before, begun, "unrelated")
    assert median(f["took"] for f in unrelated) < 2 * median(f["took"] for f in usual) + promised(
        0.05
    )
    wait_until(lambda: opens(loaded))
    wait_until(lambda: said(loaded, "The record is written to again. Everything that waited"))
    assert said(loaded, LOCKED_OUT) == 1


def test_a_record_that_is_full_as_the_school_has_set_it(loaded: Scene) -> None:
    with another_program(loaded.gate.state) as do:
        do("CREATE TABLE ballast (x)")
        for _ in range(17):
            do("INSERT INTO ballast VALUES (zeroblob(5000000))")
            do("PRAGMA wal_checkpoint(TRUNCATE)")
        wait_until(lambda: said(loaded, "At 100 % restricted sites close. Keep less"))
        assert opens(loaded)
        do("INSERT INTO ballast VALUES (zeroblob(16000000))")
        wait_until(lambda: said(loaded, "The record is full as the school has set it (100 MB)"))
        begun = time.monotonic()
        wait_until(lambda: len(between(loaded, begun, time.monotonic(), "opened")) > 5)
        wait_until(lambda: len(between(loaded, begun, time.monotonic(), "unrelated")) > 3)
        ended = time.monotonic()
        # As a purge does, on a connection of its own: what it frees is room at once.
        do("DROP TABLE ballast")
    opened = between(loaded, begun, ended, "opened")
    assert answers(opened) == {503}
    assert median(facts["took"] for facts in opened) < promised(0.5), "nobody waits to be refused"
    assert answers(between(loaded, begun, ended, "refused")) <= {403}
    assert answers(between(loaded, begun, ended, "unrelated")) == {200}
    wait_until(lambda: opens(loaded))
    wait_until(lambda: said(loaded, "The record is no longer nearly full."))
    wait_until(lambda: any(e["outcome"] == "record-full" for e in loaded.gate.events()))
    for words in ("is full as the school", "The record is no longer nearly full"):
        assert said(loaded, words) == 1


def test_a_record_whose_log_is_deleted_keeps_all_that_was_on_it(loaded: Scene) -> None:
    (loaded.gate.state / f"{FILE_NAME}-wal").unlink()
    wait_until(lambda: said(loaded, "was taken away"))
    begun = time.monotonic()
    wait_until(lambda: len(between(loaded, begun, time.monotonic(), "opened")) > 3)
    wait_until(lambda: len(between(loaded, begun, time.monotonic(), "unrelated")) > 1)
    ended = time.monotonic()
    assert answers(between(loaded, begun, ended, "opened")) == {503}
    assert answers(between(loaded, begun, ended, "unrelated")) == {200}
    assert said(loaded, "was taken away") == 1
    # As the sentence asks for. What is open is closed, and so the log is written out.
    loaded.stop()
    found = reckon(loaded)
    assert found.faults == []
    assert (found.not_on_record, found.never_arrived) == (0, 0)
