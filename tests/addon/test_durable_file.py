"""A file is replaced whole, with the right mode, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from addon.durable_file import replace_file


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_is_the_one_asked_for_whatever_was_there(
    tmp_path: Path, mode: int, durable: bool
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0o077)
    try:
        replace_file(path, b"new", mode=mode, durable=durable)
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode_of(path)) == (b"new", mode)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_whoever_has_the_old_one_open_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_what_cannot_take_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    (path / "by a folder").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        replace_file(path, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_what_a_dead_process_left_half_written_is_no_obstacle(tmp_path: Path) -> None:
    left = tmp_path / f".file.{os.getpid()}"
    left.write_text("hal")
    left.chmod(0o666)
    replace_file(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert mode_of(tmp_path / "file") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_writes_can_belong_to_whoever_the_folder_belongs_to(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12346)
    replace_file(tmp_path / "theirs", b"x", as_folders_owner=True)
    replace_file(tmp_path / "ours", b"x")
    assert [(tmp_path / name).stat().st_uid for name in ("theirs", "ours")] == [12345, 0]
    assert (tmp_path / "theirs").stat().st_gid == 12346
