"""Seals over the history of grants and withdrawals, and triggers that keep its steps as they are.

What is there already is sealed as it is found.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.sealing import Chain, What

revision = "0007"
down_revision = "0005"

_STEP = 'id, at, what, person, "by", site, starts, until, purpose, words, reason'
_IN_A_SEAL = 1_000
_WORDS = "The record is sealed: steps of access are only added, and removed by a purge."

# The newest seal is the tombstone of a purge, written in the transaction that now removes rows.
_PURGING = (
    "EXISTS (SELECT 1 FROM seals WHERE number = (SELECT max(number) FROM seals) "
    "AND what = 'purge'{also})"
)
_GUARDS = (
    ("access_stays", "DELETE", f"NOT {_PURGING.format(also=' AND OLD.id BETWEEN first AND last')}"),
    ("access_keeps_its_words", f"UPDATE OF {_STEP}", "TRUE"),
    ("access_keeps_its_seal", "UPDATE OF seal", f"NOT {_PURGING.format(also='')}"),
)


def upgrade() -> None:
    op.add_column("access", sa.Column("seal", sa.BigInteger()))
    connection = op.get_bind()
    _seal_what_is_there(connection, Chain(connection, datetime.now(UTC)))
    for name, when, refused in _GUARDS:
        for statement in _guard(connection.dialect.name, name, when, refused):
            op.execute(statement)


def _seal_what_is_there(connection: sa.Connection, chain: Chain) -> None:
    last = -1
    while rows := connection.exec_driver_sql(
        f"SELECT {_STEP} FROM access WHERE id > {last} ORDER BY id LIMIT {_IN_A_SEAL}"  # noqa: S608
    ).all():
        first, last = rows[0][0], rows[-1][0]
        connection.exec_driver_sql(
            f"UPDATE access SET seal = {chain.next} WHERE id BETWEEN {first} AND {last}"  # noqa: S608 - our own numbers
        )
        steps: list[Any] = [tuple(row) for row in rows]
        chain.seal(What.ACCESS, steps)


def _guard(dialect: str, name: str, when: str, refused: str) -> tuple[str, ...]:
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {when} ON access WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END",
        )
    answer = "OLD" if when == "DELETE" else "NEW"
    no = f"RAISE EXCEPTION '{_WORDS}' USING ERRCODE = 'integrity_constraint_violation';"
    guards = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {refused} THEN {no} END IF; RETURN {answer}; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} ON access FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
    if when != "DELETE":
        return guards
    # There, TRUNCATE is no deletion of rows.
    return (
        *guards,
        f"CREATE FUNCTION {name}_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {no} END $$",
        f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON access "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_all()",
    )
