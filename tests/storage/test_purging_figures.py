"""Figures lose their people after a while and stay what they were in sum; later they go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from storage.connections import Database
from storage.holds import hold, release
from storage.models import NO_LONGER_NAMED
from storage.purging_figures import forget_names, purge_figures
from storage.tallies import Batch, Tally, additions_of, tally_row, write_tallies
from storage.usage import overview
from storage.verifying import verify
from tests.storage.conftest import NOON

Ask = Callable[[str], list[tuple[object, ...]]]
DAY = timedelta(days=1)
SUMS = "SELECT span, start, site, kind, allowed, sum(number) FROM counts GROUP BY 1, 2, 3, 4, 5"
PEOPLE = "SELECT DISTINCT person FROM counts WHERE span = {} AND start < {} ORDER BY person"


@pytest.fixture
def filled(database: Database) -> Database:
    """A month of three people's pictures and of a device that nobody signed in to."""
    rows = [
        tally_row(Tally(NOON + day * DAY, person, "facebook", "embed", True))
        for day in range(30)
        for person in ("a", "b", "c", None)
        for _ in range(day + 1)
    ]
    with database.writer() as connection, connection.begin():
        write_tallies(connection, Batch("w", 1, additions_of(rows, []), 0), careful=False)
    return database


def forget(database: Database, days: int) -> int:
    paused: list[float] = []
    before = NOON + days * DAY
    rows = forget_names(database, before, "Kept for 12 months.", lambda: NOON, paused.append)
    assert len(paused) >= rows // 25, "a step is a few rows, and a pause comes after it"
    return rows


def hours(days: int) -> int:
    return int((NOON + days * DAY).timestamp()) // 3600


def test_people_are_taken_out_and_every_sum_stays(filled: Database, stored: Ask) -> None:
    before = stored(SUMS)
    # Twenty days and as many hours with three people each; three whole weeks.
    assert forget(filled, 20) == 20 * 3 + 20 * 3 + 3 * 3
    assert stored(SUMS) == before
    for span in (1, 24, 168):
        end = hours(20) - span + 1
        assert stored(PEOPLE.format(span, end)) == [("",), (NO_LONGER_NAMED,)]
        kept = stored(f"SELECT DISTINCT person FROM counts WHERE span = {span} AND start >= {end}")
        assert sorted(kept) == [("",), ("a",), ("b",), ("c",)]
    assert forget(filled, 20) == 0
    assert forget(filled, 21) == 6
    assert stored(SUMS) == before
    assert verify(filled).broken is None


def test_a_held_persons_figures_keep_their_name_until_they_are_released(
    filled: Database, stored: Ask
) -> None:
    before = stored(SUMS)
    hold(filled, "b", "head.teacher", "A case is being prepared.", NOON)
    forget(filled, 40)
    assert stored(PEOPLE.format(1, hours(40))) == [("",), (NO_LONGER_NAMED,), ("b",)]
    assert verify(filled).broken is None
    release(filled, "b", "head.teacher", NOON)
    assert forget(filled, 40) == 30 + 30 + 5
    assert stored(SUMS) == before
    assert verify(filled).broken is None


def test_that_it_was_done_is_sealed_once_a_run(filled: Database, stored: Ask) -> None:
    notes = "SELECT facts FROM seals WHERE what = 'note'"
    forget(filled, 20)
    forget(filled, 20)
    assert stored(notes) == [(f'{{"why":"Kept for 12 months.","named_from":{hours(20)}}}',)]
    purge_figures(filled, NOON + 10 * DAY, "Kept for 3 years.", lambda: NOON, lambda _: None)
    assert len(stored(notes)) == 2
    assert verify(filled).broken is None


def test_the_overview_says_what_is_no_longer_kept_by_person(filled: Database) -> None:
    rows = [tally_row(Tally(NOON, person, "x", "navigation", True)) for person in "abcdef"] * 5
    with filled.writer() as connection, connection.begin():
        write_tallies(connection, Batch("w", 2, additions_of(rows, []), 0), careful=False)
    since, until = NOON - 3 * DAY, NOON + 10 * DAY
    earlier = overview(filled, since, until)
    assert (earlier.no_longer_named.about, earlier.sites[0].allowed.about) == (0, 30)
    forget(filled, 10)
    later = overview(filled, since, until)
    assert (later.no_longer_named.about, later.sites) == (30, ())
    assert later.by_itself == earlier.by_itself
    assert later.unidentified == earlier.unidentified
