"""A record that does not go on from the one before says so in its chain, and withdrawals go on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.access import Step, What, access_history, changing_access, present
from storage.continuity import Break, Broken, Known, go_on, known
from storage.copies import backup, open_or_begin_anew, restore
from storage.database import FILE_NAME, open_file, open_record, open_record_readonly
from storage.events import Event
from storage.purging import purge_events
from storage.recorder import Recorder
from storage.verifying import verify
from tests.storage.conftest import NOON, RECOUNT, without_guards

Make = Callable[..., Event]
LATER = NOON + timedelta(hours=1)


def nobody() -> tuple[str, ...]:
    return ()


def record(state: Path, events: list[Event]) -> Known:
    recorder = Recorder(open_record(state))
    recorder.start()
    for each in events:
        recorder.note(each)
    assert recorder.close(10) == 0
    return remembered(state)


def remembered(state: Path) -> Known:
    found = known(open_record_readonly(state))
    assert found
    return found


def step(state: Path, what: What, person: str) -> None:
    with changing_access(open_record(state)) as changes:
        changes.add(Step(at=NOON, what=what, person=person, by="head", reason="misuse"))


def remove(state: Path) -> None:
    for path in state.glob(f"{FILE_NAME}*"):
        path.unlink()


def notes(state: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(state / FILE_NAME)) as file:
        found = file.execute("SELECT facts FROM seals WHERE what = 'note' ORDER BY number")
        return [json.loads(text) for (text,) in found]


def withdrawn(state: Path) -> dict[str, Step]:
    return dict(present(access_history(open_record(state))).withdrawn)


def emptied(state: Path, _: Path) -> None:
    remove(state)
    (state / FILE_NAME).touch()


def removed(state: Path, _: Path) -> None:
    remove(state)


def begun_by_another_command(state: Path, _: Path) -> None:
    remove(state)
    open_record(state)


def another(state: Path, copy: Path) -> None:
    remove(state)
    step(state, What.WITHDRAW, "birch")


def an_older_copy(state: Path, copy: Path) -> None:
    remove(state)
    shutil.copy(copy, state / FILE_NAME)


def an_older_copy_that_went_on(state: Path, copy: Path) -> None:
    an_older_copy(state, copy)
    for person in ("ash", "elm", "yew"):
        step(state, What.WITHDRAW, person)


def cut(state: Path, _: Path) -> None:
    with without_guards(state) as file:
        file.execute("DELETE FROM events WHERE seal = (SELECT max(number) FROM seals)")
        file.execute("DELETE FROM seals WHERE number = (SELECT max(number) FROM seals)")
        file.executescript(RECOUNT)


@pytest.mark.parametrize(
    ("happen", "how"),
    [
        (removed, Break.MISSING),
        (emptied, Break.MISSING),
        (begun_by_another_command, Break.MISSING),
        (another, Break.EXCHANGED),
        (an_older_copy, Break.SHORTENED),
        (an_older_copy_that_went_on, Break.SHORTENED),
        (cut, Break.SHORTENED),
    ],
)
def test_a_record_that_does_not_go_on_says_so_once_and_keeps_access_withdrawn(
    state: Path,
    event: Make,
    tmp_path: Path,
    happen: Callable[[Path, Path], None],
    how: Break,
) -> None:
    copy = tmp_path / "copy.sqlite3"
    record(state, [event(allowed=False)])
    backup(open_record_readonly(state), copy)
    before = record(state, [event(allowed=False), event(allowed=False)])
    happen(state, copy)
    database, broken = open_or_begin_anew(state, LATER, before, lambda: {"larch", "ash"})
    carried = 1 if "ash" in withdrawn(state) and happen is an_older_copy_that_went_on else 2
    assert broken == Broken(how, LATER, carried)
    (note,) = notes(state)
    assert note["how"] == how.value
    assert note["known before"] == f"{before.record} {before}"
    assert note["withdrawals carried over"] == str(carried)
    assert note["why"].endswith("Grants and legal holds are not carried over.")
    larch = withdrawn(state)["larch"]
    assert (larch.by, larch.at) == ("schoolgate", LATER)
    assert str(larch.reason).startswith("Carried over on 18 November 2026 at 13:00 UTC from ")
    assert verify(database).broken is None
    # Another worker that finds the same, or a start after a crash, adds nothing.
    assert go_on(database, LATER + timedelta(hours=1), before, lambda: {"larch"}) == broken
    assert len(notes(state)) == 1
    assert go_on(database, LATER, remembered(state), nobody) is None
    step(state, What.RESTORE, "larch")
    assert "larch" not in withdrawn(state)


def test_nothing_is_said_of_a_record_that_goes_on(state: Path, event: Make, tmp_path: Path) -> None:
    assert open_or_begin_anew(state, NOON)[1] is None, "the first of all"
    copy = tmp_path / "copy.sqlite3"
    before = record(state, [event(at=NOON - timedelta(days=1))])
    backup(open_record_readonly(state), copy)
    record(state, [event(), event()])
    assert open_or_begin_anew(state, NOON, before)[1] is None
    purge_events(open_record(state), NOON - timedelta(hours=1), "old", lambda: NOON)
    assert open_or_begin_anew(state, NOON, before)[1] is None, "its seal was purged"
    restore(state, copy, NOON)
    assert open_or_begin_anew(state, NOON, remembered(state))[1] is None
    assert len(notes(state)) == 1, "that a copy was put back"


def test_withdrawals_alone_show_that_there_was_a_record(state: Path, event: Make) -> None:
    database, broken = open_or_begin_anew(state, NOON, None, lambda: {"larch"})
    assert broken == Broken(Break.MISSING, NOON, 1)
    assert list(withdrawn(state)) == ["larch"]
    step(state, What.RESTORE, "larch")
    assert go_on(database, NOON, None, lambda: {"larch"}) is None, "the record decides from then on"


def test_a_log_that_was_deleted_while_in_use_is_known(state: Path, event: Make) -> None:
    database = open_file(state)
    with closing(database.connect()) as connection:
        connection.execute("SELECT count(*) FROM events").fetchall()
        assert not database.has_lost_log()
        (state / f"{FILE_NAME}-wal").unlink()
        assert database.has_lost_log()
    assert not database.has_lost_log()


def test_a_damaged_record_is_named_and_withdrawals_go_on(state: Path, event: Make) -> None:
    step(state, What.WITHDRAW, "larch")
    before = record(state, [event() for _ in range(500)])
    with (state / FILE_NAME).open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 9_000)
    _, broken = open_or_begin_anew(state, LATER, before, lambda: {"larch"})
    aside = state / "record.damaged-20261118-130000.sqlite3"
    assert broken == Broken(Break.DAMAGED, LATER, 1, aside)
    (note,) = notes(state)
    assert note["set aside as"] == aside.name
    assert note["its head"] == str(before)
    assert "was damaged" in str(withdrawn(state)["larch"].reason)
