"""Lists side by side: what is gained and lost, and what the catalogue makes of a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.lists.comparing import Change, differences, lacking, measure
from rules.lists.entries import Entry, Kind, Skipped, Why
from rules.lists.sorting import above, order, without_covered
from rules.sites import Catalogue, Site


def keys(*names: str) -> list[str]:
    return sorted(order(Entry(Kind.DOMAIN, name)) for name in names)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["a.x"], ["a.x"], []),
        ([], ["a.x"], ["gained a.x"]),
        (["a.x"], [], ["lost a.x"]),
        (["a.x", "c.x"], ["b.x", "c.x"], ["lost a.x", "gained b.x"]),
        (["b.a.x", "c.a.x"], ["a.x"], ["gained a.x"]),
        (["a.x"], ["b.a.x", "c.a.x", "d.x"], ["lost a.x", "gained d.x"]),
        (["a.x", "z.x"], ["a.x", "b.x"], ["gained b.x", "lost z.x"]),
    ],
)
def test_what_a_wider_name_covers_is_neither_gained_nor_lost(
    old: list[str], new: list[str], expected: list[str]
) -> None:
    found = [f"{change} {entry.text}" for change, entry in differences(keys(*old), keys(*new))]
    assert found == expected


NAMES = st.lists(
    st.lists(st.sampled_from("abc-"), min_size=1, max_size=4).map(".".join), max_size=12
).map(lambda names: list(without_covered(keys(*names))))


@given(NAMES, NAMES)
def test_differences_are_those_of_sets(old: list[str], new: list[str]) -> None:
    found = {(change, order(entry)) for change, entry in differences(old, new)}
    lost = {(Change.LOST, key) for key in old if not set(above(key)) & set(new)}
    gained = {(Change.GAINED, key) for key in new if not set(above(key)) & set(old)}
    assert found == lost | gained


CATALOGUE = Catalogue(
    [
        Site("larch", "Larch", ("larch.example", "larch.test")),
        Site("oak", "Oak", ("oak.example",)),
    ]
)


def names(*hosts: str) -> list[Entry | Skipped]:
    return [
        *(Entry(Kind.DOMAIN, host) for host in hosts),
        Entry(Kind.URL, f"{hosts[0]}/path"),
        Entry(Kind.PATTERN, "larch"),
        Skipped("list", 1, Why.LINE, "x"),
    ]


@pytest.mark.parametrize(
    ("name", "hosts", "site", "recognised", "missing", "elsewhere"),
    [
        ("larch", ["larch.example", "new.example"], "larch", 1, ("new.example",), ()),
        ("larch", ["oak.example"], "larch", 0, (), (("oak.example", "oak"),)),
        (
            "wood",
            ["a.larch.test", "larch.example", "oak.example"],
            "larch",
            2,
            (),
            (("oak.example", "oak"),),
        ),
        ("wood", ["larch.example", "oak.example", "x.example"], None, 2, ("x.example",), ()),
        ("wood", ["x.example"], None, 0, ("x.example",), ()),
    ],
)
def test_a_list_is_held_against_the_site_it_is_about(
    name: str,
    hosts: list[str],
    site: str | None,
    recognised: int,
    missing: tuple[str, ...],
    elsewhere: tuple[tuple[str, str], ...],
) -> None:
    one = measure(name, names(*hosts), CATALOGUE)
    assert (one.site, one.recognised, one.missing, one.elsewhere) == (
        *(site, recognised, missing),
        elsewhere,
    )
    assert one.total == len(hosts)


def test_what_known_sites_lack_comes_first() -> None:
    measures = [
        measure("wood", names("x.example", "y.example"), CATALOGUE),
        measure("larch", names("larch.example", "z.example"), CATALOGUE),
        measure("oak", names("oak.example"), CATALOGUE),
    ]
    assert [one.name for one in lacking(measures)] == ["larch", "wood"]
