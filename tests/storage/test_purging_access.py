"""Old steps of grants and withdrawals go, the present stays what it was, and the chain is whole."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from storage import sealing
from storage.access import (
    AccessReader,
    Step,
    What,
    access_history,
    as_sealed,
    changing_access,
    present,
)
from storage.connections import Database
from storage.database import FILE_NAME, open_record
from storage.holds import hold
from storage.purging_access import access_due, purge_access
from storage.verifying import verify
from tests.storage.conftest import NOON
from tests.storage.kept import Kept

DAY = timedelta(days=1)
LATER = NOON + 400 * DAY


def no_rest(_seconds: float) -> None:
    """Nobody else is there."""


def grant(day: int, person: str = "larch", *, lasts: timedelta = timedelta(hours=1)) -> Step:
    at = NOON + day * DAY
    return Step(
        at=at, what=What.GRANT, person=person, by="oak", site="x", starts=at, until=at + lasts,
        purpose="lesson",
    )  # fmt: skip


def step(day: int, what: What, person: str = "larch") -> Step:
    site = "x" if what is What.REVOKE else None
    return Step(at=NOON + day * DAY, what=what, person=person, by="oak", site=site)


def add(database: Database, *steps: Step) -> None:
    """Each in a transaction of its own, as they come."""
    for each in steps:
        with changing_access(database) as changes:
            changes.add(each)


def purge(database: Database, before: datetime, **how: int) -> int:
    return purge_access(database, before, "Kept long enough.", lambda: LATER, rest=no_rest, **how)


def ids(database: Database) -> list[int]:
    return [each.id for each in access_history(database)]


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([grant(0), grant(9), grant(10)], [3]),
        ([grant(0), grant(1, lasts=20 * DAY), grant(2)], [2, 3]),
        ([grant(0), step(1, What.REVOKE), grant(2, "maple", lasts=20 * DAY)], [3]),
        # Without the revocation, the grant before it would open again.
        ([grant(0, lasts=20 * DAY), step(1, What.REVOKE)], [1, 2]),
        ([step(0, What.WITHDRAW), grant(1), step(2, What.WITHDRAW)], [1, 2, 3]),
        ([step(0, What.WITHDRAW), step(1, What.RESTORE), grant(11)], [3]),
        ([step(0, What.WITHDRAW), step(1, What.RESTORE), step(2, What.WITHDRAW)], [3]),
    ],
)
def test_only_what_nothing_depends_on_goes(
    database: Database, steps: list[Step], left: list[int]
) -> None:
    add(database, *steps)
    before = NOON + 10 * DAY
    due = access_due(database, before)
    assert purge(database, before) == due == len(steps) - len(left)
    assert ids(database) == left
    assert verify(database).broken is None
    assert purge(database, before) == 0


def test_the_purge_is_accounted_for(database: Database) -> None:
    add(database, *(grant(day) for day in range(8)))
    assert purge(database, NOON + 5 * DAY, step=2) == 5
    found = verify(database)
    assert found.broken is None
    assert [(each.of, each.events) for each in found.purged] == [("access", n) for n in (2, 2, 1)]
    assert found.purged[0].since == NOON
    assert found.purged[-1].until == NOON + 4 * DAY
    assert {each.why for each in found.purged} == {"Kept long enough."}


def test_a_hold_keeps_a_persons_steps(database: Database) -> None:
    add(database, grant(0), grant(0, "maple"))
    hold(database, "larch", "oak", "A case is being prepared.", NOON)
    assert purge(database, LATER) == 1
    assert ids(database) == [1]


def test_steps_sealed_together_are_sealed_again_when_some_of_them_go(
    kept: Kept, database: Database
) -> None:
    with changing_access(database) as changes:
        for each in (grant(0), grant(20), grant(0, "maple")):
            changes.add(each)
    # As a record is that was brought up to date: one seal for all that was there.
    kept.unguarded("UPDATE access SET seal = 2; DELETE FROM seals WHERE number > 1")
    with database.writer() as connection, connection.begin():
        steps = [as_sealed(each) for each in access_history(database)]
        sealing.Chain(connection, NOON).seal(sealing.What.ACCESS, steps)
    assert verify(database).broken is None
    assert purge(database, NOON + 10 * DAY) == 2
    assert ids(database) == [2]
    found = verify(database)
    assert (found.broken, found.seals) == (None, 3)


def test_a_reader_that_follows_goes_on(database: Database) -> None:
    add(database, step(0, What.WITHDRAW), grant(0, "maple"))
    reader = AccessReader(database)
    assert reader.look(NOON)
    purge(database, LATER)
    add(database, step(12, What.RESTORE))
    found = reader.look(LATER)
    assert found
    assert not found.withdrawn
    reader.close()


@pytest.fixture(scope="module")
def new_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("record")
    open_record(folder)
    return folder / FILE_NAME


KINDS = some.sampled_from(What)
PEOPLE = some.sampled_from(["larch", "maple"])


@settings(max_examples=40, deadline=None)
@given(
    some.lists(some.tuples(KINDS, PEOPLE, some.integers(0, 4), some.integers(1, 30)), max_size=20),
    some.integers(0, 60),
)
def test_whatever_goes_the_present_stays_what_it_was(
    new_record: Path, told: list[tuple[What, str, int, int]], cut: int
) -> None:
    day, steps = 0, []
    for what, person, later, lasts in told:
        day += later
        steps.append(
            grant(day, person, lasts=lasts * DAY) if what is What.GRANT else step(day, what, person)
        )
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(new_record, folder)
        database = open_record(Path(folder))
        add(database, *steps)
        before = NOON + cut * DAY
        then = present(access_history(database))
        purge(database, before)
        now = present(access_history(database))
        assert now.withdrawn == then.withdrawn
        live = [each for each in then.grants if each.until and each.until >= before]
        assert [each for each in now.grants if each in live] == live
        assert all(each in then.grants for each in now.grants)
        assert verify(database).broken is None
        database.dispose()
