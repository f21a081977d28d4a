"""Which record was in use, and how far it was, as it is remembered beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.kept_seal import KeptSeal
from addon.record_continuity import begin, remember
from addon.state_folder import newest_seal
from storage.continuity import Known
from storage.database import open_record
from tests.storage.conftest import NOON

SEAL = Known("a1" * 16, 17, "0f" * 32)


def test_what_was_kept_is_read_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    kept = KeptSeal(tmp_path)
    assert kept.read() is None
    kept.keep(SEAL)
    kept.keep(None)
    assert KeptSeal(tmp_path).read() == SEAL
    before = newest_seal(tmp_path).stat()
    assert before.st_mode & 0o777 == 0o600
    kept.keep(SEAL)
    assert newest_seal(tmp_path).stat().st_ino == before.st_ino, "it is kept already"


@pytest.mark.parametrize(
    "content", ["", "[", "[]", '{"record": "a"}', '{"record": "a", "seal": "17:0f"}']
)
def test_a_damaged_file_is_said_and_replaced(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    newest_seal(tmp_path).write_text(content)
    assert begin(tmp_path, NOON) is None
    assert str(newest_seal(tmp_path)) in caplog.text
    assert KeptSeal(tmp_path).read()


def test_a_folder_that_takes_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_record(tmp_path / "here")
    remember(tmp_path / "not there", database)
    assert "cannot be written: No such file or directory." in caplog.text
