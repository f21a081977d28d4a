"""The tables, and who may see what: a school its own rows, and nobody writes but the functions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_S = "schoolgate"
_NOW = sa.func.now()
_OF_SCHOOLS = (
    "records", "seals", "gaps", "events", "completions", "corrections", "forgotten",
)  # fmt: skip


def upgrade() -> None:
    for role in ("schoolgate_school", "schoolgate_reader"):
        # Roles belong to the whole server, where another centre may have made them.
        op.execute(
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
            f"THEN CREATE ROLE {role} NOLOGIN; END IF; END $$"
        )
        op.execute(f"GRANT USAGE ON SCHEMA {_S} TO {role}")
    _make_tables()
    # session_user, which no SET ROLE changes: whoever signed in, and nobody else.
    op.execute(
        f"CREATE FUNCTION {_S}.my_school() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER "  # noqa: S608
        f"SET search_path = pg_catalog, pg_temp "
        f"AS 'SELECT number FROM {_S}.schools WHERE role = session_user'"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {_S}.my_school() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_S}.my_school() TO schoolgate_school")
    for table, column in (("schools", "number"), *((name, "school") for name in _OF_SCHOOLS)):
        op.execute(f"ALTER TABLE {_S}.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_school ON {_S}.{table} FOR SELECT TO schoolgate_school "
            f"USING ({column} = (SELECT {_S}.my_school()))"
        )
        op.execute(f"GRANT SELECT ON {_S}.{table} TO schoolgate_school")
    op.execute(f"GRANT SELECT ON {_S}.alembic_version TO schoolgate_school")


def _make_tables() -> None:
    op.create_table(
        "schools",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("role", sa.Text(), nullable=False, unique=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        schema=_S,
    )
    op.create_table(
        "records",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("school", sa.Integer(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("after_digest", sa.LargeBinary(), nullable=False, server_default=""),
        sa.Column("last", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("digest", sa.LargeBinary(), nullable=False, server_default=""),
        sa.Column("begun", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.UniqueConstraint("school", "record"),
        sa.ForeignKeyConstraint(["school"], [f"{_S}.schools.number"]),
        schema=_S,
    )
    _of_a_record(
        "seals",
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text()),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("taken", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("thinned", sa.Boolean(), nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("record", "number"),
    )
    _of_a_record(
        "gaps",
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("tombstone", sa.BigInteger()),
        sa.PrimaryKeyConstraint("record", "last"),
    )
    texts = dict.fromkeys(("source", "address", "site", "host", "scheme", "method"), False)
    _of_a_record(
        "events",
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text()),
        *(sa.Column(name, sa.Text(), nullable=null) for name, null in texts.items()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("clause", sa.Text()),
        sa.Column("path", sa.Text()),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Integer()),
        sa.Column("action", sa.Text()),
        sa.Column("inside", sa.Boolean()),
        sa.Column("more", JSONB()),
        sa.PrimaryKeyConstraint("record", "seal", "id"),
    )
    op.create_index("events_id", "events", ["record", "id"], unique=True, schema=_S)
    _of_a_record(
        "completions",
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("bytes_up", sa.BigInteger()),
        sa.Column("bytes_down", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("record", "seal", "event"),
    )
    _of_a_record(
        "corrections",
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("clause", sa.Text()),
        sa.PrimaryKeyConstraint("record", "seal", "event"),
    )
    for table in ("completions", "corrections"):
        columns = ["record", "event"]
        op.create_index(f"{table}_event", table, columns, unique=True, schema=_S)
    _of_a_record(
        "forgotten",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
    )


def _of_a_record(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("school", sa.Integer(), nullable=False),
        sa.Column("record", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["record"], [f"{_S}.records.number"]),
        schema=_S,
    )
