from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage import access_steps, migrations
from storage.access import Step, access_history, changing_access
from storage.database import Database, RecordError, open_record, open_record_readonly
from storage.events import Event
from storage.guards import GUARDS, missing_guards
from storage.holds import holds, release
from storage.instants import from_microseconds, to_microseconds
from storage.models import Base
from storage.past import past_events
from storage.purging import purge_bindings
from storage.record_file import RecordFile
from storage.recorder import Recorder
from storage.sealing import Chain, What
from storage.verifying import head, verify
from storage.visit_keeping import acts_between
from storage.writing import (
    EVENT_COLUMNS,
    UNAVAILABLE,
    UNAVAILABLE_REASON,
    event_row,
)
from tests.storage.conftest import ALLOWED, RECOUNT
from tests.storage.kept import Kept

ALWAYS = (from_microseconds(0), from_microseconds(2**52))
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
    state: Path, file_database: RecordFile, tmp_path: Path
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


@pytest.mark.parametrize(("version", "columns_of_it"), [("0001", 17), ("0002", 17), ("0003", 18)])
def test_a_record_without_seals_keeps_its_events_and_has_them_sealed(
    state: Path,
    event: Callable[..., Event],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    columns_of_it: int,
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", version)
        open_record(state)
    kept = [event_row(event(person=f"p.{number}"))[:columns_of_it] for number in range(300)]
    columns_then = ", ".join(EVENT_COLUMNS[:columns_of_it])
    with closing(sqlite3.connect(state / "record.sqlite3")) as file, file:
        file.executemany(
            f"INSERT INTO events ({columns_then}) VALUES ({', '.join('?' * columns_of_it)})", kept
        )
        file.execute("UPDATE events SET status = 200, ended_at = at + 9 WHERE id % 3 = 0")
        file.execute(
            "INSERT INTO corrections SELECT id, outcome, reason, rule, clause FROM events LIMIT 2"
        )
        file.execute(
            "UPDATE events SET allowed = 0, outcome = ?, reason = ?, rule = NULL, clause = NULL "
            "WHERE id IN (SELECT event FROM corrections)",
            (UNAVAILABLE, UNAVAILABLE_REASON),
        )
        file.executescript(RECOUNT)
    assert "seals" not in columns(state / "record.sqlite3")
    database = open_record(state)
    assert {"access", "seals", "visits"} <= columns(state / "record.sqlite3").keys()
    assert "seals" not in columns(state / f"record.before-{version}.sqlite3")
    assert [past.person for past in past_events(database, from_microseconds(0))] == [
        row[2] for row in kept
    ]
    assert access_history(database) == ()
    found = verify(database)
    assert (found.broken, found.events) == (None, 300)


def test_a_sealed_record_goes_on_as_it_is(
    state: Path, event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", "0004")
        older = open_record(state)
    rows = [event_row(event(person=f"p.{number}"))[:18] for number in range(300)]
    with older.writer() as connection, connection.begin():
        chain = Chain(connection, ALLOWED.at)
        columns_then = ", ".join((*EVENT_COLUMNS[:18], "seal"))
        for row in rows:
            connection.exec_driver_sql(
                f"INSERT INTO events ({columns_then}) VALUES ({', '.join('?' * 19)})",
                (*row, chain.next),
            )
        chain.seal(What.EVENTS, rows)
    with closing(sqlite3.connect(state / "record.sqlite3")) as file:
        file.executescript(RECOUNT)
    before = head(older)
    older.dispose()
    assert "acts" not in columns(state / "record.sqlite3")
    database = open_record(state)
    assert "acts" not in columns(state / "record.before-0004.sqlite3")
    recorder = Recorder(database)
    recorder.start()
    recorder.note(event(person="p.1", action="post"))
    assert recorder.close(10) == 0
    found = verify(database, [str(before)])
    assert (found.broken, found.events) == (None, 301)
    assert [act.action for act in acts_between(database, "p.1", *ALWAYS)] == ["post"]


def test_a_history_of_access_is_sealed_as_it_is_found(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", "0005")
        older = open_record(state)
    before = head(older)
    older.dispose()
    withdrawn = Step(
        at=ALLOWED.at, what=access_steps.What.WITHDRAW, person="larch", by="oak", reason="Ä."
    )
    with closing(sqlite3.connect(state / "record.sqlite3")) as file, file:
        file.executemany(
            "INSERT INTO access (at, what, person, by, reason) VALUES (?, ?, ?, ?, ?)",
            [(to_microseconds(ALLOWED.at), "withdraw", "larch", "oak", "Ä.")] * 3,
        )
    database = open_record(state)
    assert access_history(database) == tuple(replace(withdrawn, id=n) for n in (1, 2, 3))
    with changing_access(database) as changes:
        changes.add(replace(withdrawn, what=access_steps.What.RESTORE))
    found = verify(database, [str(before)])
    assert (found.broken, found.seals) == (None, 3)
    with closing(sqlite3.connect(state / "record.sqlite3")) as file, file:
        file.execute("DROP TRIGGER access_keeps_its_words")
        file.execute("UPDATE access SET person = 'maple' WHERE id = 2")
    broken = verify(database).broken
    assert broken
    assert "Step 1 to 3 of access" in broken.why


@pytest.mark.parametrize("version", ["0004", "0005", "0007"])
def test_legal_holds_are_sealed_as_they_are_found(
    state: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", version)
        older = open_record(state)
    before = head(older)
    older.dispose()
    with closing(sqlite3.connect(state / "record.sqlite3")) as file, file:
        file.execute("INSERT INTO holds VALUES (1, 'larch', 5, 'oak', 'Ä case.', 9, 'elm')")
        file.execute("INSERT INTO holds VALUES (2, 'maple', 6, 'oak', 'A case.', NULL, NULL)")
        file.execute(
            "INSERT INTO bindings VALUES "
            "(7, 'larch', '10.0.0.7', '', 'radius', 's', 90, 1, 2, 3, 4, 'left', 1)"
        )
    database = open_record(state)
    assert [each.person for each in holds(database)] == ["maple"]
    assert verify(database, [str(before)]).broken is None
    assert release(database, "maple", "elm", ALLOWED.at) == 1
    assert purge_bindings(database, ALLOWED.at, "Old.", ALLOWED.at) == 1
    assert verify(database, [str(before)]).broken is None
    with closing(sqlite3.connect(state / "record.sqlite3")) as file, file:
        file.execute("DROP TRIGGER holds_stay")
        file.execute("DELETE FROM holds WHERE id = 1")
    broken = verify(database).broken
    assert broken
    assert "hold 1 on larch's events was taken away" in broken.why


def test_the_triggers_are_those_that_are_looked_for(kept: Kept, database: Database) -> None:
    with database.reading() as connection:
        assert missing_guards(connection) == ()
    known = {guard.name for guard in GUARDS}
    assert {name.removesuffix("_all") for name, _ in kept.guards()} == known


class TestAnOlderRecord:
    """Today's version stands in for an old one, and a version of the test's own for the new."""

    @pytest.fixture(autouse=True)
    def _newer_program(self, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        open_record(state)
        self.old = migrations.HEAD
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
        copy = state / f"record.before-{self.old}.sqlite3"
        assert "extra" in columns(state / "record.sqlite3")
        assert "extra" not in columns(copy)
        assert copy.stat().st_mode & 0o777 == 0o600
        assert sorted(path.name for path in state.iterdir()) == [
            copy.name,
            "record.sqlite3",
        ]

    def test_is_not_changed_by_a_reader(self, state: Path) -> None:
        with pytest.raises(RecordError, match="run Schoolgate once to bring it up to date"):
            open_record_readonly(state)
        assert "extra" not in columns(state / "record.sqlite3")

    def test_a_copy_left_unfinished_is_made_anew(self, state: Path) -> None:
        (state / f"record.before-{self.old}.unfinished").write_bytes(b"half a copy")
        open_record(state)
        assert columns(state / f"record.before-{self.old}.sqlite3")
