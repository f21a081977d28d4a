from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storage.reports.visit_words import length_in_words, occasions_in_words
from storage.visits import Visit

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at_least", "at_most", "words"),
    [
        (150, 301, "It was in use for at least 2 minutes, and could have been open for up to 6 "
                   "minutes."),
        (60, 60, "It was in use for at least 1 minute, and could have been open for up to 1 "
                 "minute."),
        (12, 60, "It was in use for at least 12 seconds, and could have been open for up to 1 "
                 "minute."),
        (3_600, 7_260, "It was in use for at least 1 hour, and could have been open for up to 2 "
                       "hours and 1 minute."),
        (12, 61, "It could have been open for up to 2 minutes, but the record cannot tell for how "
                 "long it was."),
        (0, 5, "It could have been open for up to 1 minute, but the record cannot tell for how "
               "long it was."),
        (0, None, "The record cannot tell how long it was open."),
        (61, None, "Open for at least 1 minute. The record cannot tell how long it was open."),
    ],
)  # fmt: skip
def test_a_length_is_two_bounds_or_none(at_least: int, at_most: int | None, words: str) -> None:
    assert length_in_words(at_least, at_most) == words


def visit(site: str, at_least: int, at_most: int | None) -> Visit:
    return Visit(1, site, "purpose", None, NOON, NOON, None, 1, at_least, at_most)


def test_visits_are_occasions_by_site() -> None:
    assert occasions_in_words(
        [visit("x", 60, 120), visit("facebook", 0, None), visit("x", 60, 60)]
    ) == [
        "facebook: on at least 1 occasion. The record cannot tell how long it was open.",
        "x: on at least 2 occasions. It was in use for at least 2 minutes, and could have been "
        "open for up to 3 minutes.",
    ]
