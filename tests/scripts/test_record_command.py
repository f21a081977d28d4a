"""`schoolgate record`, as it is typed."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import threading
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from addon.record_continuity import remember
from scripts.cli import main
from scripts.looks import add_look, purge_looks
from scripts.os_account import os_account
from storage.access import Step, What, changing_access
from storage.bindings import Binding, write_bindings
from storage.database import FILE_NAME, open_record
from storage.events import Event, EventIds
from storage.holds import hold
from storage.recorder import Recorder
from tests.storage.conftest import RECOUNT, without_guards
from tests.support.schoolgate import COMMAND

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
        guards = ("events_stay", "seals_stay")
        made = [
            file.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
            for name in guards
        ]
        for name in guards:
            file.execute(f"DROP TRIGGER {name}")
        file.execute("DELETE FROM events WHERE seal = ?", (only["number"],))
        file.execute("DELETE FROM seals WHERE number = ?", (only["number"],))
        file.executescript(RECOUNT)  # or the counts would tell
    assert "events_stay, seals_stay" in typed(state, "verify", "--head", str(kept)).stdout
    with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
        for each in made:
            file.execute(each)
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
    with without_guards(state) as file:
        for table in ("events", "seals"):
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

    def test_accounts_for_bindings_too(self, state: Path) -> None:
        long_ago = datetime.now(UTC) - timedelta(days=95)
        until = long_ago + timedelta(hours=1)
        binding = Binding(
            id=1, person="a.larch", address="192.168.1.20", hardware="", source="radius",
            session="1", confidence=90, began=long_ago, vouched=until, ends=until, ended=until,
            why="stop",
        )  # fmt: skip
        write_bindings(open_record(state), [binding])
        assert "1 bindings of people to addresses" in typed(state, "purge").stdout
        said = typed(state, "verify")
        assert (said.exit_code, "1 bindings of people to addresses from" in said.stdout) == (
            0,
            True,
        )

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

    def test_is_refused_where_a_hold_was_taken_away(self, state: Path) -> None:
        by = ["--by", "rowan.example", "--why", "A case is being prepared."]
        assert typed(state, "hold", "a.larch", *by).exit_code == 0
        with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
            file.execute("DROP TRIGGER holds_stay")
            file.execute("DELETE FROM holds")
        said = typed(state, "purge")
        assert said.exit_code == 1
        assert "The legal hold 1 on a.larch's events was taken away." in said.stderr
        assert self.count(state) == 50

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


class TestHolds:
    BY = ("--by", "rowan.example", "--why", "A case is\nbeing prepared.")

    def test_are_listed_with_all_that_was_said(self, state: Path) -> None:
        assert typed(state, "holds").stdout == "Nobody's events are held.\n"
        assert typed(state, "hold", "fern.example", *self.BY, "--case", "17/26").exit_code == 0
        assert typed(state, "hold", "a.larch", *self.BY).exit_code == 0
        first, second = typed(state, "holds").stdout.splitlines()
        assert first.startswith("fern.example: since ")
        assert first.endswith(" UTC, by rowan.example, case 17/26. A case is being prepared.")
        assert second.startswith("a.larch: since ")
        assert typed(state, "release", "fern.example", *self.BY[:2]).exit_code == 0
        assert typed(state, "holds").stdout.splitlines() == [second]
        assert "released" in typed(state, "holds", "--all").stdout
        over, standing = json.loads(typed(state, "holds", "--all", "--json").stdout)
        assert (over["case"], over["ended_by"]) == ("17/26", "rowan.example")
        assert (standing["person"], standing["ended"]) == ("a.larch", None)

    @pytest.mark.parametrize(
        ("person", "said"),
        [
            ("fern.exmple", "knows 'fern.exmple'. Did you mean 'fern.example'?"),
            ("a.lrach", "knows 'a.lrach'. Did you mean 'a.larch'?"),
            ("nobodyhere", "Neither the policy nor the record knows 'nobodyhere'."),
        ],
    )
    def test_are_of_people_whom_somebody_knows(self, state: Path, person: str, said: str) -> None:
        found = typed(state, "hold", person, *self.BY)
        assert found.exit_code == 2
        assert said in found.stderr
        assert found.stderr.count("\n") == 1
        assert typed(state, "holds").stdout == "Nobody's events are held.\n"

    def test_may_be_of_somebody_who_is_only_in_an_event(self, state: Path) -> None:
        with closing(sqlite3.connect(state / FILE_NAME)) as file, file:
            file.execute("DELETE FROM counts")
        assert typed(state, "hold", "a.larch", *self.BY).exit_code == 0

    def test_end_case_by_case(self, state: Path) -> None:
        for case in ("17/26", "18/26"):
            assert typed(state, "hold", "a.larch", *self.BY, "--case", case).exit_code == 0
        one = typed(state, "release", "a.larch", *self.BY[:2], "--case", "17/26")
        assert "still held" in one.stdout
        none = typed(state, "release", "a.larch", *self.BY[:2], "--case", "17/26")
        assert none.exit_code == 1
        assert "no hold on a.larch's events for the case 17/26." in none.stderr
        assert "no longer held" in typed(state, "release", "a.larch", *self.BY[:2]).stdout
        assert "Did you" not in typed(state, "release", "a.larch", *self.BY[:2]).stderr


def test_a_copy_is_made_and_put_back(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert typed(state, "backup", str(copy)).exit_code == 0
    assert "exists already" in typed(state, "backup", str(copy)).stderr
    told(state, 5)
    with changing_access(open_record(state)) as changes:
        changes.add(Step(at=NOON, what=What.WITHDRAW, person="a.larch", by="rowan.example"))
    by = ("--by", "rowan.example", "--why", "A case.")
    assert typed(state, "hold", "fern.example", *by).exit_code == 0
    said = typed(state, "restore", str(copy))
    assert said.exit_code == 0, said.stderr
    assert (
        "not know of the legal hold on the events of fern.example: hold them again" in said.stdout
    )
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
            # One that the policy does not know any more, and names as people write them.
            changes.add(replace(step, person="old.person"))
            wrote = "Hazel Example and Mrs Willow agreed with old.person, Mr Larch did not."
            changes.add(replace(step, reason=wrote))
        by = ("--by", "rowan.example")
        case = ("--case", "17/26 of hazel.example")
        assert (
            typed(state, "hold", "a.larch", *by, *case, "--why", "rowan.example asks.").exit_code
            == 0
        )
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
        assert own["access"][2]["reason"] == (
            f"{somebody} and {somebody} agreed with {somebody}, Mr Larch did not."
        )
        assert own["holds"][0]["why"] == f"{somebody} asks."
        assert own["holds"][0]["case"] == f"17/26 of {somebody}"
        assert [look["why"] for look in own["looks"]] == ["To see at which device they were."]
        assert own["visits"][0]["can_tell"] is False
        visits, _, _ = files["visits.csv"].partition("\n")
        assert {"at_least", "at_most", "can_tell"} <= set(visits.split(","))
        texts = "".join(files.values()).lower().replace("ask rowan example", "")
        for name in ("rowan", "hazel", "willow", "fern", "b.birch", "old.person"):
            assert name not in texts
        assert "does not show that they sat in front of it" in " ".join(
            files["READ-ME.txt"].split()
        )
        assert "somebody has to read these before this is handed over" in " ".join(
            files["READ-ME.txt"].split()
        )
        with closing(sqlite3.connect(state / FILE_NAME)) as file:
            _, (facts,) = file.execute("SELECT facts FROM seals WHERE what = 'note'").fetchall()
        assert json.loads(facts) == {
            "why": "A person's own data was exported.", "person": "a.larch", "by": "rowan.example",
            "account": os_account(),
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


class TestPurgingBesideTheRecord:
    """By the shipped policy, which keeps events for 90 days and looks for 6 years."""

    OLD = datetime.now(UTC) - timedelta(days=92)
    YOUNG = datetime.now(UTC) - timedelta(days=80)

    @pytest.fixture
    def laid(self, state: Path, tmp_path: Path) -> dict[str, bool]:
        """Files, and whether a purge has to take each."""
        files = {}
        for at, goes in ((self.OLD, True), (self.YOUNG, False)):
            for name in (
                f"record.damaged-{at:%Y%m%d-%H%M%S}.sqlite3",
                f"record.damaged-{at:%Y%m%d-%H%M%S}.sqlite3-wal",
                f"record.before-restore-{at:%Y%m%d-%H%M%S}.sqlite3",
                f"record.of-{at:%Y%m%dT%H%M%SZ}.sqlite3",
                f"backups/{at:%Y%m%dT%H%M%SZ}/record.sqlite3",
            ):
                files[name] = goes
        files |= {
            "record.before-0003.sqlite3": True,
            "record.before-0004.sqlite3": False,
            # Of the same age, and somebody's own.
            "record.before-christmas.sqlite3": False,
            "record.copy.sqlite3": False,
            f"backups/{self.OLD:%Y%m%dT%H%M%SZ}/authority": False,
            "backups/mine/record.sqlite3": False,
        }
        for name in files:
            path = state / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
            at = (self.YOUNG if name.endswith("0004.sqlite3") else self.OLD).timestamp()
            os.utime(path, (at, at))
        return files

    def test_copies_go_with_the_events_that_are_in_them(
        self, state: Path, laid: dict[str, bool]
    ) -> None:
        dry = typed(state, "purge", "--dry-run")
        assert dry.exit_code == 0, dry.output
        assert all((state / name).exists() for name in laid)
        said = typed(state, "purge")
        assert said.exit_code == 0, said.output
        for name, goes in laid.items():
            assert (state / name).exists() is not goes, name
            if goes and not name.endswith("-wal"):
                assert f"{name}, is too old to stay." in dry.stdout
        assert "record.before-0004.sqlite3, stays until it is older than 90 days." in said.stdout
        assert "christmas" not in said.stdout
        assert "Removed 5 copies of the record, and 0 looks." in said.stdout

    def test_a_legal_hold_keeps_them(self, state: Path, laid: dict[str, bool]) -> None:
        by = ("--by", "rowan.example", "--why", "A case is being prepared.")
        assert typed(state, "hold", "fern.example", *by).exit_code == 0
        said = typed(state, "purge")
        assert said.exit_code == 0, said.output
        assert "stays because of a legal hold" in said.stdout
        assert all((state / name).exists() for name in laid)

    def test_a_legal_hold_that_comes_while_others_are_looked_at_keeps_them_too(
        self, state: Path, laid: dict[str, bool]
    ) -> None:
        at = self.OLD - timedelta(days=365 * 7)
        look = {"at": at.isoformat(timespec="seconds"), "by": "root", "asked": "a.larch"}
        add_look(state, look)
        database = open_record(state)
        alone = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(alone, fcntl.LOCK_EX)  # as a process that changes tables: the purge waits
        words = [COMMAND, "record", "purge", "--state", state]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as purge:
            assert purge.stdout
            before = ""
            while "1 are older" not in before:
                line = purge.stdout.readline()
                assert line, before
                before += line
            assert "is too old to stay" in before
            hold(database, "a.larch", "rowan.example", "A case.", datetime.now(UTC))
            os.close(alone)
            after = purge.stdout.read()
        assert purge.returncode == 0
        assert "The copies of the record stay after all: a legal hold came meanwhile." in after
        assert all((state / name).exists() for name in laid)
        assert "a.larch" in (state / "looks.jsonl").read_text()

    def test_looks_go_when_their_time_is_over(self, state: Path) -> None:
        now = datetime.now(UTC)

        def line(years: float, asked: str) -> str:
            at = (now - timedelta(days=365.25 * years)).isoformat(timespec="seconds")
            return json.dumps({"at": at, "by": "root", "command": "who", "asked": asked})

        old, held, young = line(6.1, "a.larch"), line(6.1, "fern.example"), line(5.9, "a.larch")
        path = state / "looks.jsonl"
        path.write_text(f'{old}\n{{"at": "20\n{held}\n{young}\n')
        path.chmod(0o600)
        by = ("--by", "rowan.example", "--why", "A case is being prepared.")
        assert typed(state, "hold", "fern.example", *by).exit_code == 0
        said = typed(state, "purge", "--dry-run").stdout
        assert "Looks at where people were are kept for 6 years: 2 are older." in said
        assert "Removed 0 copies of the record, and 2 looks." in typed(state, "purge").stdout
        assert path.read_text() == f"{held}\n{young}\n"
        assert path.stat().st_mode & 0o777 == 0o600
        before = path.stat()
        typed(state, "purge")
        assert path.stat().st_ino == before.st_ino, "nothing to do, and it was written"


def test_no_look_is_lost_while_old_ones_are_removed(tmp_path: Path) -> None:
    old = '{"at": "2001-01-01T00:00:00+00:00", "asked": "a.larch"}\n'
    now = datetime.now(UTC)
    number, path = 200, tmp_path / "looks.jsonl"

    def look() -> None:
        for n in range(number):
            add_look(tmp_path, {"at": now.isoformat(), "by": "root", "asked": f"{n}"})

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    while any(thread.is_alive() for thread in looking):
        with suppress(FileNotFoundError):
            purge_looks(tmp_path, now - timedelta(days=1), ())
            add_look(tmp_path, json.loads(old))
    for thread in looking:
        thread.join()
    purge_looks(tmp_path, now - timedelta(days=1), ())
    assert len(path.read_text().splitlines()) == 3 * number
