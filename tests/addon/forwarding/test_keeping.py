"""While the centre is away, forwarding waits longer and longer, and says so to those who look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from addon.doctor.finding import Verdict
from addon.doctor.forwarding import examine
from addon.doctor.patient import Patient
from addon.endpoint import Endpoint
from addon.forwarding.keeping import LONGEST_PAUSE, Forwarding
from addon.forwarding.status import (
    ForwardingStatus,
    forwarding_status_path,
    publish,
    read_forwarding,
)
from storage.centre.address import Address
from storage.database import open_record

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
AWAY = "postgresql://schoolgate_ash:secret@127.0.0.1:1/trust"
WELL = ForwardingStatus(1, NOW, NOW, "trust at db.example", "ash", NOW, 0)


def found(state: Path, now: datetime = NOW) -> list[tuple[Verdict, str]]:
    portal = Endpoint("127.0.0.1", 1)
    patient = Patient(state, state / "policy.yaml", None, "", None, portal, None, now)
    return [(one.verdict, one.found) for one in examine(patient)]


def test_pauses_grow_to_a_minute_and_no_password_is_shown(tmp_path: Path) -> None:
    database = open_record(tmp_path)
    forwarding = Forwarding(tmp_path, database, Address(AWAY), lambda: NOW)
    pauses = [forwarding.round() for _ in range(10)]
    for pause, most in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60), strict=True):
        assert 0.7 * most <= pause <= most <= LONGEST_PAUSE
    shown = forwarding_status_path(tmp_path)
    assert shown.stat().st_mode & 0o777 == 0o600
    assert "Connection refused" in shown.read_text()
    assert "secret" not in shown.read_text()
    status = read_forwarding(tmp_path)
    assert status
    assert status.worked_at is None
    assert status.centre == "trust at 127.0.0.1:1"


def test_when_it_last_worked_outlives_the_process(tmp_path: Path) -> None:
    database = open_record(tmp_path)
    address = Address(AWAY)
    publish(tmp_path, replace(WELL, centre=str(address)))
    forwarding = Forwarding(tmp_path, database, address, lambda: NOW + timedelta(days=2))
    forwarding.round()
    status = read_forwarding(tmp_path)
    assert status
    assert status.worked_at == NOW
    assert status.worry(NOW + timedelta(days=2)) == (
        "Nothing of the record has reached the centre since 18 November 2026, 12:00 UTC."
    )


TABLE = [
    ("all is well", {}, timedelta(), None),
    ("a link gone for a moment", {"problem": "Away."}, timedelta(minutes=3), None),
    (
        "a link gone for long",
        {"problem": "Away.", "at": NOW + timedelta(hours=1)},
        timedelta(hours=1),
        "Nothing of the record has reached the centre since 18 November 2026, 12:00 UTC.",
    ),
    (
        "never reached",
        {"problem": "Away.", "at": NOW + timedelta(hours=1), "worked_at": None},
        timedelta(hours=1),
        "Nothing of the record has reached the centre yet.",
    ),
    (
        "changed",
        {"problem": "Seal 3.", "changed": True},
        timedelta(),
        "The record and what the centre holds of it do not agree.",
    ),
    (
        "silent",
        {},
        timedelta(minutes=6),
        "The process that forwards the record to the centre is not answering.",
    ),
]


@pytest.mark.parametrize(("name", "changes", "later", "worry"), TABLE, ids=[t[0] for t in TABLE])
def test_what_somebody_should_look_at(
    tmp_path: Path, name: str, changes: dict[str, object], later: timedelta, worry: str | None
) -> None:
    status = replace(WELL, **changes)  # type: ignore[arg-type]
    publish(tmp_path, status)
    assert read_forwarding(tmp_path) == status
    assert status.worry(NOW + later) == worry
    ((verdict, said),) = found(tmp_path, NOW + later)
    assert (verdict is Verdict.GOOD) == (worry is None)
    assert said.startswith(worry or "trust at db.example: The centre had all of it")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"at": 3}', "x"])
def test_a_file_that_is_none_of_ours_is_as_none(tmp_path: Path, text: str) -> None:
    assert found(tmp_path) == []
    forwarding_status_path(tmp_path).parent.mkdir()
    forwarding_status_path(tmp_path).write_text(text)
    assert read_forwarding(tmp_path) is None
    assert found(tmp_path) == []
