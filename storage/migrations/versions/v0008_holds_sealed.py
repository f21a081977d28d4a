"""Legal holds are sealed and name their case; triggers keep them, and who was at which address.

What holds there are already are sealed as they are found.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from storage.sealing import Chain, What

revision = "0008"
down_revision = "0007"

_HOLDS = "The record is sealed: a legal hold only ends, by a release."
_BINDINGS = "The record is guarded: who was at an address stays as it was noted, until a purge."
_VISITS = "The record is sealed: rows change only by completion, correction and purge."
_FOUND = "A legal hold from before holds were sealed."

# The newest seal says what the transaction that wrote it is about to do.
_NEWEST = "EXISTS (SELECT 1 FROM seals WHERE number = (SELECT max(number) FROM seals) AND what = "
_GUARDS = (
    ("holds_stay", "holds", "DELETE", "TRUE", _HOLDS),
    (
        "holds_keep_their_words",
        "holds",
        'UPDATE OF id, person, began, "by", why, "case"',
        "TRUE",
        _HOLDS,
    ),
    (
        "holds_end_once",
        "holds",
        "UPDATE OF ended, ended_by",
        f"OLD.ended IS NOT NULL OR NEW.ended IS NULL OR NOT {_NEWEST}'note' AND first = OLD.id "
        """AND substr(facts, 1, 8) = '{"hold":')""",
        _HOLDS,
    ),
    (
        "bindings_stay",
        "bindings",
        "DELETE",
        f"""NOT {_NEWEST}'purge' AND substr(facts, 1, 16) = '{{"of":"bindings"' """
        "AND OLD.id BETWEEN first AND last)",
        _BINDINGS,
    ),
    (
        "bindings_keep_their_words",
        "bindings",
        "UPDATE OF id, person, address, hardware, source, session, began",
        "TRUE",
        _BINDINGS,
    ),
)


def upgrade() -> None:
    op.add_column("holds", sa.Column("case", sa.Text()))
    connection = op.get_bind()
    _seal_what_is_there(connection)
    guard = _guard_sqlite if connection.dialect.name == "sqlite" else _guard_postgresql
    for facts in _GUARDS:
        for statement in guard(*facts):
            connection.exec_driver_sql(statement)
    if connection.dialect.name != "sqlite":
        for statement in _not_all("sealed_visits_stay", "visits", _VISITS):
            connection.exec_driver_sql(statement)


def _seal_what_is_there(connection: sa.Connection) -> None:
    chain = Chain(connection, datetime.now(UTC))
    query = 'SELECT id, person, began, "by", why, "case", ended, ended_by FROM holds ORDER BY id'
    for row in connection.exec_driver_sql(query).mappings().all():
        number = row["id"]
        chain.state(What.NOTE, {"hold": dict(row), "why": _FOUND}, number, number, 1)


def _guard_sqlite(name: str, table: str, when: str, refused: str, words: str) -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {refused} "
        f"BEGIN SELECT RAISE(ABORT, '{words}'); END",
    )


def _guard_postgresql(
    name: str, table: str, when: str, refused: str, words: str
) -> tuple[str, ...]:
    answer = "OLD" if when == "DELETE" else "NEW"
    no = f"RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation';"
    guards = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {refused} THEN {no} END IF; RETURN {answer}; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
    return guards if when != "DELETE" else (*guards, *_not_all(name, table, words))


def _not_all(name: str, table: str, words: str) -> tuple[str, ...]:
    """There, TRUNCATE is no deletion of rows."""
    no = f"RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation';"
    return (
        f"CREATE FUNCTION {name}_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {no} END $$",
        f"CREATE TRIGGER {name}_all BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}_all()",
    )
