"""The lengths of time that events are counted by: each hour, each day and each week, UTC.

A year of a school can have a million hours in which somebody did something on some site; adding
those up takes seconds. A period is therefore covered with as few pieces as possible: whole weeks
in the middle, days and hours towards its ends. Times here are whole hours since 1970-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

HOUR, DAY, WEEK = 1, 24, 168

# 1970 began on a Thursday, and weeks begin on Monday: the first was on 5 January.
_OFFSET: Final = {HOUR: 0, DAY: 0, WEEK: 4 * DAY}


@lru_cache(maxsize=256)  # events come in order, so nearly all ask about the same hour
def spans_of(hour: int) -> tuple[tuple[int, int], ...]:
    """The hour, day and week that `hour` is in, each as (length, start)."""
    return tuple((length, _floor(hour, length)) for length in _OFFSET)


def cover(first: int, end: int, length: int = WEEK) -> Iterator[tuple[int, int, int]]:
    """Pieces (length, from, to) that make up `first` to `end` exactly, none overlapping, the
    longest possible.

    Each piece stands for every span of that length that starts at `from` or later and before `to`.
    """
    if first >= end:
        return
    if length == HOUR:
        yield HOUR, first, end
        return
    shorter = DAY if length == WEEK else HOUR
    inner, outer = _floor(first + length - 1, length), _floor(end, length)
    if inner >= outer:
        yield from cover(first, end, shorter)
        return
    yield from cover(first, inner, shorter)
    yield length, inner, outer
    yield from cover(outer, end, shorter)


def _floor(hour: int, length: int) -> int:
    offset = _OFFSET[length]
    return (hour - offset) // length * length + offset
