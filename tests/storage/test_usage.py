"""Figures about the school: what is shown, what is left out, and that nobody can be worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from storage.database import Database, open_record
from storage.events import Event, reference
from storage.recorder import Recorder
from storage.usage import (
    EventView,
    Figure,
    Overview,
    Withheld,
    _Rules,
    find_event,
    overview,
)

Make = Callable[..., Event]

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
NEXT_MONDAY = MONDAY + timedelta(days=7)
FEW = Figure(withheld=Withheld.FEW_PEOPLE)
ONE = Figure(withheld=Withheld.ONE_PERSON)


def about(number: int) -> Figure:
    return Figure(about=number)


def fewer_than(number: int) -> Figure:
    return Figure(fewer_than=number)


@pytest.fixture
def week(database: Database, event: Make) -> Callable[..., Overview]:
    """Puts events on record, as (person, differences, how often), and gives the week's overview."""

    def record(*what: tuple[str | None, dict[str, object], int]) -> Overview:
        recorder = Recorder(database)
        recorder.start()
        for person, differences, times in what:
            for _ in range(times):
                recorder.note(event(**({"person": person} | differences)))
        assert recorder.close(10) == 0
        return overview(database, MONDAY, NEXT_MONDAY)

    return record


def staff(
    number: int, differences: dict[str, object], times: int
) -> Iterable[tuple[str, dict[str, object], int]]:
    return ((f"staff.{n}", differences, times) for n in range(number))


REFUSED: dict[str, object] = {"allowed": False, "outcome": "no-purpose"}


def test_an_empty_record(database: Database) -> None:
    found = overview(database, MONDAY, NEXT_MONDAY)
    assert found.sites == ()
    assert found.begins is None
    assert found.people_at_least is None
    nothing = about(0)
    assert {found.allowed, found.refused, found.unidentified, found.unclear, found.by_itself} == {
        nothing
    }


def test_a_site_that_enough_people_use(week: Callable[..., Overview]) -> None:
    found = week(*staff(6, {}, 4), *staff(7, REFUSED, 5))
    (site,) = found.sites
    assert (site.site, site.people_at_least, site.withheld) == ("facebook", 5, None)
    assert site.allowed == about(20)
    assert site.refused == about(40)
    assert (found.allowed, found.refused) == (about(20), about(40))
    assert found.people_at_least == 5


def test_a_site_that_few_people_use_is_listed_and_withheld(week: Callable[..., Overview]) -> None:
    found = week(*staff(4, {}, 100))
    (site,) = found.sites
    assert (site.people_at_least, site.allowed, site.refused) == (None, FEW, FEW)
    assert site.withheld is Withheld.FEW_PEOPLE
    assert (site.some_allowed, site.some_refused) == (True, False)
    assert found.allowed == FEW
    assert found.people_at_least is None


def test_a_site_that_is_mostly_one_persons_is_withheld(week: Callable[..., Overview]) -> None:
    found = week(*staff(9, {}, 1), ("a.larch", {}, 10))
    assert found.sites[0].withheld is Withheld.ONE_PERSON
    found = week(("b.birch", {}, 1))
    assert found.sites[0].allowed == about(20)


def test_allowed_and_refused_are_each_withheld_on_their_own(week: Callable[..., Overview]) -> None:
    found = week(*staff(8, {}, 5), ("staff.1", REFUSED, 9), ("staff.2", REFUSED, 1))
    (site,) = found.sites
    assert site.allowed == about(40)
    assert site.refused == FEW
    assert found.refused == FEW
    found = week(*staff(6, REFUSED, 1))
    assert found.sites[0].refused == ONE


def test_a_total_cannot_give_back_what_is_withheld(week: Callable[..., Overview]) -> None:
    found = week(*staff(6, {}, 10), *staff(2, {"site": "instagram"}, 500))
    assert [site.withheld for site in found.sites] == [None, Withheld.FEW_PEOPLE]
    assert found.allowed == found.sites[0].allowed == about(60)


@pytest.mark.parametrize("kind", ["embed", "background", "prefetch", "app"])
def test_what_pages_do_by_themselves_counts_for_nobody(
    week: Callable[..., Overview], kind: str
) -> None:
    found = week(*staff(20, {"kind": kind}, 10))
    assert found.sites == ()
    assert found.people_at_least is None
    assert found.by_itself == about(200)


def test_what_cannot_be_told_apart_is_a_line_of_its_own(week: Callable[..., Overview]) -> None:
    found = week(*staff(5, {"kind": "unknown"}, 10), (None, {"kind": "unknown"}, 30))
    (site,) = found.sites
    assert (site.withheld, site.some_allowed, site.some_refused) == (
        Withheld.FEW_PEOPLE,
        True,
        False,
    )
    assert found.unclear == about(50)
    assert found.unidentified == about(30)


def test_even_that_line_is_withheld_when_it_is_one_persons(week: Callable[..., Overview]) -> None:
    assert week(("a.larch", {"kind": "unknown"}, 100)).unclear == FEW


def test_devices_nobody_signed_in_to_are_nobodys(week: Callable[..., Overview]) -> None:
    found = week((None, {}, 30), (None, REFUSED, 4), (None, {"kind": "action"}, 1))
    assert found.sites == ()
    assert found.unidentified == about(40)


def test_only_the_week_counts(week: Callable[..., Overview]) -> None:
    edges = [MONDAY, NEXT_MONDAY - timedelta(microseconds=1)]
    outside = [MONDAY - timedelta(microseconds=1), NEXT_MONDAY]
    found = week(
        *(one for at in edges for one in staff(5, {"at": at}, 3)),
        *(one for at in outside for one in staff(5, {"at": at}, 300)),
    )
    assert found.sites[0].allowed == about(30)
    assert found.begins == MONDAY - timedelta(hours=1)


@pytest.mark.parametrize(
    ("since", "until", "covered"),
    [
        (MONDAY, NEXT_MONDAY, (MONDAY, NEXT_MONDAY)),
        (NEXT_MONDAY - timedelta(days=1), NEXT_MONDAY, (MONDAY, NEXT_MONDAY)),
        (NEXT_MONDAY, NEXT_MONDAY, (MONDAY, NEXT_MONDAY)),
        (
            MONDAY + timedelta(minutes=59),
            NEXT_MONDAY + timedelta(minutes=1),
            (MONDAY, NEXT_MONDAY + timedelta(hours=1)),
        ),
        # The week in which the clocks go forward has 167 hours.
        (MONDAY + timedelta(hours=1), NEXT_MONDAY, (MONDAY + timedelta(hours=1), NEXT_MONDAY)),
    ],
)
def test_a_period_is_a_week_or_more_in_whole_hours(
    database: Database, since: datetime, until: datetime, covered: tuple[datetime, datetime]
) -> None:
    found = overview(database, since, until)
    assert (found.since, found.until) == covered


def test_a_period_that_ends_before_it_begins(database: Database) -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        overview(database, NEXT_MONDAY, MONDAY)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, about(0)),
        (1, fewer_than(10)),
        (9, fewer_than(10)),
        (10, about(10)),
        (14, about(10)),
        (15, about(20)),
    ],
)
def test_figures_are_rounded(number: int, shown: Figure) -> None:
    assert _Rules(5, 10).rounded(number) == shown


@settings(max_examples=300)
@given(
    some.dictionaries(
        some.sampled_from("abcd"),
        some.dictionaries(some.sampled_from("klmnopqrst"), some.integers(1, 40)),
        max_size=4,
    )
)
def test_nothing_shown_rests_on_a_few_people(sites: dict[str, dict[str, int]]) -> None:
    rules = _Rules(5, 10)
    shown = {site: rules.figure(people) for site, people in sites.items()}
    for site, figure in shown.items():
        people = sites[site]
        if figure.withheld is None and people:
            assert len(people) >= 5
            assert max(people.values()) <= sum(people.values()) / 2
    total = rules.total((shown[site], sites[site]) for site in sites)
    if total.about:
        counted = sum(sum(sites[site].values()) for site in sites if shown[site].withheld is None)
        assert abs(total.about - counted) <= 5


def test_an_event_is_found_by_its_reference_without_the_person(
    database: Database, event: Make
) -> None:
    told = event()
    recorder = Recorder(database)
    recorder.start()
    recorder.note(told)
    recorder.close(10)
    found = find_event(database, reference(told.id).lower())
    assert found == EventView(
        told.at, "facebook", "navigation", True, told.outcome, told.reason, told.rule, told.clause
    )
    assert found.at.tzinfo is UTC
    assert find_event(database, reference(told.id + 1)) is None
    with pytest.raises(ValueError, match="is not a reference"):
        find_event(database, "facebook")


def test_figures_are_those_of_a_moment_ago_while_the_record_is_written(
    state: Path, event: Make
) -> None:
    database = open_record(state)
    with database.writer() as writer, writer.begin():
        assert overview(database, MONDAY, NEXT_MONDAY).sites == ()
