"""`schoolgate doctor`, on installations that are well, ill, half there, and not there at all."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from addon.doctor.finding import Finding, good
from addon.doctor.machine import examine_clock, examine_disk
from addon.doctor.patient import Patient
from addon.doctor.rounds import examine
from addon.endpoint import Endpoint
from addon.kept_heads import places
from rules.loading import load_policy
from storage.database import open_record
from storage.events import Event, EventIds
from storage.recorder import Recorder
from tests.support.pace import promised
from tests.support.postgresql import PostgresServer
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import COMMAND, Schoolgate, free_port


def doctor(state: Path, *options: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [COMMAND, "doctor", "--json", "--state", state, *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=state.parent,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def of(found: list[dict[str, Any]], what: str) -> list[tuple[str, str]]:
    return [(one["verdict"], one["found"]) for one in found if one["what"] == what]


def wanting(found: list[dict[str, Any]]) -> list[str]:
    return [one["what"] for one in found if one["verdict"] in ("broken", "look here")]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schoolgate]:
    folder = tmp_path_factory.mktemp("well")
    with Schoolgate(folder / "state", "--head-to", folder / "heads.txt") as running:
        wait_until(lambda: any(each.done for each in places(running.state)), 60)
        yield running


def test_where_all_is_well_nothing_is_to_be_done(gate: Schoolgate) -> None:
    status, found = doctor(gate.state, "--policy", POLICY, "--portal", gate.portal)
    # Whether this machine's clock is kept right, and what is installed, is not the gate's doing.
    mine = [one for one in wanting(found) if one not in ("clock", "haproxy", "nft", "dnsmasq")]
    assert mine == []
    assert status == (1 if wanting(found) else 0)
    assert of(found, "workers") == [("good", "1 of 1 answer.")]
    assert of(found, "portal") == [("good", f"It answers on {gate.portal}.")]
    assert {verdict for verdict, _ in of(found, "certificates")} == {"good"}
    assert len(of(found, "record")) == 2
    assert all(one["remedy"] for one in found if one["verdict"] in ("broken", "look here"))


def test_a_policy_with_faults_and_workers_that_are_missing_are_named(
    gate: Schoolgate, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("school: 3\n")
    status, found = doctor(gate.state, "--policy", bad, "--portal", gate.portal, "--workers", "3")
    assert status == 1
    ((verdict, said),) = of(found, "policy")
    assert verdict == "broken"
    assert said.startswith("bad.yaml:")
    assert of(found, "workers") == [("broken", "1 of 3 answer.")]


def test_with_nothing_there_every_line_says_what_to_do(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:  # takes calls, says nothing
        port = mute.getsockname()[1]
        started = time.monotonic()
        status, found = doctor(
            tmp_path / "none", "--policy", tmp_path / "no.yaml", "--portal", f"127.0.0.1:{port}"
        )
        assert time.monotonic() - started < promised(20)
    assert status == 1
    assert {"policy", "workers", "portal"} <= set(wanting(found))
    assert not (tmp_path / "none").exists()


def test_what_is_no_record_no_list_and_no_status_is_said_plainly(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for folder in ("status", "lists", "authority", "haproxy", "gateway/in-force"):
        (state / folder).mkdir(parents=True)
    for name in (
        *("record.sqlite3", "status/proxy-0.json", "lists/sources.yaml", "version"),
        *("authority/root.crt", "authority/intermediate.crt", "haproxy/haproxy.cfg"),
        *("gateway/in-force/facts.yaml", "gateway/in-force/stand.json", "gateway/change.json"),
    ):
        (state / name).write_bytes(b"\x00\xff{[not ours")
    status, found = doctor(state, "--policy", POLICY, "--portal", f"127.0.0.1:{free_port()}")
    assert status == 1
    assert {"workers", "lists", "HAProxy", "gateway"} <= set(wanting(found))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_an_ordinary_user_is_told_what_cannot_be_seen(gate: Schoolgate) -> None:
    hidden = gate.state
    judged = load_policy(POLICY)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        found = examine(patient_at(hidden, judged), within=20)
        with os.fdopen(writer, "w") as out:
            json.dump([one.as_json() for one in found], out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        found = json.load(answer)
    assert os.waitpid(child, 0)[1] == 0
    not_seen = {one["what"] for one in found if one["verdict"] == "not seen"}
    assert {"workers", "HAProxy", "certificates", "disk", "lists"} <= not_seen


def patient_at(state: Path, policy: Any = None, now: datetime | None = None) -> Patient:
    return Patient(
        state, POLICY, policy, "", None, Endpoint("127.0.0.1", free_port()), None,
        now or datetime.now(UTC),
    )  # fmt: skip


def test_an_event_from_the_future_betrays_the_clock(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    database = open_record(tmp_path / "state")
    recorder = Recorder(database)
    recorder.start()
    later = now + timedelta(hours=3)
    recorder.note(
        Event(
            id=EventIds().next(later), at=later, person=None, source="", address="10.0.0.9",
            site="facebook", host="www.facebook.com", scheme="https", method="GET",
            kind="navigation", allowed=False, outcome="unidentified", reason="", rule=None,
            clause=None, path=None, policy="0" * 12,
        )
    )  # fmt: skip
    assert recorder.close(10) == 0
    database.dispose()
    patient = patient_at(tmp_path / "state", now=now)
    said = [one for one in examine_clock(patient) if "newest event" in one.found]
    assert [one.verdict for one in said] == ["broken"]
    later_on = patient_at(tmp_path / "state", now=later)
    assert not [one for one in examine_clock(later_on) if "newest event" in one.found]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_disk_that_is_nearly_full_is_said_before_it_is(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=200m,nr_inodes=500", "tmpfs", small]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        found = [(one.verdict, one.what) for one in examine_disk(patient_at(small))]
        assert found[:2] == [("look here", "disk"), ("look here", "disk")]  # bytes, and files
        (small / "ballast").write_bytes(bytes(150 << 20))
        assert next(iter(examine_disk(patient_at(small)))).verdict == "broken"
    finally:
        subprocess.run(["umount", small], check=True)


def test_one_examination_that_fails_or_hangs_does_not_cost_the_others(tmp_path: Path) -> None:
    def fails(_: Patient) -> Iterator[Finding]:
        yield good("first", "This was seen.")
        raise RuntimeError("the moon is full")

    def hangs(_: Patient) -> Iterator[Finding]:
        time.sleep(30)
        yield good("never", "Never.")

    def works(_: Patient) -> Iterator[Finding]:
        yield good("last", "This too.")

    started = time.monotonic()
    found = examine(
        patient_at(tmp_path), 0.5, [("fails", fails), ("hangs", hangs), ("works", works)]
    )
    assert time.monotonic() - started < promised(5)
    assert [(one.what, one.verdict) for one in found] == [
        ("first", "good"),
        ("fails", "broken"),
        ("hangs", "look here"),
        ("last", "good"),
    ]
    assert "the moon is full" in found[1].found


def test_a_device_that_refuses_the_certificate_is_named_by_its_address_and_others_counted(
    gate: Schoolgate, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    with (
        closing(sqlite3.connect(gate.state / "record.sqlite3")) as source,
        closing(sqlite3.connect(state / "record.sqlite3")) as target,
    ):
        source.backup(target)
    database = open_record(state)
    recorder, ids, now = Recorder(database), EventIds(), datetime.now(UTC)
    recorder.start()
    refused = {"address": "10.0.0.77", "method": "", "kind": "app", "outcome": "app-refused"}
    taken = {"address": "10.0.0.78", "method": "GET", "kind": "navigation", "outcome": "refused"}
    for minute, facts in enumerate((refused, refused, refused, taken)):
        recorder.note(
            Event(
                id=ids.next(now), at=now - timedelta(minutes=minute), person=None, source="",
                site="instagram", host="i.instagram.com", scheme="https", allowed=False, reason="",
                rule=None, clause=None, path=None, policy="0" * 12, **facts,
            )
        )  # fmt: skip
    assert recorder.close(10) == 0
    database.dispose()
    _, found = doctor(state, "--policy", POLICY)
    (refusing, trusting) = of(found, "trust")
    assert refusing[0] == "look here"
    assert "10.0.0.77 refused the school's certificate for instagram (3)" in refusing[1]
    assert trusting == ("good", "Devices that accepted it in the last seven days: 1.")


def test_it_says_so_in_words_for_people(gate: Schoolgate) -> None:
    done = subprocess.run(
        [COMMAND, "doctor", "--state", gate.state, "--policy", POLICY, "--portal", gate.portal],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith("good")
    assert lines[-1].endswith((" well.", "want somebody to look."))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_server_that_does_not_know_root_is_not_a_fault(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """It may know the user that the gate runs as, by who asks (`peer`)."""
    url = postgres.url("postgres", user="root")
    _, found = doctor(tmp_path / "state", "--record", url)
    assert ("not seen", "The server with the record does not know root.") in of(found, "record")
