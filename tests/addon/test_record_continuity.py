"""A record that does not go on from the one before, and what is done about it beside it."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addon.access_in_force import AccessInForce
from addon.gateway.front import WITHDRAWN
from addon.kept_seal import KeptSeal
from addon.kept_withdrawals import KeptWithdrawals
from addon.record_continuity import RecordContinuity, begin, remember, to_carry
from addon.state_folder import haproxy_folder
from storage.access import Step, What, access_history, changing_access, present
from storage.database import FILE_NAME, open_file
from tests.storage.conftest import without_guards
from tests.support.running_gate import POLICY, wait_until

FERN = "fern.example"  # at 127.0.0.1, by the policy


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """With a record that lost a withdrawal, which is known beside it."""
    state = tmp_path / "state"
    database = open_file(state)
    with changing_access(database) as changes:
        changes.add(Step(at=datetime.now(UTC), what=What.WITHDRAW, person=FERN, by="oak"))
    remember(state, database)
    KeptWithdrawals(state).keep(frozenset({FERN}))
    with without_guards(state) as file:
        file.execute("DELETE FROM access")
        file.execute("DELETE FROM seals WHERE number > 1")
    return state


@contextmanager
def locked(state: Path) -> Iterator[None]:
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as rude:
        rude.execute("BEGIN IMMEDIATE")
        yield
        rude.execute("ROLLBACK")


def test_what_cannot_be_noted_stops_no_start_and_is_noted_later(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database, kept, before = open_file(state), KeptWithdrawals(state), KeptSeal(state).read()
    continuity = RecordContinuity(state, database)
    with locked(state):
        said = begin(state, datetime.now(UTC))
        assert said
        assert said.startswith("The record does not go on from the one that was in use before")
        assert "Another program keeps" in said
        continuity.look_at_start()
        assert said in caplog.messages
        access = AccessInForce(database, kept)
        access.carry(to_carry(state, database))
        access.look()
        assert access.withdrawn() == kept.read() == {FERN}
        assert KeptSeal(state).read() == before
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        continuity.look()
    assert "Carried over: 1 withdrawal of web access" in caplog.text
    assert list(present(access_history(database)).withdrawn) == [FERN]
    assert KeptSeal(state).read() != before
    assert to_carry(state, database) == frozenset()
    access.look()
    with changing_access(database) as changes:
        changes.add(Step(at=datetime.now(UTC), what=What.RESTORE, person=FERN, by="oak"))
    access.look()
    access.close()
    assert access.withdrawn() == kept.read() == frozenset()


def test_haproxy_keeps_them_away_too_until_it_is_noted(state: Path) -> None:
    folder = haproxy_folder(state)
    folder.mkdir()
    keeper = [sys.executable, "-m", "addon.gateway.keeper", "--external"]
    process = subprocess.Popen([*keeper, "--state", state, "--policy", POLICY])
    try:
        wait_until(lambda: (folder / WITHDRAWN).exists())
        assert "127.0.0.1" in (folder / WITHDRAWN).read_text()
    finally:
        process.terminate()
        process.wait(60)
