"""Bindings on record, and following them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.bindings import (
    Binding,
    BindingReader,
    bindings_at,
    is_on_record,
    last_binding_id,
    open_bindings,
    sessions_known,
    sessions_over,
    write_bindings,
)
from storage.database import Database, RecordError, open_record
from storage.purging import purge_bindings
from storage.record_file import RecordFile
from storage.verifying import verify
from tests.storage.kept import REFUSALS, Kept

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


def binding(number: int, **changes: object) -> Binding:
    made = Binding(
        number, "fern.example", "10.0.0.7", "a4:5e:60:00:00:01", "radius", "s1", 90,
        NINE, NINE, None, None, "",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_written_is_there_and_changes_with_what_is_written_next(
    database: Database,
) -> None:
    assert (open_bindings(database), last_binding_id(database)) == ([], 0)
    first, second = binding(1, ends=NINE + timedelta(hours=1)), binding(2, address="fd00::7")
    write_bindings(database, [first, second])
    assert open_bindings(database) == [first, second]
    over = replace(first, ended=NINE + timedelta(minutes=5), why="left")
    later = replace(second, vouched=NINE + timedelta(minutes=5))
    write_bindings(database, [over, later, binding(3)])
    assert open_bindings(database) == [later, binding(3)]
    assert last_binding_id(database) == 3


def test_a_moment_in_the_past_has_what_held_then(database: Database) -> None:
    over = binding(1, ended=NINE + timedelta(minutes=5), why="left")
    write_bindings(database, [over, binding(2, began=NINE + timedelta(minutes=10))])
    minutes = {m: bindings_at(database, NINE + timedelta(minutes=m)) for m in (-1, 0, 4, 5, 11)}
    assert {m: [b.id for b in found] for m, found in minutes.items()} == {
        -1: [], 0: [1], 4: [1], 5: [], 11: [2],
    }  # fmt: skip


def test_whoever_was_anywhere_once_is_on_record(database: Database) -> None:
    write_bindings(database, [binding(1, ended=NINE, why="left")])
    found = {who: is_on_record(database, who) for who in ("fern.example", "willow.example")}
    assert found == {"fern.example": True, "willow.example": False}


def test_more_than_one_question_can_hold_are_written_together(database: Database) -> None:
    many = [binding(n) for n in range(1, 1202)]
    write_bindings(database, many)
    write_bindings(database, [replace(each, why="x") for each in many])
    assert {each.why for each in open_bindings(database)} == {"x"}
    assert len(open_bindings(database)) == 1201


def test_the_sessions_of_a_source_are_told_the_newest_first(database: Database) -> None:
    later = NINE + timedelta(minutes=5)
    write_bindings(
        database,
        [
            binding(1, began=later),
            binding(2, session="s2", person="willow.example"),
            binding(3, source="sign-in", session="another"),
            binding(4, address="fd00::7"),
            binding(5, person="willow.example", ended=later, why="left"),
        ],
    )
    found = [
        ("s1", "willow.example", NINE),
        ("s1", "fern.example", NINE),
        ("s2", "willow.example", NINE),
    ]
    assert sessions_known(database, "radius", 9) == found
    assert sessions_known(database, "radius", 2) == found[:2]
    assert sessions_over(database, "radius", NINE) == ["s1"]
    assert sessions_over(database, "radius", later + timedelta(seconds=1)) == []


class TestTriggers:
    """No seal stands for bindings; what is noted of them is still not changed by accident."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM bindings",
            "UPDATE bindings SET person = 'x'",
            "UPDATE bindings SET address = 'x'",
            "UPDATE bindings SET hardware = 'x'",
            "UPDATE bindings SET source = 'x', session = 'x'",
            "UPDATE bindings SET began = 1",
        ],
    )
    def test_refuse(self, database: Database, kept: Kept, statement: str) -> None:
        write_bindings(database, [binding(1, ended=NINE, why="left"), binding(2)])
        with pytest.raises(REFUSALS, match="The record is guarded"):
            kept.ask(statement)

    def test_let_a_purge_through_and_no_other(self, database: Database, kept: Kept) -> None:
        write_bindings(database, [binding(n, ended=NINE, why="left") for n in (1, 2)])
        write_bindings(database, [binding(3, began=NINE)])
        purged = NINE + timedelta(days=90)
        assert purge_bindings(database, purged, "They are old.", purged) == 2
        assert purge_bindings(database, purged, "They are old.", purged) == 0
        assert open_bindings(database) == [binding(3)]
        with pytest.raises(REFUSALS, match="The record is guarded"):
            kept.ask("DELETE FROM bindings")
        found = verify(database)
        assert found.broken is None
        assert [(each.of, each.events, each.why) for each in found.purged] == [
            ("bindings", 2, "They are old.")
        ]


class TestFollowing:
    def test_begins_with_what_is_open_and_goes_on_with_what_changed(
        self, database: Database, kept: Kept
    ) -> None:
        reader = BindingReader(kept.readonly())
        assert reader.look() == (True, [])
        write_bindings(database, [binding(1), binding(2)])
        assert reader.look() == (False, [binding(1), binding(2)])
        assert reader.look() == (False, [])
        over = binding(1, ended=NINE)
        write_bindings(database, [over])
        assert reader.look() == (False, [over])
        late = BindingReader(database)
        assert late.look() == (True, [binding(2)])
        late.close()
        reader.close()

    def test_begins_again_when_the_file_is_another(
        self, file_database: RecordFile, state: Path
    ) -> None:
        reader = BindingReader(file_database)
        write_bindings(file_database, [binding(1)])
        assert reader.look() == (True, [binding(1)])
        for path in state.glob("record.sqlite3*"):
            path.unlink()
        with pytest.raises(RecordError):
            reader.look()
        open_record(state)
        assert reader.look() == (True, [])
        reader.close()
