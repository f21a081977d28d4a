"""Seals over all that is on record, triggers that refuse what would break them, and legal holds.

What is there already is sealed as it is found. The triggers stop accidents; a person who can write
the file can drop them, and it is then the seals that tell.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.sealing import Chain, What

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_EVENT = (
    "id, at, person, source, address, site, host, scheme, method, kind, allowed, outcome, reason, "
    "rule, clause, path, policy, confidence"
)
_COMPLETION = "id, status, bytes_up, bytes_down, ended_at"
_CORRECTION = "event, outcome, reason, rule, clause"
_IN_A_SEAL = 5_000
_WORDS = "The record is sealed: rows change only by completion, correction and purge."

# The newest seal is the tombstone of a purge, written in the transaction that now removes rows.
_PURGING = (
    "EXISTS (SELECT 1 FROM seals WHERE number = (SELECT max(number) FROM seals) "
    "AND what = 'purge'{also})"
)
_OF_IT = _PURGING.format(also=" AND OLD.{key} BETWEEN first AND last")
# name, table, when it fires, when it refuses
_GUARDS = (
    ("events_stay", "events", "DELETE", f"NOT {_OF_IT.format(key='id')}"),
    (
        "events_keep_their_words",
        "events",
        "UPDATE OF id, at, person, source, address, site, host, scheme, method, kind, path, "
        "policy, confidence",
        "TRUE",
    ),
    (
        "events_are_corrected_once",
        "events",
        "UPDATE OF allowed, outcome, reason, rule, clause",
        "NOT (OLD.allowed AND NOT NEW.allowed AND EXISTS "
        "(SELECT 1 FROM corrections WHERE event = OLD.id))",
    ),
    (
        "events_are_completed_once",
        "events",
        "UPDATE OF status, bytes_up, bytes_down, ended_at",
        "OLD.ended_at IS NOT NULL",
    ),
    ("events_keep_their_seal", "events", "UPDATE OF seal", f"NOT {_PURGING.format(also='')}"),
    (
        "completions_keep_their_seal",
        "events",
        "UPDATE OF ended_seal",
        f"OLD.ended_seal IS NOT NULL AND NOT {_PURGING.format(also='')}",
    ),
    ("corrections_stay", "corrections", "DELETE", f"NOT {_OF_IT.format(key='event')}"),
    (
        "corrections_keep_their_words",
        "corrections",
        "UPDATE OF event, outcome, reason, rule, clause",
        "TRUE",
    ),
    (
        "corrections_keep_their_seal",
        "corrections",
        "UPDATE OF seal",
        f"NOT {_PURGING.format(also='')}",
    ),
    ("seals_stay", "seals", "DELETE", f"OLD.what = 'purge' OR NOT {_PURGING.format(also='')}"),
    ("seals_never_change", "seals", "UPDATE", "TRUE"),
    (
        "seals_come_in_order",
        "seals",
        "INSERT",
        "NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM seals)",
    ),
)


def upgrade() -> None:
    for table, name in (("events", "seal"), ("events", "ended_seal"), ("corrections", "seal")):
        op.add_column(table, sa.Column(name, sa.BigInteger()))
    op.create_table(
        "seals",
        sa.Column("number", _ID, autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="seals_key"),
    )
    op.create_table(
        "holds",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("ended_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="holds_key"),
    )
    connection = op.get_bind()
    chain = Chain(connection, datetime.now(UTC))
    # Drawn at random, so that no two records have a seal in common.
    chain.state(What.BEGIN, {"record": secrets.token_hex(16)})
    _seal_what_is_there(connection, chain)
    guard = _guard_sqlite if connection.dialect.name == "sqlite" else _guard_postgresql
    for name, table, when, refused in _GUARDS:
        for statement in guard(name, table, when, refused):
            op.execute(statement)


def _seal_what_is_there(connection: sa.Connection, chain: Chain) -> None:
    for what, table, key, seal, columns in (
        (What.EVENTS, "events", "id", "seal", _EVENT),
        (What.CORRECTIONS, "corrections", "event", "seal", _CORRECTION),
        (What.COMPLETIONS, "events", "id", "ended_seal", _COMPLETION),
    ):
        ended = "AND ended_at IS NOT NULL" if what is What.COMPLETIONS else ""
        last = -1
        while rows := connection.exec_driver_sql(
            f"SELECT {columns} FROM {table} WHERE {key} > {last} {ended} "  # noqa: S608
            f"ORDER BY {key} LIMIT {_IN_A_SEAL}"
        ).all():
            first, last = rows[0][0], rows[-1][0]
            if what is What.EVENTS:
                sealed: list[Any] = [_as_written(connection, row) for row in rows]
            else:
                sealed = [tuple(row) for row in rows]
            connection.exec_driver_sql(
                f"UPDATE {table} SET {seal} = {chain.next} "  # noqa: S608 - our own names and numbers
                f"WHERE {key} BETWEEN {first} AND {last} {ended}"
            )
            chain.seal(what, sealed)


def _as_written(connection: sa.Connection, row: Any) -> tuple[Any, ...]:
    """What an event said at first; corrected ones are few."""
    values = [int(value) if isinstance(value, bool) else value for value in row]
    before = connection.exec_driver_sql(
        f"SELECT outcome, reason, rule, clause FROM corrections WHERE event = {row[0]}"  # noqa: S608
    ).first()
    if before is not None:
        values[10:15] = [1, *before]
    return tuple(values)


def _guard_sqlite(name: str, table: str, when: str, refused: str) -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {refused} "
        f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END",
    )


def _guard_postgresql(name: str, table: str, when: str, refused: str) -> tuple[str, ...]:
    answer = "OLD" if when == "DELETE" else "NEW"
    no = f"RAISE EXCEPTION '{_WORDS}' USING ERRCODE = 'integrity_constraint_violation';"
    guards = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {refused} THEN {no} END IF; RETURN {answer}; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
    if when != "DELETE":
        return guards
    # There, TRUNCATE is no deletion of rows.
    return (
        *guards,
        f"CREATE FUNCTION {name}_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {no} END $$",
        f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_all()",
    )
