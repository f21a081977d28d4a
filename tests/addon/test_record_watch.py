"""What is wrong with the record is said once, and its end too; little room is told in time."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from addon import record_room
from addon.record_room import free_in, little_room
from addon.record_watch import RecordWatch
from addon.status import RecordStatus

GB = 10**9


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "schoolgate")
    return caplog


def test_a_fault_is_said_once_and_so_is_its_end(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    watch = RecordWatch(tmp_path, 0)
    locked = RecordStatus(last_error="Another program keeps it locked: close it.")
    for _ in range(5):
        watch.look(RecordStatus())
    assert not said.messages
    for _ in range(5):
        watch.look(locked)
    assert said.messages == [
        "The record cannot be written to. Another program keeps it locked: close it. Until then"
        " restricted sites stay shut, and what is refused waits to be put on record."
    ]
    for _ in range(5):
        watch.look(RecordStatus())
    assert said.messages[1:] == [
        "The record is written to again. Everything that waited is on it, or will be in a moment."
    ]


def test_what_was_lost_meanwhile_is_said_at_the_end(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    watch = RecordWatch(tmp_path, 2)
    for lost in (1_200, 1_500):
        watch.look(RecordStatus(last_error="Full."))
        watch.look(RecordStatus(lost=lost))
    assert said.messages[0].startswith("Worker 2: the record cannot be written to. Full.")
    assert said.messages[1::2] == [
        "Worker 2: the record is written to again. Of what waited, 1,200 events were too many to"
        " keep, and are lost.",
        "Worker 2: the record is written to again. Of what waited, 300 events were too many to"
        " keep, and are lost.",
    ]


def test_another_fault_is_another_line(tmp_path: Path, said: pytest.LogCaptureFixture) -> None:
    watch = RecordWatch(tmp_path, 0)
    for error in ("One.", "One.", "Two.", "Two."):
        watch.look(RecordStatus(last_error=error))
    assert len(said.messages) == 2


@pytest.mark.parametrize(
    ("size", "percent"), [(15, None), (16, 80), (19, 95), (20, 100), (23, 115)]
)
def test_a_record_that_is_nearly_full(tmp_path: Path, size: int, percent: int | None) -> None:
    found = little_room(
        tmp_path,
        [RecordStatus(size=GB, limit=20 * GB), RecordStatus(size=size * GB, limit=20 * GB)],
    )
    if percent is None:
        assert found == {}
    else:
        assert str(found["record"]) == (
            f"The record is {percent} % full: {size} GB of 20 GB. At 100 % restricted sites close."
            " Keep less (retention in the policy), or give it more room (--record-limit)."
        )


def test_without_a_limit_only_the_disk_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    assert little_room(tmp_path, []) == little_room(tmp_path, [RecordStatus(size=90 * GB)]) == {}
    watch = RecordWatch(tmp_path, 0)
    free = free_in(tmp_path / "not" / "there")
    assert free
    with monkeypatch.context() as crowded:
        # More than any disk has.
        crowded.setattr(record_room, "SOON", 2 * free)
        for _ in range(3):
            watch.look(RecordStatus())
    for _ in range(3):
        watch.look(RecordStatus())
    first, last = said.messages
    assert first.startswith("Only ")
    assert first.endswith("Make room there, or move the state folder to a larger disk.")
    assert last == "The disk with the record has room again."


def test_only_the_first_worker_speaks_of_room(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    for worker in (1, 0, 2):
        RecordWatch(tmp_path, worker).look(RecordStatus(size=19 * GB, limit=20 * GB))
    assert len(said.messages) == 1
