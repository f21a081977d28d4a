"""Patterns of others are looked for in time that cannot run away."""

import time

import pytest

from rules.lists import patterns
from rules.lists.entries import Entry, Kind, Why
from rules.lists.patterns import HostPatterns, keyword, pattern
from tests.support.pace import promised


@pytest.mark.parametrize("text", [r"^larch\d+\.example$", r"(a+)+$", r"^([a-z]+)*\.example$", "x"])
def test_a_pattern_without_look_around_is_taken(text: str) -> None:
    assert pattern(text) == Entry(Kind.PATTERN, text)


@pytest.mark.parametrize(
    "text",
    ["", "(", r"(a)\1", "(?=a)", "(?<!a)b", "a" * 1001, "a\x01", "a{1001}", "(?P<x", "\ud800"],
)
def test_any_other_pattern_is_not(text: str) -> None:
    assert pattern(text) is Why.PATTERN


def test_a_keyword_is_found_as_it_stands() -> None:
    entry = keyword("L.rch")
    assert isinstance(entry, Entry)
    found = HostPatterns([entry.text])
    assert found.find("my-l.rch.example")
    assert not found.find("my-larch.example")


def test_the_first_of_the_patterns_is_named() -> None:
    found = HostPatterns([r"^oak", "LARCH", "arch"])
    assert len(found) == 3
    assert found.find("www.larch.example") == "LARCH"
    assert found.find("elm.example") is None
    assert HostPatterns([]).find("elm.example") is None


def test_a_pattern_that_backtracks_for_ever_elsewhere_does_not_here() -> None:
    found = HostPatterns([r"^(a+)+$", r"^(([a-z])+.)+[0-9]([a-z])+$"])
    begun = time.perf_counter()
    assert found.find("a" * 200 + ".example") is None
    assert time.perf_counter() - begun < promised(0.5)


def test_patterns_that_need_too_much_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_MEMORY", 10_000)
    with pytest.raises(ValueError, match="need too much memory"):
        HostPatterns([f"(x{n}){{900}}" for n in range(50)])
