"""A state folder remembers which version used it last."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.state_version import FILE_NAME, NewerStateError, check_version, claim


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("0.2.0", "0.1.0"), ("0.10", "0.9"), ("1.0.1", "1.0"), ("2", "1.99.99")],
)
def test_an_older_version_leaves_it_alone_and_says_so(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    claim(tmp_path, theirs)
    with pytest.raises(NewerStateError) as caught:
        claim(tmp_path, ours)
    assert f"Schoolgate {theirs}, and this is {ours}: install" in str(caught.value)
    assert (tmp_path / FILE_NAME).read_text() == f"{theirs}\n"


@pytest.mark.parametrize("theirs", ["0.1.0", "0.0.9", "0.1.0.dev3", "", "nonsense", "\xff"])
def test_the_same_an_earlier_or_none_at_all_is_no_reason(tmp_path: Path, theirs: str) -> None:
    (tmp_path / FILE_NAME).write_text(theirs, encoding="latin-1")
    claim(tmp_path, "0.1.0")
    assert (tmp_path / FILE_NAME).read_text() == "0.1.0\n"
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_folder_that_nobody_used_is_free(tmp_path: Path) -> None:
    check_version(tmp_path / "nothing", "0.1.0")
