"""Whose web access is withdrawn, kept for a start while the record cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addon.access_in_force import AccessInForce
from addon.kept_withdrawals import KeptWithdrawals
from addon.state_folder import withdrawn_people
from storage.access import Step, What, changing_access
from storage.database import open_record, record_to_follow
from storage.faults import RecordError
from tests.support.postgresql import PostgresServer


@pytest.fixture
def kept(tmp_path: Path) -> KeptWithdrawals:
    return KeptWithdrawals(tmp_path)


def test_what_was_kept_is_read_and_nobody_else_may_read_it(
    kept: KeptWithdrawals, tmp_path: Path
) -> None:
    assert kept.read() == frozenset()
    for people in (frozenset({"larch", "maple"}), frozenset({"maple"}), frozenset[str]()):
        kept.keep(people)
        assert KeptWithdrawals(tmp_path).read() == people
    assert withdrawn_people(tmp_path).stat().st_mode & 0o777 == 0o600


def test_what_is_kept_already_is_not_written_again(kept: KeptWithdrawals, tmp_path: Path) -> None:
    kept.keep(frozenset({"larch"}))
    before = withdrawn_people(tmp_path).stat().st_ino
    kept.keep(frozenset({"larch"}))
    assert withdrawn_people(tmp_path).stat().st_ino == before


@pytest.mark.parametrize("content", ["", "[", '{"larch": 1}', "[1]", '[""]', '["a\\nb"]'])
def test_a_damaged_file_is_said_and_replaced(
    kept: KeptWithdrawals, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    withdrawn_people(tmp_path).write_text(content)
    assert kept.read() == frozenset()
    assert str(withdrawn_people(tmp_path)) in caplog.text
    kept.keep(frozenset({"larch"}))
    assert kept.read() == {"larch"}


def test_a_folder_that_takes_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    KeptWithdrawals(tmp_path / "not there").keep(frozenset({"larch"}))
    assert "cannot be written: No such file or directory." in caplog.text


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """A record on a server that is there again at the end."""
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.start()
    postgres.drop(name)


def test_a_start_without_the_server_goes_by_it_and_the_record_decides_when_it_is_back(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    def add(what: What, person: str) -> None:
        with changing_access(open_record(tmp_path, url)) as changes:
            changes.add(Step(at=datetime.now(UTC), what=what, person=person, by="oak"))

    def started() -> AccessInForce:
        return AccessInForce(record_to_follow(tmp_path, url), KeptWithdrawals(tmp_path))

    for person in ("larch", "maple", "hazel"):
        add(What.WITHDRAW, person)
    add(What.RESTORE, "hazel")
    before = started()
    before.look()
    before.close()
    add(What.RESTORE, "maple")  # while no gate runs
    postgres.stop()
    access = started()
    with pytest.raises(RecordError, match="cannot be reached"):
        access.look()
    assert access.withdrawn() == {"larch", "maple"}
    assert access.is_withdrawn("larch")
    postgres.start()
    access.look()
    access.close()
    assert access.withdrawn() == {"larch"}
    assert KeptWithdrawals(tmp_path).read() == {"larch"}
