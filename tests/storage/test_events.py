from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from storage.events import LARGEST_ID, EventIds, event_id, reference
from storage.instants import from_microseconds, to_microseconds

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@given(some.integers(0, LARGEST_ID))
def test_a_reference_leads_back_to_its_event(number: int) -> None:
    assert event_id(reference(number)) == number


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0F3K9-21TB0", "0F3K9-21TB0"),
        ("0f3k9-21tb0", "0F3K9-21TB0"),
        ("0F3K921TB0", "0F3K9-21TB0"),
        (" 0f3 k9 - 21tb0\n", "0F3K9-21TB0"),
        ("OF3K9-2LTBo", "0F3K9-21TB0"),
        ("0F3K9-2iTB0", "0F3K9-21TB0"),
    ],
)
def test_a_reference_may_be_typed_loosely(typed: str, meant: str) -> None:
    assert reference(event_id(typed)) == meant


@pytest.mark.parametrize(
    "typed", ["", "0F3K9", "0F3K9-21TB00", "0F3K9-21TBU", "0F3K9-21TB%", "x" * 5000]
)
def test_what_cannot_be_a_reference_is_said_plainly(typed: str) -> None:
    with pytest.raises(
        ValueError, match="is not a reference: it has ten letters and digits"
    ) as raised:
        event_id(typed)
    assert len(str(raised.value)) < 150


@pytest.mark.parametrize("number", [-1, LARGEST_ID + 1])
def test_only_an_id_has_a_reference(number: int) -> None:
    with pytest.raises(ValueError, match="cannot be the id of an event"):
        reference(number)


@given(some.lists(some.integers(-(10**10), 10**9), max_size=300))
def test_ids_rise_whatever_the_clock_does(clock: list[int]) -> None:
    ids = EventIds(worker=3)
    given_out = [ids.next(NOON + timedelta(milliseconds=value)) for value in clock]
    assert all(earlier < later for earlier, later in pairwise(given_out))


def test_more_ids_than_fit_in_a_millisecond_borrow_from_the_next() -> None:
    ids = EventIds()
    given_out = [ids.next(NOON) for _ in range(1_000)]
    assert sorted(set(given_out)) == given_out


def test_workers_never_give_out_the_same_id() -> None:
    given_out = [ids.next(NOON) for ids in map(EventIds, range(16)) for _ in range(200)]
    assert len(set(given_out)) == len(given_out)


def test_ids_go_on_above_the_record_when_the_clock_was_set_back() -> None:
    before = EventIds().next(NOON)
    assert EventIds(worker=0, after=before).next(NOON - timedelta(days=400)) > before


def test_an_id_tells_the_time_to_a_millisecond() -> None:
    assert EventIds().next(datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)) >> 10 == 1_000


@pytest.mark.parametrize("worker", [-1, 16])
def test_there_are_sixteen_workers(worker: int) -> None:
    with pytest.raises(ValueError, match="A worker's number is 0 to 15"):
        EventIds(worker)


def test_a_clock_beyond_the_last_id_is_refused_and_does_no_harm() -> None:
    ids = EventIds()
    with pytest.raises(ValueError, match="The clock says 2100"):
        ids.next(datetime(2100, 1, 1, tzinfo=UTC))
    assert ids.next(NOON) == EventIds().next(NOON)


@given(some.datetimes(timezones=some.sampled_from([UTC, ZoneInfo("Europe/London")])))
def test_a_time_comes_back_in_utc_to_the_microsecond(at: datetime) -> None:
    back = from_microseconds(to_microseconds(at))
    assert back == at.astimezone(UTC)
    assert back.tzinfo is UTC


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        to_microseconds(datetime(2026, 1, 1))  # noqa: DTZ001
