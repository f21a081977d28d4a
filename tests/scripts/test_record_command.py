"""`schoolgate record`, as it is typed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from addon.record_continuity import remember
from scripts.cli import main
from storage.access import Step, What, changing_access
from storage.database import FILE_NAME, open_record
from storage.events import Event, EventIds
from storage.recorder import Recorder
from tests.storage.conftest import RECOUNT

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


def typed(state: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["record", *words, "--state", str(state)])


def told(
    state: Path, number: int, at: datetime = NOON, *, allowed: bool = False, action: str = ""
) -> None:
    database = open_record(state)
    ids = EventIds(0, database.last_event_id())
    recorder = Recorder(database, clock=lambda: at)
    recorder.start()
    for n in range(number):
        recorder.note(
            Event(
                id=ids.next(at), at=at + timedelta(seconds=n), person="a.larch", source="address",
                address="192.168.1.20", site="facebook", host="www.facebook.com", scheme="https",
                method="GET", kind="navigation", allowed=allowed, outcome="no-purpose", reason="-",
                action=action,
            )
        )  # fmt: skip
    assert recorder.close(10) == 0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "var"
    told(state, 40)
    return state


def test_a_whole_record_is_said_to_be_whole(state: Path) -> None:
    said = typed(state, "verify")
    assert said.exit_code == 0
    assert said.stdout.startswith("The record is whole: 40 events in ")
    assert json.loads(typed(state, "verify", "--json").stdout)["whole"] is True


def test_a_changed_record_is_not(state: Path) -> None:
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        file.execute("DROP TRIGGER events_keep_their_words")
        file.execute("UPDATE events SET person = 'b.birch' WHERE id = (SELECT max(id) FROM events)")
    said = typed(state, "verify")
    assert said.exit_code == 1
    assert said.stdout.startswith("The record is NOT as it was written. Event")
    assert json.loads(typed(state, "verify", "--json").stdout)["broken"]["seal"] == 2


def test_heads_kept_in_a_file_are_compared(state: Path, tmp_path: Path) -> None:
    kept = tmp_path / "heads.txt"
    with kept.open("w") as file:
        for _ in range(2):
            file.write(typed(state, "head").stdout)
            told(state, 3, NOON + timedelta(hours=1))
    assert typed(state, "verify", "--head", str(kept)).exit_code == 0
    only = json.loads(typed(state, "head", "--json").stdout)
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        for table in ("events", "seals"):
            file.execute(f"DROP TRIGGER {table}_stay")
        file.execute("DELETE FROM events WHERE seal = ?", (only["number"],))
        file.execute("DELETE FROM seals WHERE number = ?", (only["number"],))
        file.executescript(RECOUNT)  # or the counts would tell
    assert typed(state, "verify", "--head", str(kept)).exit_code == 0
    said = typed(state, "verify", "--head", f"{only['number']}:{only['digest']}")
    assert said.exit_code == 1
    assert "the newest part of the record is missing" in said.stdout


def test_without_a_head_the_newest_seal_that_is_remembered_is_compared(state: Path) -> None:
    remember(state, open_record(state))
    said = typed(state, "verify")
    assert said.exit_code == 0
    seal = typed(state, "head").stdout.split()[0]
    assert "Its newest part is there up to seal 2, which Schoolgate remembered" in said.stdout
    told(state, 3, NOON + timedelta(hours=1))
    assert json.loads(typed(state, "verify", "--json").stdout)["remembered"] == seal
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        for table in ("events", "seals"):
            file.execute(f"DROP TRIGGER {table}_stay")
            file.execute(f"DELETE FROM {table}" + " WHERE number > 1" * (table == "seals"))
        file.executescript(RECOUNT)
    said = typed(state, "verify")
    assert said.exit_code == 1
    assert "the newest part of the record is missing" in said.stdout
    assert f"No head was given: Schoolgate remembered the seal {seal} itself." in said.stdout
    only = typed(state, "head").stdout.split()[0]
    assert typed(state, "verify", "--head", only).exit_code == 0


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (["verify", "--head", "abc"], 2, "is not a head"),
        (["verify", "--head", "EMPTY"], 1, "holds no head"),
    ],
)
def test_what_is_no_head(
    state: Path, tmp_path: Path, words: list[str], status: int, part: str
) -> None:
    (tmp_path / "empty").touch()
    said = typed(state, *[str(tmp_path / "empty") if w == "EMPTY" else w for w in words])
    assert said.exit_code == status
    assert part in said.stderr


@pytest.mark.parametrize("word", ["verify", "head"])
def test_where_there_is_no_record(tmp_path: Path, word: str) -> None:
    said = typed(tmp_path / "none", word)
    assert said.exit_code == 1
    assert "There is no record at" in said.stderr
    assert not (tmp_path / "none").exists()


class TestPurging:
    """By the shipped policy, which keeps events for 90 days."""

    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        state = tmp_path / "var"
        now = datetime.now(UTC)
        told(state, 30, now - timedelta(days=95))
        told(state, 20, now - timedelta(days=80))
        return state

    def count(self, state: Path) -> int:
        with closing(sqlite3.connect(state / FILE_NAME)) as file:
            return int(file.execute("SELECT count(*) FROM events").fetchone()[0])

    def test_first_says_what_would_go(self, state: Path) -> None:
        said = typed(state, "purge", "--dry-run")
        assert said.exit_code == 0
        assert said.stdout.startswith("Events are kept for 90 days: 30 are from before ")
        assert self.count(state) == 50

    def test_then_removes_it_and_accounts_for_it(self, state: Path) -> None:
        assert "Removed 30 events" in typed(state, "purge").stdout
        assert self.count(state) == 20
        said = typed(state, "verify").stdout
        assert said.startswith("The record is whole: 20 events")
        assert "30 events from" in said
        assert "The policy keeps events for 90 days." in said

    def test_leaves_what_is_held_until_it_is_released(self, state: Path) -> None:
        by = ["--by", "rowan.example"]
        held = typed(state, "hold", "a.larch", *by, "--why", "A case is being prepared.")
        assert held.exit_code == 0, held.stderr
        said = typed(state, "purge").stdout
        assert "none are older" in said
        assert "30 older events of 1 held people stay" in said
        assert self.count(state) == 50
        assert typed(state, "release", "a.larch", *by).exit_code == 0
        assert typed(state, "release", "a.larch", *by).exit_code == 1
        typed(state, "purge")
        assert self.count(state) == 20

    def test_keeps_a_record_that_was_changed(self, state: Path) -> None:
        with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
            file.execute("DROP TRIGGER events_keep_their_words")
            file.execute("UPDATE events SET host = 'x' WHERE id = (SELECT max(id) FROM events)")
        said = typed(state, "purge")
        assert said.exit_code == 1
        assert "Nothing was removed, because the record is not as it was written" in said.stderr
        assert self.count(state) == 50
        assert typed(state, "purge", "--even-if-broken").exit_code == 0
        assert self.count(state) == 20


def test_a_copy_is_made_and_put_back(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert typed(state, "backup", str(copy)).exit_code == 0
    assert "exists already" in typed(state, "backup", str(copy)).stderr
    told(state, 5)
    with changing_access(open_record(state)) as changes:
        changes.add(Step(at=NOON, what=What.WITHDRAW, person="a.larch", by="rowan.example"))
    said = typed(state, "restore", str(copy))
    assert said.exit_code == 0, said.stderr
    assert "that web access was withdrawn from a.larch: withdraw it again" in said.stdout
    assert "What was there before is kept as" in said.stdout
    assert "40 events" in typed(state, "verify").stdout
    assert typed(state, "restore", str(tmp_path / "none")).exit_code == 1


class TestExport:
    def test_holds_all_about_a_person_and_names_nobody_else(
        self, state: Path, tmp_path: Path
    ) -> None:
        step = Step(
            at=NOON, what=What.WITHDRAW, person="a.larch", by="rowan.example", reason="=1+1"
        )
        with changing_access(open_record(state)) as changes:
            changes.add(step)
            changes.add(replace(step, person="b.birch"))
            agreed = "hazel example (fictitious) and fern.example agreed."
            changes.add(replace(step, what=What.RESTORE, reason=agreed))
        by = ("--by", "rowan.example")
        assert typed(state, "hold", "a.larch", *by, "--why", "rowan.example asks.").exit_code == 0
        (state / "looks.jsonl").write_text(
            '{"at": "2026-11-18T12:00:00+00:00", "by": "root", "asked": "a.larch"}\n'
            '{"at": "2026-11-18T12:00:00+00:00", "by": "root", "asked": "b.birch"}\n{"at'
        )
        told(state, 1, NOON + timedelta(minutes=1), allowed=True, action="post")
        folder = tmp_path / "export"
        words = ("export", "a.larch", "--to", str(folder), "--by", "rowan.example")
        assert "under a legal hold" in typed(state, *words).stdout
        files = {path.name: path.read_text() for path in folder.iterdir()}
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        own = json.loads(files["own-data.json"])
        assert len(own["events"]) == 41
        assert len(files["events.csv"].splitlines()) == 42
        assert own["access"][0]["by"] == "somebody else at the school"
        assert "'=1+1" in files["access.csv"], "a program for tables would work it out"
        assert [visit["acts"] for visit in own["visits"]] == [1]
        assert own["events"][-1]["action"] == "post"
        assert len(files["visits.csv"].splitlines()) == 2
        hour = {"hour": NOON.isoformat(), "site": "facebook", "kind": "navigation"}
        assert own["figures"] == [
            {**hour, "allowed": False, "requests": 40},
            {**hour, "allowed": True, "requests": 1},
        ]
        somebody = "somebody else at the school"
        assert own["access"][1]["reason"] == f"{somebody} and {somebody} agreed."
        assert own["holds"][0]["why"] == f"{somebody} asks."
        assert [look["why"] for look in own["looks"]] == ["To see at which device they were."]
        assert own["visits"][0]["can_tell"] is False
        visits, _, _ = files["visits.csv"].partition("\n")
        assert {"at_least", "at_most", "can_tell"} <= set(visits.split(","))
        texts = "".join(files.values()).lower().replace("ask rowan example", "")
        for name in ("rowan", "hazel", "fern", "b.birch"):
            assert name not in texts
        assert "does not show that they sat in front of it" in " ".join(
            files["READ-ME.txt"].split()
        )
        with closing(sqlite3.connect(state / FILE_NAME)) as file:
            ((facts,),) = file.execute("SELECT facts FROM seals WHERE what = 'note'").fetchall()
        assert json.loads(facts) == {
            "why": "A person's own data was exported.", "person": "a.larch", "by": "rowan.example",
        }  # fmt: skip
        assert typed(state, "verify").exit_code == 0
        assert "exists already" in typed(state, *words).stderr

    def test_of_nobody(self, state: Path, tmp_path: Path) -> None:
        folder = str(tmp_path / "export")
        said = typed(state, "export", "nobody", "--to", folder, "--by", "rowan.example")
        assert said.exit_code == 2
        assert not Path(folder).exists()


def test_a_purge_that_meets_a_locked_record_may_be_tried_again_soon(state: Path) -> None:
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as rude:
        rude.execute("BEGIN EXCLUSIVE")
        said = typed(state, "purge")
    assert (said.exit_code, said.output.count("locked: close it")) == (75, 1)
    assert typed(state, "purge").exit_code == 0
