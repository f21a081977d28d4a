"""A record on a PostgreSQL server: what can be wrong with it, and what is asked of the server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from storage import migrations
from storage.access import AccessReader, Step, What, changing_access
from storage.copies import backup
from storage.database import NoRecordError, RecordError, open_record, open_record_readonly
from storage.faults import AwayError
from storage.guards import missing_guards
from storage.holds import release
from storage.opening_server import open_server
from storage.record_server import RecordServer, mark
from storage.record_url import has_password, parsed
from storage.verifying import verify
from tests.storage.kept import KeptOnServer
from tests.support.postgresql import PostgresServer

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    """The name of a database without anything in it."""
    name = postgres.new_database()
    yield name
    postgres.drop(name)


def said(call: Callable[[], object]) -> str:
    """The one sentence of an error."""
    with pytest.raises(RecordError) as error:
        call()
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert "a pass/word%" not in text
    assert "%20" not in text
    return text


@pytest.mark.parametrize("opener", [open_record, open_record_readonly])
@pytest.mark.parametrize(
    ("user", "password", "name", "more", "words"),
    [
        ("postgres", "wrong", None, "", "does not accept the user or the password"),
        ("nobody", None, None, "", "does not accept the user or the password"),
        ("postgres", None, "nothing", "", "does not exist: create it"),
        ("postgres", None, None, "?nonsense=1", "cannot be asked in this way"),
        ("postgres", None, None, "?options=-csearch_path%3Dnowhere", "has no schema of that name"),
        ("postgres", None, None, "?sslmode=require", "cannot be reached"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    on_server: KeptOnServer,
    opener: Callable[[Path, str], object],
    user: str,
    password: str | None,
    name: str | None,
    more: str,
    words: str,
) -> None:
    url = on_server.server.url(name or on_server.name, user, password) + more
    assert words in said(lambda: opener(on_server.state, url))


@pytest.mark.parametrize(
    "where", ["127.0.0.1:1/school", "no.such.host.invalid/school", "/school?host=/no/such/folder"]
)
def test_a_server_that_is_not_there(tmp_path: Path, where: str) -> None:
    text = said(lambda: open_record(tmp_path / "var", f"postgresql+psycopg://a:b@{where}"))
    assert text.startswith("The database 'school' on ")
    assert "cannot be reached (" in text
    with pytest.raises(AwayError):
        open_record(tmp_path / "var", f"postgresql+psycopg://a:b@{where}")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite:///x", "mysql://a/b", "postgresql://a:p@b:x/c", "postgresql:/"]
)
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    text = said(lambda: open_record(tmp_path / "var", url))
    assert "postgresql+psycopg://schoolgate@db.school.example/schoolgate" in text
    assert "a:p" not in text


@pytest.mark.parametrize("text", ["postgres://a/b", "postgresql://a/b", "postgresql+psycopg://a/b"])
def test_however_it_is_spelt(text: str) -> None:
    assert str(parsed(text)) == "postgresql+psycopg://a/b"
    assert not has_password(text)
    assert has_password(text.replace("//a", "//a:b@c"))
    assert has_password(f"{text}?password=b")


def test_without_a_driver(
    on_server: KeptOnServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "'schoolgate[postgresql]'" in said(on_server.open)


def test_anothers_tables_are_left_alone(
    postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    for statement in ("CREATE TABLE cats (name text)", "CREATE TABLE alembic_version (x text)"):
        postgres.execute(statement, empty)
        for opener in (open_record, open_record_readonly):
            text = said(lambda opener=opener: opener(tmp_path / "var", postgres.url(empty)))
            assert "tables that are not Schoolgate's" in text
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.execute(tables, empty) == [(2,)]


def test_nothing_there_yet(postgres: PostgresServer, empty: str, tmp_path: Path) -> None:
    with pytest.raises(NoRecordError, match="holds no record yet"):
        open_record_readonly(tmp_path / "var", postgres.url(empty))


def test_a_database_that_is_not_encoded_in_utf8(postgres: PostgresServer, tmp_path: Path) -> None:
    postgres.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
    try:
        text = said(lambda: open_record(tmp_path / "var", postgres.url("latin")))
    finally:
        postgres.drop("latin")
    assert "is encoded in LATIN1: create one" in text


def test_a_user_who_may_not(on_server: KeptOnServer, postgres: PostgresServer, empty: str) -> None:
    postgres.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    try:
        theirs = postgres.url(empty, "guest", "guest")
        assert "may not be written by this user" in said(
            lambda: open_record(on_server.state, theirs)
        )
        ours = postgres.url(on_server.name, "guest", "guest")
        assert "may not be written by this user" in said(lambda: open_record(on_server.state, ours))
    finally:
        postgres.execute("DROP ROLE guest")


def test_a_server_that_only_reads(on_server: KeptOnServer, postgres: PostgresServer) -> None:
    postgres.execute(f"ALTER DATABASE {on_server.name} SET default_transaction_read_only = on")
    text = said(on_server.open)
    assert "only follows another (a standby)" in text
    with pytest.raises(AwayError):
        on_server.open()
    assert verify(on_server.readonly()).broken is None, "which is enough for reports"


def test_a_server_that_does_not_wait_for_its_disk(on_server: KeptOnServer) -> None:
    server = on_server.server
    server.execute("ALTER SYSTEM SET fsync = off")
    server.reload()
    try:
        assert "turn fsync on" in said(on_server.open)
    finally:
        server.execute("ALTER SYSTEM RESET fsync")
        server.reload()
    on_server.open()


@pytest.mark.parametrize(
    ("theirs", "ours"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(
    on_server: KeptOnServer, theirs: str, ours: str
) -> None:
    on_server.ask(f"ALTER DATABASE {on_server.name} SET synchronous_commit = {theirs}")
    with on_server.open().writer() as connection, connection.begin():
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == ours


def test_many_who_begin_a_record_at_once_make_one(
    postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    opened: list[object] = []

    def begin() -> None:
        opened.append(open_record(tmp_path / "var", postgres.url(empty)))

    everybody = [Thread(target=begin) for _ in range(4)]
    for thread in everybody:
        thread.start()
    for thread in everybody:
        thread.join(60)
    assert len(opened) == 4
    assert verify(open_record_readonly(tmp_path / "var", postgres.url(empty))).seals == 1


@contextmanager
def of_version(server: PostgresServer, name: str, version: str) -> Iterator[RecordServer]:
    """A record as an earlier release left it."""
    record = RecordServer(parsed(server.url(name)), "rw", version=None)
    with pytest.MonkeyPatch.context() as patch, record.writer() as connection, connection.begin():
        patch.setattr(migrations, "HEAD", version)
        migrations.upgrade(connection)
        mark(connection)
    yield record
    record.dispose()


def test_an_older_record_is_brought_up_to_date_when_somebody_says_so(
    postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    with of_version(postgres, empty, "0003"):
        postgres.execute(
            "INSERT INTO events (id, at, source, address, site, host, scheme, method, kind, "
            "allowed, outcome, reason, policy) VALUES (7, 1, '', '', 's', 'h', 'https', 'GET', "
            "'navigation', true, 'purpose', '', ''); "
            "INSERT INTO counts (span, start, site, person, kind, allowed, number) "
            "SELECT span, start, 's', '', 'navigation', true, 1 "
            "FROM (VALUES (1, 0), (24, 0), (168, -72)) AS spans (span, start)",
            empty,
        )
    url = postgres.url(empty)
    for opener in (open_record, open_record_readonly):
        text = said(lambda opener=opener: opener(tmp_path / "var", url))
        assert "older version: make a backup of it with pg_dump" in text
    open_server(url, upgrade=True)
    found = verify(open_record(tmp_path / "var", url))
    assert (found.broken, found.events) == (None, 1)


def test_legal_holds_of_an_older_record_are_sealed_as_they_are_found(
    postgres: PostgresServer, empty: str, tmp_path: Path
) -> None:
    with of_version(postgres, empty, "0007"):
        postgres.execute("INSERT INTO holds VALUES (1, 'larch', 5, 'oak', 'A case.')", empty)
    record = open_server(postgres.url(empty), upgrade=True)
    assert verify(record).broken is None
    with record.reading() as connection:
        assert missing_guards(connection) == ()
    assert release(record, "larch", "elm", NOW) == 1
    assert verify(record).broken is None
    postgres.execute(
        "SET session_replication_role = replica; UPDATE holds SET ended = NULL, ended_by = NULL",
        empty,
    )
    broken = verify(record).broken
    assert broken
    assert "hold 1 on larch's events was changed" in broken.why
    record.dispose()


def test_a_newer_record_is_left_alone(on_server: KeptOnServer) -> None:
    on_server.ask("UPDATE alembic_version SET version_num = '9999'")
    assert "was written by a newer Schoolgate" in said(on_server.open)
    assert "was written by a newer Schoolgate" in said(on_server.readonly)


def test_another_record_under_the_same_name_is_noticed(on_server: KeptOnServer) -> None:
    step = Step(at=NOW, what=What.WITHDRAW, person="larch", by="oak")
    with changing_access(on_server.open()) as changes:
        changes.add(step)
    reader = AccessReader(on_server.readonly())
    found = reader.look(NOW)
    before = reader.identity
    assert found
    assert set(found.withdrawn) == {"larch"}
    on_server.empty()
    with pytest.raises(RecordError):
        reader.look(NOW)
    assert "holds no record yet" in said(lambda: reader.look(NOW))
    on_server.open()
    found = reader.look(NOW)
    assert found
    assert not found.withdrawn
    assert reader.identity not in (None, before)
    reader.close()


def test_a_copy_is_the_servers_own_work(on_server: KeptOnServer, tmp_path: Path) -> None:
    assert "pg_dump" in said(lambda: backup(on_server.readonly(), tmp_path / "copy"))


def test_it_says_how_large_it_is(on_server: KeptOnServer) -> None:
    assert on_server.readonly().size() > 1_000_000
