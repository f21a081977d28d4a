"""A line at the end of a file that lies elsewhere."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from addon.head_file import HeadFileError, append_line


def test_a_new_file_is_its_owners_only_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    old.write_text("1:a\n")
    old.chmod(0o644)
    for path in (new, old):
        append_line(path, "2:b")
    assert (new.read_text(), new.stat().st_mode & 0o777) == ("2:b\n", 0o600)
    assert (old.read_text(), old.stat().st_mode & 0o777) == ("1:a\n2:b\n", 0o644)


def test_a_line_that_was_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    path.write_text("1:a\n2:")
    append_line(path, "3:c")
    assert path.read_text().splitlines() == ["1:a", "2:", "3:c"]


@pytest.mark.parametrize(
    ("name", "part", "soon"),
    [
        ("folder", "is a folder: name a file in it, such as", False),
        ("none/heads", "see whether the disk or share is there", True),
        ("file/heads", "see whether the disk or share is there", True),
        ("pipe", "is not a file", False),
        ("/dev/null", "is not a file", False),
    ],
)
def test_where_no_line_can_be_added(tmp_path: Path, name: str, part: str, soon: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x\n")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HeadFileError) as raised:
        append_line(tmp_path / name, "1:a")
    assert part in str(raised.value)
    assert raised.value.soon is soon


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "heads"
    path.write_text("1:a\n")

    def little() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

    code = (
        "from pathlib import Path; from addon.head_file import append_line; "
        f"append_line(Path({str(path)!r}), '2:' + 'b' * 64)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=little,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert "make room" in done.stderr
    assert path.read_text() == "1:a\n"
