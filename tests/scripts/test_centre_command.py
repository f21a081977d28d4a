"""Forwarding as it is typed, and as `schoolgate run` keeps it going."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from scripts.cli import main
from tests.scripts.test_record_command import NOON, told
from tests.storage.centre.conftest import Centre, centre
from tests.support.link import Link
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import Schoolgate

__all__ = ["centre"]  # a fixture


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    told(tmp_path / "var", 40)
    return tmp_path / "var"


def test_a_centre_is_set_up_and_filled_from_the_command_line(
    centre: Centre, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHOOLGATE_CENTRE", centre.url())
    assert typed("centre", "init").exit_code == 0
    assert typed("centre", "list").stdout == "The centre has no school yet.\n"
    added = typed("centre", "add-school", "ash")
    role, password = (line.partition(": ")[2] for line in added.stdout.splitlines())
    assert role == "schoolgate_ash"
    again = typed("centre", "add-school", "ash")
    assert (again.exit_code, "has a school called 'ash' already" in again.stderr) == (1, True)

    where = centre.url(role, "").replace(":@", "@")
    refused = typed("record", "forward", "--once", "--to", where, "--state", state)
    assert refused.exit_code == 1
    assert "no password supplied" in refused.stderr
    monkeypatch.setenv("PGPASSWORD", password)
    for rows in (40, 0):
        sent = typed("record", "forward", "--once", "--to", where, "--state", state)
        assert sent.exit_code == 0
        assert sent.stdout.startswith(f"The centre has all of the record of ash: {rows} rows in ")

    head = typed("record", "head", "--state", state).stdout.split()[0]
    found = typed("record", "verify", "--at", where, "--head", head)
    assert found.exit_code == 0
    assert found.stdout.splitlines()[1].startswith("The record is whole: 40 events in 2 seals")
    (facts,) = json.loads(typed("record", "verify", "--at", where, "--json").stdout)
    assert (facts["school"], facts["whole"], facts["head"]) == ("ash", True, head)
    missing = typed("record", "verify", "--at", where, "--school", "oak")
    assert (missing.exit_code, missing.stderr) == (1, "The centre lets this role see ash only.\n")
    centre.ask("UPDATE schoolgate.events SET person = 'x' WHERE seal = 2")
    found = typed("record", "verify", "--at", where)
    assert found.exit_code == 1
    assert "The record is NOT as it was written. Seal 2" in found.stdout

    (school,) = json.loads(typed("centre", "list", "--json").stdout)
    assert (school["name"], school["last_seal"]) == ("ash", 2)
    other = typed("centre", "add-school", "ash", "--new-password").stdout
    assert role in other
    assert password not in other
    reader = typed("centre", "add-reader", "trust").stdout
    assert reader.startswith("Role: schoolgate_reader_trust\nPassword: ")


def test_a_purge_reaches_the_records_that_are_no_longer_in_use(
    centre: Centre, tmp_path: Path
) -> None:
    url = centre.school("ash")
    for name, at in (("damaged", NOON - timedelta(days=200)), ("anew", NOON)):
        told(tmp_path / name, 12, at)
        sent = typed("record", "forward", "--once", "--to", url, "--state", tmp_path / name)
        assert sent.exit_code == 0
    assert centre.number("events") == 24
    where = ("--policy", POLICY, "--forward-to", url)
    purged = typed("record", "purge", "--state", tmp_path / "anew", *where)
    assert purged.stdout.endswith("The centre removed 12 events from the school's older records.\n")
    assert centre.number("events") == 12


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("record forward --once", 2, "--to needs"),
        ("record forward --once --to mysql://a:secret@b/c", 2, "That is not the address of"),
        ("record verify --at sqlite:///secret", 2, "That is not the address of a centre"),
        ("record verify --school ash", 2, "That is not the address of a centre"),
        ("centre init --at nonsense", 2, "That is not the address of a centre"),
        ("run --forward-to mysql://a:secret@b/c", 2, "That is not the address of a centre"),
        (
            "run --forward-to postgresql://a@b/c --record postgresql://a@b/c",
            2,
            "Only a record in --state is forwarded",
        ),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(
    words: str, status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = typed(*words.split())
    assert found.exit_code == status
    assert found.stderr.count("\n") == 1
    assert "secret" not in found.output


def test_run_keeps_forwarding_and_the_gate_does_not_mind_when_it_cannot(
    centre: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(centre.server.port)
    url = centre.school("ash", link.port)
    password = url.split("@")[0].rpartition(":")[2]
    monkeypatch.setenv("SCHOOLGATE_FORWARD_TO", url)
    with Schoolgate(tmp_path / "state") as gate, httpx.Client(proxy=gate.proxy) as client:

        def refuse(number: int) -> None:
            for _ in range(number):
                answer = client.get("http://www.facebook.com/")
                assert answer.status_code == 403

        def arrived(number: int) -> bool:
            return centre.number("events") == number

        refuse(5)
        wait_until(lambda: arrived(5))
        before = gate.child("forwarding")
        os.kill(before, signal.SIGKILL)
        refuse(3)
        gate.child("forwarding", other_than=before)
        wait_until(lambda: arrived(8))
        link.cut()
        refuse(4)
        link.mend()
        wait_until(lambda: arrived(12))
        with urllib.request.urlopen(f"http://{gate.portal}/healthz", timeout=10) as answer:
            facts = json.load(answer)
        assert facts["centre"]["worked_at"]
        for child in gate.children().values():
            assert password not in Path(f"/proc/{child}/cmdline").read_text()
        assert password not in gate.errors()
        gate.stop()
    assert centre.has_what("ash", tmp_path / "state")
    assert centre.verified("ash").verdict.broken is None
    link.close()
