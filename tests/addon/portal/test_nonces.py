"""Numbers used once: each counts once, over restarts, and the files stay small."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.portal import nonces
from addon.portal.nonces import Nonces

NOW, KEEP = 1_800_000_000.0, 240.0


def test_a_number_counts_once_for_at_least_as_long_as_it_is_to_be_kept(tmp_path: Path) -> None:
    used = Nonces(tmp_path, KEEP)
    for second in range(0, 700, 7):
        assert used.use(f"n{second}", NOW + second)
        assert not Nonces(tmp_path, KEEP).use(f"n{second}", NOW + second)
        for earlier in range(max(0, second - 238) // 7 * 7, second, 7):
            assert not used.use(f"n{earlier}", NOW + second), (earlier, second)


def test_what_is_long_past_is_forgotten(tmp_path: Path) -> None:
    used = Nonces(tmp_path, KEEP)
    for hour in range(50):
        used.use(f"n{hour}", NOW + hour * 3600)
    assert sum(len(path.read_bytes()) for path in tmp_path.iterdir()) < 60
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600, 0o600]


def test_a_clock_that_was_set_back_forgets_nothing(tmp_path: Path) -> None:
    used = Nonces(tmp_path, KEEP)
    assert used.use("first", NOW)
    assert used.use("second", NOW - 3600)
    assert not used.use("first", NOW - 3600)
    assert not Nonces(tmp_path, KEEP).use("first", NOW - 3600)


def test_there_is_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonces, "_MOST", 3)
    used = Nonces(tmp_path, KEEP)
    assert [used.use(f"n{n}", NOW) for n in range(5)] == [True, True, True, False, False]
    assert used.use("later", NOW + KEEP)


@pytest.mark.parametrize("left", ["", "nonsense", "12\nhalf-a-li", "\0\0\0"])
def test_a_file_that_was_cut_short_stops_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / "now").write_text(left)
    assert Nonces(tmp_path, KEEP).use("whole", NOW)
    assert not Nonces(tmp_path, KEEP).use("whole", NOW)
