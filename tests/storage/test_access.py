"""The history on the record: adding to it, reading it, following it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings

from storage.access import (
    AccessReader,
    Step,
    What,
    access_at,
    access_history,
    changing_access,
    present,
)
from storage.database import Database, RecordError, open_record, open_record_readonly
from storage.record_file import RecordFile
from tests.storage.kept import Kept
from tests.storage.test_access_steps import NINE, TEN, grant, histories, step

Ask = Callable[[str], list[tuple[object, ...]]]


def add(database: Database, *steps: Step) -> list[Step]:
    with changing_access(database) as changes:
        return [changes.add(each) for each in steps]


def test_a_step_comes_back_as_it_was_told_with_its_number(database: Database) -> None:
    told = Step(
        at=NINE + timedelta(microseconds=7), what=What.GRANT, person="larch", by="oak", site="x",
        starts=NINE, until=TEN, purpose="lesson", words="Année 6 – “safer” internet",
        reason="asked on paper",
    )  # fmt: skip
    (added,) = add(database, told)
    assert added.id == 1
    assert access_history(database) == (added,)
    assert access_history(database)[0].at.tzinfo is UTC


def test_the_history_of_one_person_is_theirs_alone(database: Database) -> None:
    add(database, grant(0), grant(0, "maple"), step(0, What.WITHDRAW, "maple"))
    assert [each.id for each in access_history(database, "maple")] == [2, 3]
    with changing_access(database) as changes:
        assert [each.id for each in changes.history("larch")] == [1]


def test_nothing_is_added_when_a_change_is_given_up(database: Database) -> None:
    with pytest.raises(ValueError, match="comes to nothing"), changing_access(database) as changes:
        _fail_after(changes.add(grant(0)))
    assert access_history(database) == ()


def _fail_after(step: Step) -> None:
    raise ValueError(f"step {step.id} comes to nothing")


def test_a_number_is_never_given_out_twice(database: Database, kept: Kept) -> None:
    add(database, grant(0), grant(0))
    kept.unguarded("DELETE FROM access")
    assert add(database, grant(0))[0].id == 3


def test_two_who_look_first_and_then_add_cannot_both_be_first(kept: Kept) -> None:
    """Each adds only if nobody has; both ask at once, many times over."""

    def only_one(number: int) -> None:
        database = kept.open()
        for round_ in range(10):
            with changing_access(database) as changes:
                if not changes.history(f"person {round_}"):
                    changes.add(grant(0, f"person {round_}"))

    kept.open()
    both = [Thread(target=only_one, args=(number,)) for number in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert sorted(each.person for each in access_history(kept.open())) == [
        f"person {round_}" for round_ in range(10)
    ]


def test_the_past_is_what_was_known_then(database: Database) -> None:
    first, second = step(0, What.WITHDRAW), step(0, What.RESTORE)
    later = Step(at=TEN, what=second.what, person=second.person, by=second.by)
    add(database, first, later)
    assert "larch" in access_at(database, NINE).withdrawn
    assert "larch" not in access_at(database, TEN).withdrawn


class TestAReader:
    def test_sees_each_change_once_whoever_made_it(self, database: Database, kept: Kept) -> None:
        reader = AccessReader(kept.readonly())
        assert reader.look(NINE) is not None
        assert reader.look(NINE) is None
        add(database, grant(0))
        found = reader.look(NINE)
        assert found is not None
        assert [each.id for each in found.grants] == [1]
        assert reader.look(NINE) is None
        assert reader.look(NINE, anew=True) == found
        reader.close()

    def test_leaves_out_old_grants_and_keeps_every_withdrawal(self, database: Database) -> None:
        add(database, step(0, What.WITHDRAW, "maple"), grant(0), grant(0))
        reader = AccessReader(database)
        much_later = reader.look(TEN + timedelta(days=3))
        assert much_later is not None
        assert much_later.grants == ()
        assert set(much_later.withdrawn) == {"maple"}
        reader.close()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def test_finds_the_same_present_as_the_whole_history(
        self, kept: Kept, database: Database, steps: list[Step]
    ) -> None:
        kept.unguarded("DELETE FROM access")
        add(database, *steps)
        reader = AccessReader(database)
        assert reader.look(NINE) == present(access_history(database))
        reader.close()

    def test_notices_a_record_that_is_gone_and_another_in_its_place(
        self, file_database: RecordFile, state: Path, tmp_path: Path
    ) -> None:
        add(file_database, step(0, What.WITHDRAW))
        reader = AccessReader(open_record_readonly(state))
        reader.look(NINE)
        before = reader.identity
        kept = tmp_path / "aside"
        state.rename(kept)
        with pytest.raises(RecordError, match="is gone"):
            reader.look(NINE)
        open_record(state)
        found = reader.look(NINE)
        assert found is not None
        assert not found.withdrawn
        assert reader.identity not in (None, before)
        reader.close()

    def test_says_that_a_step_it_cannot_understand_is_damage(
        self, database: Database, kept: Kept
    ) -> None:
        add(database, grant(0))
        reader = AccessReader(database)
        reader.look(NINE)
        kept.ask("INSERT INTO access (at, what, person, by) VALUES (1, 'bless', 'a', 'b')")
        with pytest.raises(RecordError, match=r"is damaged|never wrote"):
            reader.look(NINE)
        with pytest.raises(RecordError, match=r"is damaged|never wrote"):
            access_history(database)
        reader.close()


def test_a_record_that_cannot_be_written_says_so(file_database: RecordFile, state: Path) -> None:
    (state / "record.sqlite3").rename(state / "elsewhere")
    with pytest.raises(RecordError, match="is gone"), changing_access(file_database) as changes:
        changes.add(grant(0))


def test_the_time_is_never_read_from_the_clock(database: Database) -> None:
    """A history written in another century is read like any other."""
    long_ago = datetime(1999, 1, 1, tzinfo=UTC)
    add(database, Step(at=long_ago, what=What.WITHDRAW, person="larch", by="oak"))
    assert access_at(database, long_ago).withdrawn["larch"].at == long_ago
