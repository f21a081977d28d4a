"""Entries come in the order of their labels from the right, each once, covered ones left out."""

import random
from pathlib import Path

import pytest

from rules.lists.entries import Entry, Kind
from rules.lists.sorting import Sorter, above, covers, entry_at, order, without_covered

ENTRIES = [
    Entry(Kind.DOMAIN, "larch.example"),
    Entry(Kind.DOMAIN, "www.larch.example"),
    Entry(Kind.DOMAIN, "larch-wood.example"),
    Entry(Kind.DOMAIN, "example"),
    Entry(Kind.HOST, "larch.example"),
    Entry(Kind.HOST, "198.51.100.7"),
    Entry(Kind.HOST, "2001:db8::f"),
    Entry(Kind.HOST, "2001:db8::7"),
    Entry(Kind.URL, "larch.example/wood/a=b"),
    Entry(Kind.URL, "198.51.100.7/wood"),
    Entry(Kind.DOMAIN, "shop.xn--45q11"),
    Entry(Kind.PATTERN, r"^a=b/\.example$"),
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_comes_back_from_its_order(entry: Entry) -> None:
    assert entry_at(order(entry)) == entry


def test_a_name_stands_directly_before_all_below_it() -> None:
    names = ["b.example", "a-b.example", "x.a.example", "a.example", "a.b.example", "y.x.a.example"]
    keys = sorted(order(Entry(Kind.DOMAIN, name)) for name in names)
    assert [entry_at(key).text for key in keys] == [
        *("a.example", "x.a.example", "y.x.a.example", "a-b.example", "b.example", "a.b.example"),
    ]


@pytest.mark.parametrize(
    ("wide", "other", "expected"),
    [
        (ENTRIES[0], ENTRIES[0], True),
        (ENTRIES[0], ENTRIES[1], True),
        (ENTRIES[0], ENTRIES[4], True),
        (ENTRIES[0], ENTRIES[8], True),
        (ENTRIES[0], ENTRIES[2], False),
        (ENTRIES[1], ENTRIES[0], False),
        (ENTRIES[4], ENTRIES[1], False),
        (ENTRIES[11], ENTRIES[0], False),
    ],
)
def test_an_entry_covers_what_lies_below_it(wide: Entry, other: Entry, expected: bool) -> None:
    assert covers(order(wide), order(other)) is expected


def test_what_another_entry_covers_is_left_out() -> None:
    keys = sorted(order(entry) for entry in [*ENTRIES, *ENTRIES] if entry.text != "example")
    left = {entry_at(key) for key in without_covered(keys)}
    assert left == {ENTRIES[n] for n in (0, 2, 5, 6, 7, 9, 10, 11)}


def test_the_names_above_an_entry_are_those_of_its_labels() -> None:
    assert list(above(order(ENTRIES[8]))) == ["example\0larch", "example"]
    assert list(above(order(ENTRIES[4]))) == ["example\0larch", "example"]
    assert list(above("~pattern")) == ["~pattern"]


@pytest.mark.parametrize("gathered", [7, 1000, 300])
def test_sorting_on_disk_is_sorting(tmp_path: Path, gathered: int) -> None:
    random.seed(5)
    words = [str(random.randint(0, 400)) for _ in range(1000)]
    sorter = Sorter(tmp_path, gathered)
    for word in words:
        sorter.add(word)
    assert list(sorter.sorted()) == sorted(set(words))


def test_all_of_it_may_be_on_disk(tmp_path: Path) -> None:
    sorter = Sorter(tmp_path, 2)
    for word in ("b", "a", "d", "a"):
        sorter.add(word)
    assert list(sorter.sorted()) == ["a", "b", "d"]
