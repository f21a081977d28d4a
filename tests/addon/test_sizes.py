"""Sizes as an admin writes them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from addon.sizes import read_limit
from scripts.cli import main


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20_000_000_000),
        ("1.5 tb", 1_500_000_000_000),
        (" 100MB ", 100_000_000),
        ("none", None),
        ("None", None),
    ],
)
def test_a_limit(text: str, size: int | None) -> None:
    assert read_limit(text) == size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("99MB", "too small for a record; give it 100 MB or more"),
        ("", "is not a size; write one such as 20GB"),
        ("20", "is not a size"),
        ("-20GB", "is not a size"),
        ("1e3GB", "is not a size"),
        ("twenty GB", "is not a size"),
    ],
)
def test_what_is_none(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_limit(text)


def test_the_command_line_says_so_before_anything_starts() -> None:
    said = CliRunner().invoke(main, ["run", "--record-limit", "1MB"])
    assert said.exit_code == 2
    assert "too small for a record" in said.stderr
