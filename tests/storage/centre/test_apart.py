"""Schools are kept apart by the database itself: raw SQL under a school's role gets nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from storage.centre.address import Address, CentreError
from storage.centre.forwarding import Forwarder
from storage.centre.setting_up import add_reader, new_password
from storage.centre.verifying import verify_at
from storage.connections import Database
from storage.database import open_record
from storage.events import EventIds
from storage.writing import Line, Work, event_row, write
from tests.storage.centre.conftest import Centre, forward_all
from tests.storage.conftest import ALLOWED, NOON
from tests.storage.test_purging import fill

TABLES = (
    "schools", "records", "seals", "gaps", "events", "completions", "corrections", "forgotten",
)  # fmt: skip
REFUSED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.RaiseException,
    psycopg.errors.ReadOnlySqlTransaction,
)


def signed_in(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


@pytest.fixture
def two(centre: Centre, tmp_path: Path) -> dict[str, str]:
    """Two schools with something on record each, and their addresses."""
    urls = {}
    for name in ("ash", "oak"):
        urls[name] = centre.school(name)
        record = open_record(tmp_path / name)
        fill(record, days=1)
        forward_all(record, urls[name])
    return urls


def test_a_school_sees_its_own_rows_and_no_others(centre: Centre, two: dict[str, str]) -> None:
    both = {table: centre.number(table) for table in TABLES}
    for name, url in two.items():
        with signed_in(url) as connection:
            for table in TABLES:
                (seen,) = connection.execute(f"SELECT count(*) FROM schoolgate.{table}").fetchone()
                assert seen * 2 == both[table], f"{name}: {table}"
            assert connection.execute("SELECT name FROM schoolgate.schools").fetchall() == [(name,)]
            (seen,) = connection.execute("SELECT count(*) FROM schoolgate.happened").fetchone()
            assert seen * 2 == both["events"]


RAW = [
    *(f"INSERT INTO schoolgate.{table} SELECT * FROM schoolgate.{table}" for table in TABLES),
    *(f"DELETE FROM schoolgate.{table}" for table in TABLES),
    *(f"TRUNCATE schoolgate.{table} CASCADE" for table in TABLES),
    *(f"ALTER TABLE schoolgate.{table} DISABLE ROW LEVEL SECURITY" for table in TABLES),
    "UPDATE schoolgate.events SET person = 'x'",
    "UPDATE schoolgate.schools SET role = 'schoolgate_oak'",
    "UPDATE schoolgate.records SET last = 0",
    "SELECT * FROM schoolgate.weeks",
    "SELECT * FROM schoolgate.standing",
    "DROP POLICY own_school ON schoolgate.events",
    "CREATE TABLE schoolgate.mine (x int)",
    "CREATE FUNCTION schoolgate.my_school() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
    "CREATE ROLE mine",
    "GRANT schoolgate_reader TO schoolgate_ash",
    "ALTER ROLE schoolgate_oak PASSWORD 'x'",
    "SET ROLE schoolgate_oak",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION schoolgate_oak",
    "SET row_security = off; SELECT * FROM schoolgate.events",
    "COPY schoolgate.events TO PROGRAM 'cat'",
    "SELECT pg_read_file('postgresql.conf')",
]  # fmt: skip


def test_raw_sql_changes_nothing_and_shows_nothing(centre: Centre, two: dict[str, str]) -> None:
    before = {table: centre.ask(f"SELECT * FROM schoolgate.{table}") for table in TABLES}
    with signed_in(two["ash"]) as connection:
        for statement in RAW:
            with pytest.raises(REFUSED):
                connection.execute(statement)
        # One's own objects, first in the search path, are not what the functions use.
        connection.execute("CREATE TEMP TABLE schools (number int, role name)")
        connection.execute("INSERT INTO schools VALUES (2, session_user)")
        connection.execute("SET search_path = pg_temp, schoolgate")
        (me,) = connection.execute("SELECT schoolgate.my_school()").fetchone()
        assert me == 1
    assert before == {table: centre.ask(f"SELECT * FROM schoolgate.{table}") for table in TABLES}


def test_a_school_cannot_add_to_anothers_record(centre: Centre, two: dict[str, str]) -> None:
    ((oaks, last, digest),) = centre.ask(
        "SELECT record, last, digest FROM schoolgate.records WHERE school = 2"
    )
    with signed_in(two["ash"]) as connection:
        ask = "SELECT held_last FROM schoolgate.ask(%s)"
        assert connection.execute(ask, (oaks,)).fetchone() == (0,)
        assert connection.execute(
            "SELECT schoolgate.forget('', 9223372036854775807, '{}')"
        ).fetchone() != (0,), "its own"
        with pytest.raises(psycopg.DatabaseError, match="does not hold the seal"):
            connection.execute("SELECT schoolgate.put_back(%s, 1, %s)", (oaks, digest))
        answer = connection.execute(
            "SELECT held_last FROM schoolgate.take(%s, %s, %s, '{}', '{}', '{}', '{}', '{}', '{}', "
            "'{}', '{}', '{}')",
            (oaks, last, digest),
        ).fetchone()
        assert answer == (0,), "a record of the same number, of its own"
    assert centre.ask("SELECT count(*) FROM schoolgate.events WHERE school = 2") == [(40,)]
    assert centre.verified("oak").verdict.broken is None


def test_a_role_that_is_no_school_is_told_so(centre: Centre, database: Database) -> None:
    with pytest.raises(CentreError, match=r"^postgres is no school of the centre"):
        forward_all(database, centre.url())


def test_a_school_verifies_its_own_chain_and_no_others(two: dict[str, str]) -> None:
    assert [held.school for held in verify_at(Address(two["ash"]), None)] == ["ash"]
    with pytest.raises(CentreError, match="lets this role see ash only"):
        verify_at(Address(two["ash"]), "oak")


class TestTheTrustsReader:
    def test_reads_weekly_figures_and_no_event_and_no_name(
        self, centre: Centre, two: dict[str, str], tmp_path: Path
    ) -> None:
        elm = open_record(tmp_path / "elm")
        use(elm, "facebook", {f"p.{n}": 10 for n in range(6)})
        use(elm, "x", {f"p.{n}": 10 for n in range(4)})
        use(elm, "tiktok", {"p.1": 90} | {f"p.{n}": 2 for n in range(2, 9)})
        forward_all(elm, centre.school("elm"))
        access = add_reader(Address(centre.url()), "trust")
        with signed_in(centre.url(access.role, access.password)) as connection:
            for table in (*TABLES, "happened"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT * FROM schoolgate.{table}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT schoolgate.ask('')")
            weeks = connection.execute(
                "SELECT site, withheld, people_at_least, allowed_about, refused_about "
                "FROM schoolgate.weeks WHERE school = 'elm' ORDER BY site"
            ).fetchall()
            assert weeks == [
                ("facebook", None, 5, 60, None),
                ("tiktok", "one-person", None, None, None),
                ("x", "few-people", None, None, None),
            ]
            schools = connection.execute("SELECT DISTINCT school FROM schoolgate.standing")
            assert sorted(schools.fetchall()) == [("ash",), ("elm",), ("oak",)]


def use(database: Database, site: str, by: dict[str, int]) -> None:
    ids = EventIds(0, database.last_event_id())
    lines = []
    for person, times in by.items():
        for n in range(times):
            at = NOON + timedelta(seconds=n)
            told = replace(ALLOWED, id=ids.next(at), at=at, person=person, site=site)
            lines.append(Line(event_row(told), False))
    with database.writer() as connection, connection.begin():
        write(connection, Work(lines, [], []), NOON, careful=False)


TAMPERINGS: dict[str, tuple[str, str]] = {
    "a name": ("UPDATE schoolgate.events SET person = 'x' WHERE seal = 7", "Seal 7 (events"),
    "a row gone": (
        "DELETE FROM schoolgate.events WHERE id = (SELECT max(id) FROM schoolgate.events)",
        "the centre has 9 of them",
    ),
    "rows of another seal": (
        "UPDATE schoolgate.events SET seal = 9 WHERE seal = 7",
        "the centre has 0 of them",
    ),
    "an end": ("UPDATE schoolgate.completions SET status = 500", "(completions"),
    "a correction": ("UPDATE schoolgate.corrections SET reason = 'x'", "(corrections"),
    "a seal gone": ("DELETE FROM schoolgate.seals WHERE number = 6", "Seal 6 is missing"),
    "the last seals gone": (
        "DELETE FROM schoolgate.seals WHERE number > 9; "
        "DELETE FROM schoolgate.events WHERE seal > 9; "
        "DELETE FROM schoolgate.completions WHERE seal > 9; "
        "DELETE FROM schoolgate.corrections WHERE seal > 9",
        "took seals up to 11",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_is_changed_at_the_centre_is_found_out(
    centre: Centre, database: Database, name: str
) -> None:
    script, words = TAMPERINGS[name]
    url = centre.school("ash")
    fill(database, days=1)
    forward_all(database, url)
    for statement in script.split("; "):
        centre.ask(statement)
    broken = centre.verified("ash").verdict.broken
    assert broken
    assert words in broken.why
    assert broken.why.endswith(".")


def test_forwarding_goes_on_under_a_new_password(centre: Centre, database: Database) -> None:
    url = centre.school("ash")
    access = new_password(Address(centre.url()), "ash")
    with pytest.raises(CentreError, match="password authentication failed"):
        Forwarder(database, Address(url)).step()
    assert forward_all(database, centre.url(access.role, access.password)) == 0
    assert centre.number("seals") == 1
