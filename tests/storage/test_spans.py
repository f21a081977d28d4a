from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from storage.spans import DAY, HOUR, WEEK, cover, spans_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = some.integers(0, 24 * 365 * 120)


def test_a_moment_is_in_one_hour_one_day_and_one_week() -> None:
    hour = (datetime(2026, 11, 18, 12, tzinfo=UTC) - EPOCH) // timedelta(hours=1)
    starts = [EPOCH + timedelta(hours=start) for _length, start in spans_of(hour)]
    assert [length for length, _start in spans_of(hour)] == [HOUR, DAY, WEEK]
    assert starts == [
        datetime(2026, 11, 18, 12, tzinfo=UTC),
        datetime(2026, 11, 18, tzinfo=UTC),
        datetime(2026, 11, 16, tzinfo=UTC),
    ]


@given(HOURS, some.integers(0, 2_000))
def test_a_period_is_covered_once_and_exactly(first: int, length: int) -> None:
    end = first + length
    covered = []
    for span, start, stop in cover(first, end):
        for piece in range(start, stop, span):
            assert (span, piece) in spans_of(piece)
            covered += range(piece, piece + span)
    assert covered == list(range(first, end))


@given(HOURS, some.integers(WEEK * 2, 20_000))
def test_a_long_period_takes_at_most_five_pieces(first: int, length: int) -> None:
    assert len(list(cover(first, first + length))) <= 5


def test_no_time_needs_no_pieces() -> None:
    assert list(cover(7, 7)) == []
