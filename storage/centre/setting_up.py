"""Setting a centre up: its tables, and a role for each school and for the trust's readers."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select, text

from storage.centre import migrations
from storage.centre.address import Address, CentreError, check_server
from storage.centre.tables import RECORDS, SCHOOLS

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Access:
    """With what a school, or a reader, signs in. The password is kept nowhere."""

    role: str
    password: str


@dataclass(frozen=True, slots=True)
class School:
    """A school of the centre; times are aware. `last` is the newest seal of its record in use."""

    name: str
    role: str
    records: int
    last: int
    heard: datetime | None


def set_up(address: Address) -> None:
    """Makes the centre's tables, or brings them up to date. Raises CentreError."""
    engine = address.engine()
    with address.explained(), engine.begin() as connection:
        check_server(connection, address)
        # Two at once would make everything twice.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('schoolgate centre'))")
        known = _version(connection)
        if known is not None and not migrations.is_known(known):
            raise CentreError(f"The centre ({address}) is of a newer release: use that one.")
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {migrations.SCHEMA}")
        if known != migrations.HEAD:
            migrations.upgrade(connection)


def add_school(address: Address, name: str, timezone: str) -> Access:
    """A new school and its role. Raises CentreError."""
    role = _role("schoolgate_", name)
    try:
        ZoneInfo(timezone)
    except (ValueError, KeyError, OSError) as error:
        raise CentreError(f"{timezone!r} is no time zone, such as Europe/London.") from error
    with address.explained(), address.engine().begin() as connection:
        _ready(connection, address)
        if _has(connection, select(SCHOOLS.c.number).where(SCHOOLS.c.name == name)):
            raise CentreError(
                f"The centre has a school called {name!r} already; --new-password gives its role a"
                " new password."
            )
        access = _make_role(connection, role, "schoolgate_school")
        connection.execute(insert(SCHOOLS).values(name=name, role=role, timezone=timezone))
    return access


def add_reader(address: Address, name: str) -> Access:
    """A role that reads the trust's figures and nothing else. Raises CentreError."""
    role = _role("schoolgate_reader_", name)
    with address.explained(), address.engine().begin() as connection:
        _ready(connection, address)
        return _make_role(connection, role, "schoolgate_reader")


def new_password(address: Address, name: str) -> Access:
    """Another password for a school's role. Raises CentreError."""
    with address.explained(), address.engine().begin() as connection:
        _ready(connection, address)
        role = connection.execute(select(SCHOOLS.c.role).where(SCHOOLS.c.name == name)).scalar()
        if role is None:
            raise CentreError(f"The centre has no school called {name!r}.")
        return _with_password(connection, "ALTER", role)


def schools(address: Address) -> tuple[School, ...]:
    """All the schools, by name; for whoever set the centre up. Raises CentreError."""
    own = RECORDS.c.school == SCHOOLS.c.number
    newest = select(RECORDS).where(own).order_by(RECORDS.c.heard.desc()).limit(1).lateral()
    query = select(
        SCHOOLS.c.name,
        SCHOOLS.c.role,
        select(text("count(*)")).select_from(RECORDS).where(own).scalar_subquery(),
        newest.c.last,
        newest.c.heard,
    ).select_from(SCHOOLS.outerjoin(newest, text("true")))
    with address.explained(), address.engine().connect() as connection:
        _ready(connection, address)
        found = connection.execute(query.order_by(SCHOOLS.c.name)).all()
    return tuple(School(row[0], row[1], row[2], row[3] or 0, row[4]) for row in found)


def _ready(connection: Connection, address: Address) -> None:
    version = _version(connection)
    if version != migrations.HEAD:
        raise CentreError(
            f"The centre ({address}) is not set up, or by another release: run 'schoolgate centre"
            " init'."
        )


def _version(connection: Connection) -> str | None:
    there = text(f"SELECT to_regclass('{migrations.SCHEMA}.alembic_version') IS NOT NULL")
    if not connection.execute(there).scalar():
        return None
    query = text(f"SELECT version_num FROM {migrations.SCHEMA}.alembic_version")  # noqa: S608
    return connection.execute(query).scalar()


def _role(prefix: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise CentreError(
            f"{name[:60]!r} cannot be a name at the centre: use small letters, figures and hyphens,"
            " a letter first, forty at most."
        )
    return prefix + name


def _make_role(connection: Connection, role: str, group: str) -> Access:
    if connection.execute(
        text("SELECT FROM pg_roles WHERE rolname = :role"), {"role": role}
    ).first():
        raise CentreError(f"There is a role {role} on that server already: choose another name.")
    access = _with_password(connection, "CREATE", role)
    connection.exec_driver_sql(f'GRANT {group} TO "{role}"')
    return access


def _with_password(connection: Connection, how: str, role: str) -> Access:
    """Sends the password as SCRAM keeps it, so that no log of the server can hold it."""
    password = secrets.token_urlsafe(24)
    driver: Any = connection.connection.driver_connection
    kept = driver.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode("ascii")
    connection.exec_driver_sql(f"{how} ROLE \"{role}\" LOGIN PASSWORD '{kept}'")
    return Access(role, password)


def _has(connection: Connection, query: Any) -> bool:
    return connection.execute(query).first() is not None
