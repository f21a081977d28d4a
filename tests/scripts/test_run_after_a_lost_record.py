"""A record that is damaged, deleted or cut short while nobody looks: withdrawals go on, it is said
everywhere, and until somebody has seen to it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.database import FILE_NAME
from tests.scripts.test_run import healthz, refused
from tests.storage.conftest import RECOUNT, without_guards
from tests.support.origin import Origin
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, Schoolgate

FERN = "fern.example"
ENDS = (".sqlite3", ".txt")


def schoolgate(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False)


def access(state: Path, *words: str) -> str:
    done = schoolgate("access", *words, "--state", state, "--policy", POLICY)
    assert done.returncode == 0, done.stderr
    return done.stdout


def doctor(gate: Schoolgate) -> list[str]:
    """What it says of the record, in all that it finds."""
    said = schoolgate(
        *("doctor", "--json", "--state", gate.state, "--policy", POLICY, "--portal", gate.portal)
    )
    found: list[dict[str, str]] = json.loads(said.stdout)
    return [one["found"] for one in found if "The record was" in one["found"]]


def troubles(gate: Schoolgate) -> list[str]:
    return [each for each in healthz(gate)["problems"] if each.startswith("The record was")]


def notes(state: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(state / FILE_NAME)) as file:
        found = file.execute("SELECT facts FROM seals WHERE what = 'note' ORDER BY number")
        return [json.loads(text) for (text,) in found]


def status(gate: Schoolgate, origin: Origin) -> int:
    """Of a page that nothing but a withdrawal closes; 0 where that cut the connection just then."""
    with suppress(httpx.TransportError), httpx.Client(proxy=gate.proxy) as client:
        return client.get(f"http://localhost:{origin.port}/page").status_code
    return 0


def damage(state: Path) -> None:
    with (state / FILE_NAME).open("r+b") as file:
        file.seek(20_000)
        file.write(os.urandom(40_000))


def delete(state: Path) -> None:
    for path in state.glob(f"{FILE_NAME}*"):
        path.unlink()


def cut(state: Path) -> None:
    with without_guards(state) as file:
        file.execute("DELETE FROM seals WHERE number > 1")
        file.execute("DELETE FROM events")
        file.execute("DELETE FROM access")
        file.executescript(RECOUNT)


@pytest.mark.parametrize(
    ("happen", "how", "when"),
    [
        (damage, "damaged", "stopped"),
        (cut, "shortened", "stopped"),
        (delete, "missing", "running"),
    ],
)
def test_it_is_said_and_nobody_gets_their_access_back(
    tmp_path: Path, happen: Callable[[Path], None], how: str, when: str
) -> None:
    state = tmp_path / "state"
    with Origin() as origin:
        with Schoolgate(state) as gate:
            assert status(gate, origin) == 200
            access(state, "withdraw", FERN, "--by", FERN, "--reason", "a test")
            wait_until(lambda: status(gate, origin) == 403, 30)
            refused(gate, 5)
            assert (troubles(gate), doctor(gate)) == ([], [])
            if when == "running":
                happen(state)
        if when != "running":
            happen(state)
        with Schoolgate(state) as gate:
            assert status(gate, origin) == 403
            assert "Carried over: 1 withdrawal of web access" in gate.errors()
            assert "look at grants and legal holds again" in gate.errors()
            listed = access(state, "list")
            assert "Fern Example's web access is withdrawn since" in listed
            assert "by schoolgate: Carried over on" in listed
            (note,) = notes(state)
            assert (note["how"], note["withdrawals carried over"]) == (how, "1")
            (said,) = troubles(gate)
            (file,) = (each for each in state.glob(f"record.{how}-*") if each.suffix in ENDS)
            assert file.name in said
            assert file.stat().st_mode & 0o777 == 0o600
            assert healthz(gate)["status"] == "attention"
            (found,) = doctor(gate)
            assert said.startswith(found)
            file.unlink()
            assert (troubles(gate), doctor(gate)) == ([], [])
            if happen is not cut:  # what else lay beside those events does not agree with it
                assert schoolgate("record", "verify", "--state", state).returncode == 0
            access(state, "restore", FERN, "--by", FERN)
            wait_until(lambda: status(gate, origin) == 200, 30)
        with Schoolgate(state) as gate:
            assert status(gate, origin) == 200
            assert "The record" not in gate.errors()
            assert len(notes(state)) == 1


def test_a_gate_starts_though_what_was_lost_cannot_be_noted_yet(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Origin() as origin:
        with Schoolgate(state) as gate:
            access(state, "withdraw", FERN, "--by", FERN, "--reason", "a test")
            wait_until(lambda: status(gate, origin) == 403, 30)
        cut(state)
        with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as rude:
            rude.execute("BEGIN IMMEDIATE")
            with Schoolgate(state) as gate:
                assert status(gate, origin) == 403
                assert "could not be noted in it: Another program keeps" in gate.errors()
                assert "carried over on" not in access(state, "list").lower()
                rude.execute("ROLLBACK")
                wait_until(lambda: "Carried over: 1 withdrawal" in gate.errors(), 60)
                assert "Carried over on" in access(state, "list")
                assert len(troubles(gate)) == 1


def test_a_worker_that_begins_a_new_record_says_so_too(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Origin() as origin, Schoolgate(state) as gate:
        access(state, "withdraw", FERN, "--by", FERN, "--reason", "a test")
        wait_until(lambda: status(gate, origin) == 403, 30)
        before = gate.child("proxy")
        delete(state)
        os.kill(before, signal.SIGKILL)
        gate.child("proxy", other_than=before)
        wait_until(lambda: "The proxy is back." in gate.errors(), 30)
        assert "The record was missing on" in gate.errors()
        assert status(gate, origin) == 403
        assert "Carried over on" in access(state, "list")
        assert len(troubles(gate)) == 1


def test_a_copy_put_into_the_same_file_while_it_runs_gives_nobody_access_back(
    tmp_path: Path,
) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy.sqlite3"
    with Origin() as origin, Schoolgate(state) as gate:
        assert schoolgate("record", "backup", copy, "--state", state).returncode == 0
        access(state, "withdraw", FERN, "--by", FERN, "--reason", "a test")
        kept = state / "newest-seal.json"
        before = json.loads(kept.read_bytes())["seal"]
        wait_until(lambda: json.loads(kept.read_bytes())["seal"] != before, 30)
        with (
            closing(sqlite3.connect(copy)) as old,
            closing(sqlite3.connect(state / FILE_NAME)) as file,
        ):
            old.backup(file)
        found = "Carried over: 1 withdrawal of web access"
        wait_until(lambda: status(gate, origin) == 403 and found in gate.errors(), 30)
        assert status(gate, origin) == 403
        assert [note["how"] for note in notes(state)] == ["shortened"]
        access(state, "restore", FERN, "--by", FERN)
        wait_until(lambda: status(gate, origin) == 200, 30)


def test_a_copy_that_was_put_back_is_gone_on_from_as_it_is(tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy.sqlite3"
    with Schoolgate(state) as gate:
        assert schoolgate("record", "backup", copy, "--state", state).returncode == 0
        refused(gate, 5)
    access(state, "withdraw", FERN, "--by", FERN, "--reason", "while none ran")
    delete(state)
    put_back = schoolgate("record", "restore", copy, "--state", state)
    assert f"web access was withdrawn from {FERN}" in put_back.stdout
    with Schoolgate(state) as gate:
        assert "The record" not in gate.errors()
        assert (troubles(gate), len(notes(state))) == ([], 1)
        assert "nobody's web access is withdrawn" in access(state, "list")
