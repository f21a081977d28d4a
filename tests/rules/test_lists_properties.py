"""Whatever a list holds, it is read or refused in a sentence; nothing else comes out."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.hosts import canonical_host
from rules.lists.archives import unpack
from rules.lists.bundles import Recipe
from rules.lists.entries import Entry, Kind, ListError, Skipped
from rules.lists.formats import Format, read_file, tell_format
from rules.lists.importing import take_in
from rules.lists.keeping import read_kept
from rules.lists.sorting import entry_at, order
from rules.lists.sources import Source
from rules.lists.texts import Lines
from rules.lists.v2fly import Selection, V2flyLists

PIECES = [
    *("larch.example", "||", "^", "@@", "$", "important", "##", "/", "address=/", "server=/", "#"),
    *(
        "0.0.0.0",
        "::1",
        "include:",
        "full:",
        "regexp:",
        "keyword:",
        "@",
        "&",
        "@ads",
        ",",
        ";",
        '"',
    ),
    *(
        "domain",
        "\n",
        "\r\n",
        " ",
        "\t",
        ".",
        "*",
        "https://",
        "gov.uk",
        "é",
        "\x85",
        "\u2028",
        "?",
    ),
    *("(a+)+$", "[", "]", ":", "-", "%2f", "\\", "list", "xn--", "=", "~", "|"),
]
TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join).map(str.encode),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
)
FILES = [format_ for format_ in Format if format_ is not Format.V2FLY]


def refusal(read: Callable[[], object]) -> str:
    """What a reader says against a list; nothing, if it reads it."""
    try:
        read()
    except ListError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("format_", FILES)
@settings(max_examples=200)
@given(data=TEXT, column=st.sampled_from(["", "domain"]))
def test_no_importer_raises_anything_of_its_own(format_: Format, data: bytes, column: str) -> None:
    def read() -> None:
        for found in read_file(Lines.of_bytes(data, "list"), format_, column):
            assert isinstance(found, Skipped) or sound(found)

    assert "\n" not in refusal(read)


@settings(max_examples=300)
@given(data=TEXT)
def test_no_v2fly_list_raises_anything_of_its_own(data: bytes) -> None:
    def read() -> None:
        lists = V2flyLists({"list": Lines.of_bytes(data, "list")}.get, ("list",))
        for found in lists.read(Selection("list")):
            assert isinstance(found, Skipped) or sound(found)

    assert "\n" not in refusal(read)


@settings(max_examples=300)
@given(data=TEXT)
def test_telling_the_format_raises_nothing_of_its_own(data: bytes) -> None:
    said = refusal(lambda: tell_format(Lines.of_bytes(data, "list")))
    assert not said or said.startswith("list ")


@settings(max_examples=100, deadline=None)
@given(data=TEXT, format_=st.sampled_from([None, *Format]))
def test_a_list_that_is_taken_in_reads_back(data: bytes, format_: Format | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, kept = Path(folder) / "list", Path(folder) / "kept"
        path.write_bytes(data)
        (kept / "work").mkdir(parents=True)
        source = Source("list", str(path), Recipe(format_), (), None)

        def read() -> None:
            draft = take_in(source, path, kept, datetime.now(UTC), frozenset(), lambda _: None)
            back = read_kept(draft.put_in_force(kept))
            found = (len(back.domains), len(back.hosts), len(back.urls), len(back.patterns))
            assert sum(found) == back.about.count > 0

        assert "\n" not in refusal(read)


@settings(max_examples=200, deadline=None)
@given(start=st.sampled_from([b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00", b""]), data=st.binary())
def test_no_archive_raises_anything_of_its_own(start: bytes, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        path.write_bytes(start + data)
        said = refusal(lambda: unpack(path, "list", Path(folder) / "into"))
        assert not said or said.startswith("list ")


def sound(entry: Entry) -> bool:
    """Whether an entry is canonical, fits on a line, and comes back from its order."""
    if entry.kind is not Kind.PATTERN:
        host = entry.text.partition("/")[0]
        assert canonical_host(host) == host
    assert "\n" not in entry.text
    assert "\0" not in entry.text
    if entry.kind is not Kind.EXCEPTION:
        assert entry_at(order(entry)) == entry
    return True
