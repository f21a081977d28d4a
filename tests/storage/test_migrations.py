from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage import migrations
from storage.database import Database, RecordError, open_record, open_record_readonly
from storage.models import Base

SCRIPTS = ScriptDirectory(str(Path(migrations.__file__).parent))


def columns(path: Path) -> dict[str, object]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' "
            "AND name NOT LIKE 'sqlite%' AND name <> 'alembic_version'"
        ).fetchall()
        return {
            name: (without_rowid, connection.execute(f"PRAGMA table_xinfo({name})").fetchall())
            for name, without_rowid in tables
        }


def test_the_newest_version_is_the_one_the_program_uses() -> None:
    assert SCRIPTS.get_heads() == [migrations.HEAD]


def test_models_and_migrations_agree(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_tables_made_by_migrations_are_those_of_the_models(
    state: Path, database: Database, tmp_path: Path
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'models.sqlite3'}")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert columns(state / "record.sqlite3") == columns(tmp_path / "models.sqlite3")


def test_versions_only_go_forward() -> None:
    for script in SCRIPTS.walk_revisions():
        assert not hasattr(script.module, "downgrade")


def test_migrating_leaves_logging_as_it_was(state: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("alembic").level)
    open_record(state)
    assert (root.level, list(root.handlers), logging.getLogger("alembic").level) == before
    assert capfd.readouterr() == ("", "")


def test_a_failed_migration_leaves_an_empty_file_that_can_be_tried_again(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "HEAD", "no-such-version")
        with pytest.raises(Exception, match="no-such-version"):
            open_record(state)
    assert columns(state / "record.sqlite3") == {}
    assert open_record(state).last_event_id() == 0


class TestAnOlderRecord:
    """Today's version stands in for an old one, and a version of the test's own for the new."""

    @pytest.fixture(autouse=True)
    def _newer_program(self, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        open_record(state)
        package = Path(migrations.__file__).parent
        folder = tmp_path / "migrations"
        (folder / "versions").mkdir(parents=True)
        for source in (package / "env.py", *(package / "versions").glob("v*.py")):
            (folder / source.relative_to(package)).write_text(source.read_text())
        (folder / "versions" / "v9000_next.py").write_text(
            "from alembic import op\n"
            f"revision = '9000'\ndown_revision = '{migrations.HEAD}'\n"
            "def upgrade():\n    op.execute('CREATE TABLE extra (name TEXT)')\n"
        )
        monkeypatch.setattr(migrations, "SCRIPTS", str(folder))
        monkeypatch.setattr(migrations, "HEAD", "9000")

    def test_is_brought_up_to_date_after_a_copy_was_made(self, state: Path) -> None:
        open_record(state)
        copy = state / "record.before-0001.sqlite3"
        assert "extra" in columns(state / "record.sqlite3")
        assert "extra" not in columns(copy)
        assert copy.stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in state.iterdir()) == [
            "record.before-0001.sqlite3",
            "record.sqlite3",
        ]

    def test_is_not_changed_by_a_reader(self, state: Path) -> None:
        with pytest.raises(RecordError, match="run Schoolgate once to bring it up to date"):
            open_record_readonly(state)
        assert "extra" not in columns(state / "record.sqlite3")

    def test_a_copy_left_unfinished_is_made_anew(self, state: Path) -> None:
        (state / "record.before-0001.unfinished").write_bytes(b"half a copy")
        open_record(state)
        assert columns(state / "record.before-0001.sqlite3")
