"""v2fly's lists: includes, attributes, affiliations, and how they can go wrong."""

import pytest

from rules.lists.entries import Entry, Kind, ListError, Skipped, Why
from rules.lists.texts import Lines
from rules.lists.v2fly import Selection, V2flyLists

FOLDER = {
    "trees": "# all\ninclude:larch\ninclude:oak @-ads # few\ninclude:larch\nash.example &herbs",
    "larch": "larch.example\nfull:www.larch.example\nads.larch.example @ads @cn\nregexp:^l\\d+$",
    "oak": "domain:oak.example @cn\nads.oak.example @ads\nkeyword:acorn\ninclude:larch @cn",
    "herbs": "mint.example",
    "circle": "include:round",
    "round": "a.example\ninclude:circle",
    "self": "include:self",
    "lost": "mint.example\ninclude:nowhere",
    "out": "include:../etc/passwd",
    "faulty": "larch.example nonsense\nfull:\nregexp:(a\nkeyword:\nmint.example @\nx y &\n& @",
} | {f"deep{n}": f"include:deep{n + 1}" for n in range(40)}


def lists() -> V2flyLists:
    def lines_of(name: str) -> Lines | None:
        return Lines.of_bytes(FOLDER[name].encode(), name) if name in FOLDER else None

    return V2flyLists(lines_of, tuple(FOLDER))


def texts(selection: str) -> list[str]:
    found = lists().read(Selection.parse(selection))
    return [one.text for one in found if isinstance(one, Entry)]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("larch", ["larch.example", "www.larch.example", "ads.larch.example", r"^l\d+$"]),
        ("LARCH @ads", ["ads.larch.example"]),
        ("larch @-ads", ["larch.example", "www.larch.example", r"^l\d+$"]),
        ("larch @cn @-ads", []),
        ("oak", ["oak.example", "ads.oak.example", "acorn", "ads.larch.example"]),
        (
            "trees",
            [
                *("larch.example", "www.larch.example", "ads.larch.example", r"^l\d+$"),
                *("oak.example", "acorn", "ash.example"),
            ],
        ),
        ("herbs", ["mint.example", "ash.example"]),
    ],
)
def test_a_list_comes_to_what_it_includes_and_selects(selection: str, expected: list[str]) -> None:
    assert texts(selection) == expected


def test_kinds_are_those_of_the_prefixes() -> None:
    kinds = [one.kind for one in lists().read(Selection("larch")) if isinstance(one, Entry)]
    assert kinds == [Kind.DOMAIN, Kind.HOST, Kind.DOMAIN, Kind.PATTERN]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "circle",
            "round:2: the lists go round in a circle: 'circle' includes 'round' includes 'circle'.",
        ),
        ("self", "self:1: the lists go round in a circle: 'self' includes 'self'."),
        ("lost", "lost:2: there is no list 'nowhere'."),
        ("out", "out:1: '../etc/passwd' is not the name of a list in the same folder."),
        ("deep0", "deep31:1: the lists include each other more than 32 deep."),
        ("nowhere", "there is no list 'nowhere'."),
    ],
)
def test_a_list_that_leads_nowhere_says_so(name: str, message: str) -> None:
    with pytest.raises(ListError) as caught:
        texts(name)
    assert str(caught.value) == message


def test_faulty_lines_are_counted_with_their_numbers() -> None:
    found = [one for one in lists().read(Selection("faulty")) if isinstance(one, Skipped)]
    assert [(one.line, one.why) for one in found] == [
        (1, Why.LINE),
        (2, Why.NO_NAME),
        (3, Why.PATTERN),
        (4, Why.PATTERN),
        (5, Why.LINE),
        (6, Why.LINE),
        (7, Why.LINE),
    ]


def test_what_is_not_selected_is_counted() -> None:
    found = [
        one.why for one in lists().read(Selection.parse("larch @ads")) if isinstance(one, Skipped)
    ]
    assert found == [Why.UNSELECTED] * 3


@pytest.mark.parametrize("text", ["", "../x", "a b", "a @", "@ads"])
def test_a_selection_is_a_name_and_attributes(text: str) -> None:
    with pytest.raises(
        ListError, match=r"is not the name of a list; write it like 'facebook @-ads'"
    ):
        Selection.parse(text)


def test_each_list_can_be_had_by_itself() -> None:
    reader = lists()
    assert reader.reached(["trees", "nowhere"]) == ["trees", "larch", "oak"]
    assert reader.reached(["circle"]) == ["circle", "round"]
    own = {
        name: [e.text for e in reader.own(name) if isinstance(e, Entry)] for name in ("trees", "x")
    }
    assert own == {"trees": ["ash.example"], "x": []}
    assert [one for one in reader.own("faulty") if isinstance(one, Entry)] == []
