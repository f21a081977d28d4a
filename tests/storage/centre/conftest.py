"""A real centre on a real PostgreSQL server, and schools that forward to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.centre.address import Address
from storage.centre.forwarding import Forwarder
from storage.centre.setting_up import add_school, set_up
from storage.centre.verifying import Held, verify_at
from storage.connections import Database
from storage.database import FILE_NAME, open_record
from tests.support.postgresql import PostgresServer

ROWS = (
    "SELECT e.id, e.seal, d.seal, h.at, h.person, h.source, h.confidence, h.address, h.site, "
    "h.host, h.scheme, h.method, h.kind, h.path, h.policy, h.allowed, h.outcome, h.reason, h.rule, "
    "h.clause, h.action, h.inside::int, h.status, h.bytes_up, h.bytes_down, h.ended_at "
    "FROM schoolgate.events e JOIN schoolgate.happened h USING (record, id) "
    "LEFT JOIN schoolgate.completions d ON d.record = e.record AND d.event = e.id "
    "JOIN schoolgate.schools s ON s.number = e.school WHERE s.name = '{}' ORDER BY e.id"
)
OWN_ROWS = (
    "SELECT id, seal, ended_seal, at, person, source, confidence, address, site, host, scheme, "
    "method, kind, path, policy, allowed, outcome, reason, rule, clause, action, inside, "
    "status, bytes_up, bytes_down, ended_at FROM events ORDER BY id"
)


class Centre:
    """A centre in a database of its own, and the roles that tests made there."""

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.name = server, server.new_database(_set_up_once(server))

    def url(self, user: str = "postgres", password: str | None = None, port: int = 0) -> str:
        url = self.server.url(self.name, user, password)
        return url.replace(f":{self.server.port}/", f":{port or self.server.port}/")

    def school(self, name: str, port: int = 0) -> str:
        """The address with which a new school signs in."""
        access = add_school(Address(self.url()), name, "Europe/London")
        return self.url(access.role, access.password, port)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        return self.server.execute(query, self.name)

    def number(self, table: str) -> object:
        return self.ask(f"SELECT count(*) FROM schoolgate.{table}")[0][0]

    def verified(self, school: str) -> Held:
        """The record in use, as the centre holds it."""
        return verify_at(Address(self.url()), school)[-1]

    def has_what(self, school: str, state: Path) -> bool:
        """Whether the centre has exactly what is on record at a school."""
        with closing(sqlite3.connect(state / FILE_NAME)) as file:
            own = [tuple(row) for row in file.execute(OWN_ROWS)]
        return own == self.ask(ROWS.format(school))

    def close(self) -> None:
        query = "SELECT rolname FROM pg_roles WHERE rolname ~ '^schoolgate_' AND rolcanlogin"
        roles = self.ask(query)
        self.server.drop(self.name)
        for (role,) in roles:
            self.server.execute(f'DROP ROLE "{role}"')


def _set_up_once(server: PostgresServer) -> str:
    """The name of a centre to copy: setting one up takes longer than a test."""
    there = "SELECT 1 FROM pg_database WHERE datname = 'centre_to_copy'"
    if not server.execute(there):
        server.execute("CREATE DATABASE centre_to_copy")
        set_up(Address(server.url("centre_to_copy")))
    return "centre_to_copy"


def forward_all(database: Database, url: str, rows: int = 50) -> int:
    """Forwards until the centre has all; gives back how many rows it took."""
    forwarder = Forwarder(database, Address(url), rows)
    total = 0
    try:
        while (progress := forwarder.step()).seals:
            total += progress.rows
    finally:
        forwarder.close()
    return total


def rewritten(state: Path) -> sqlite3.Connection:
    """As whoever knows how to get round the triggers."""
    file = sqlite3.connect(state / FILE_NAME)
    for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        file.execute(f"DROP TRIGGER {name}")
    return file


@pytest.fixture
def database(state: Path) -> Iterator[Database]:
    """A gateway's own record is a file."""
    opened = open_record(state)
    yield opened
    opened.dispose()


@pytest.fixture
def centre(postgres: PostgresServer) -> Iterator[Centre]:
    made = Centre(postgres)
    yield made
    made.close()
