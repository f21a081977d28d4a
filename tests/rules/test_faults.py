"""Suggestions for a word that is none of those known."""

import pytest

from rules.faults import suggestion


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("facebok", ["facebook", "x"], "Did you mean 'facebook'?"),
        ("Facebook", ["facebook", "x"], "Did you mean 'facebook'?"),
        ("oak", ["facebook", "x"], "It can be: facebook, x."),
        ("oak", [], ""),
        ("oak", [f"site{number}" for number in range(13)], ""),
        ("site7", [f"site{number}x" for number in range(100_000)], ""),
    ],
    ids=["a slip", "another case", "one of few", "of none", "of many", "too many to compare"],
)
def test_the_nearest_word_or_the_few_that_there_are(word: str, known: list[str], said: str) -> None:
    assert suggestion(word, known) == said
