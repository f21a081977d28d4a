"""Acts and the visits they make up, repeats of refused requests, and the writers' last batches.

What an event was an act of is a part of the event, and so of its seal.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# The newest seal is the tombstone of a purge, written in the transaction that now removes rows.
_SEALED = (
    "OLD.seal IS NOT NULL AND NOT EXISTS (SELECT 1 FROM seals "
    "WHERE number = (SELECT max(number) FROM seals) AND what = 'purge')"
)
# name, table, when it fires, when it refuses
_GUARDS = (
    ("events_keep_their_signs", "events", "UPDATE OF action, inside", "TRUE"),
    ("sealed_visits_stay", "visits", "DELETE", _SEALED),
    (
        "sealed_visits_keep_their_words",
        "visits",
        "UPDATE OF person, first, site, outcome, rule, began, last, ended, acts, at_least, at_most",
        "OLD.seal IS NOT NULL",
    ),
    ("sealed_visits_keep_their_seal", "visits", "UPDATE OF seal", _SEALED),
)


def upgrade() -> None:
    op.add_column("events", sa.Column("action", sa.Text()))
    op.add_column("events", sa.Column("inside", sa.Boolean()))
    op.create_table(
        "acts",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("inside", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.BigInteger()),
        sa.PrimaryKeyConstraint("person", "id", name="acts_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "visits",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("acts", sa.Integer(), nullable=False),
        sa.Column("at_least", sa.BigInteger(), nullable=False),
        sa.Column("at_most", sa.BigInteger()),
        sa.Column("seal", sa.BigInteger()),
        sa.PrimaryKeyConstraint("person", "first", name="visits_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unsettled",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person", name="unsettled_key"),
    )
    op.create_table(
        "repeats",
        sa.Column("event", _ID, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event", name="repeats_key"),
    )
    op.create_table(
        "writers",
        sa.Column("writer", sa.Text(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer", name="writers_key"),
    )
    op.create_index("visits_seal", "visits", ["seal"])
    for name, table, when, refused in _GUARDS:
        for statement in _guard(op.get_bind().dialect.name, name, table, when, refused):
            op.execute(statement)


def _guard(dialect: str, name: str, table: str, when: str, refused: str) -> tuple[str, ...]:
    words = "The record is sealed: rows change only by completion, correction and purge."
    if dialect == "sqlite":
        return (
            f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END",
        )
    answer = "OLD" if when == "DELETE" else "NEW"
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {refused} THEN RAISE EXCEPTION '{words}' USING ERRCODE = "
        f"'integrity_constraint_violation'; END IF; RETURN {answer}; END $$",
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
