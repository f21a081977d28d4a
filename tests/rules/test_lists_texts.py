"""A file that is no list says so in one sentence."""

from pathlib import Path

import pytest

from rules.lists import texts as texts_module
from rules.lists.entries import ListError
from rules.lists.texts import Lines, size


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"<!DOCTYPE html><title>404</title>",
            "list is a web page, not a list; look up the address",
        ),
        (b"\xef\xbb\xbf\n\n  <html>", "list is a web page, not a list; look up the address"),
        (b"<?xml version='1.0'?>", "list is a web page, not a list; look up the address"),
        ("larch.example\n".encode("utf-16"), "list is in UTF-16; save it as UTF-8 and try again."),
        (b"\xfe\xff\0l\0a", "list is in UTF-16; save it as UTF-8 and try again."),
        (b"larch.example\noak\0.example\n", "list is not a text: line 2 has a zero byte in it."),
        (b"a" * 70_000, "list is not a list of names: line 1 has more than 65,536 bytes."),
    ],
)
def test_what_is_no_list_says_why(data: bytes, message: str) -> None:
    with pytest.raises(ListError) as caught:
        list(Lines.of_bytes(data, "list"))
    assert str(caught.value).startswith(message)


def test_lines_are_numbered_and_stripped_of_ends_marks_and_bad_letters() -> None:
    data = b"\xef\xbb\xbflarch.example\r\n\r\ncaf\xe9.example\noak.example"
    assert list(Lines.of_bytes(data, "list")) == [
        (1, "larch.example"),
        (2, ""),
        (3, "caf\N{REPLACEMENT CHARACTER}.example"),
        (4, "oak.example"),
    ]


def test_a_list_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts_module, "MOST_BYTES", 20)
    with pytest.raises(ListError, match=r"list is too large; a list has at most 20 bytes\."):
        list(Lines.of_bytes(b"larch.example\n" * 2, "list"))


def test_progress_is_told_as_it_is_made(tmp_path: Path) -> None:
    path, told = tmp_path / "list", []
    path.write_bytes(b"a.example\n" * 70_000)
    assert sum(1 for _ in Lines.of_file(path, "", told.append)) == 70_000
    assert told == [655_360, 44_640]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"^gone cannot be read: No such file or directory\.$"):
        list(Lines.of_file(tmp_path / "gone"))


def test_sizes_are_written_as_people_do() -> None:
    assert [size(999), size(12_400_000)] == ["999 bytes", "12 MB"]
