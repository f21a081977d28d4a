"""The tables of the centre, as `versions/` makes them; a test holds the two together.

What a seal stands for is kept as it was first written, in rows that name their seal and are never
changed: events, completions and corrections each in a table of their own. So a seal can be checked
against its rows at any time, and a tombstone takes rows away by the seals that it names. The view
`happened` joins the three to what is true of an event now.

`school` stands in every row because the policies for row-level security go by it. Times are
microseconds since 1970, as in the record.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage.centre.migrations import SCHEMA

METADATA = MetaData(schema=SCHEMA)

SCHOOLS = Table(
    "schools",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False, unique=True),
    Column("timezone", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""`role` is the only one that forwards for the school."""

RECORDS = Table(
    "records",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("school", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Column("after", BigInteger, nullable=False, server_default="0"),
    Column("after_digest", LargeBinary, nullable=False, server_default=""),
    Column("last", BigInteger, nullable=False, server_default="0"),
    Column("digest", LargeBinary, nullable=False, server_default=""),
    Column("begun", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("heard", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("school", "record"),
    ForeignKeyConstraint(["school"], [f"{SCHEMA}.schools.number"]),
)
"""A school's records: the one in use, and those before it. `record` is the number drawn at random
that its first seal holds. `last` and `digest` are of the newest seal held: the cursor. `after` is
not 0 only for what was left of a record when a copy was put back: its chain goes on from there.
"""

SEALS = Table(
    "seals",
    METADATA,
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("facts", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("taken", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("thinned", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("record", "number"),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)
"""`thinned`: the school forgot some of its rows by rule, in a record no longer in use."""

GAPS = Table(
    "gaps",
    METADATA,
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("tombstone", BigInteger),
    PrimaryKeyConstraint("record", "last"),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)
"""Stretches that were purged before they could be forwarded; `tombstone` once that has come."""

EVENTS = Table(
    "events",
    METADATA,
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("seal", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("person", Text),
    Column("source", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rule", Text),
    Column("clause", Text),
    Column("path", Text),
    Column("policy", Text, nullable=False),
    Column("confidence", Integer),
    Column("action", Text),
    Column("inside", Boolean),
    Column("more", JSONB),
    PrimaryKeyConstraint("record", "seal", "id"),
    Index("events_id", "record", "id", unique=True),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)
"""`more` holds what a newer gateway says of an event beyond these columns, as it was sealed."""

COMPLETIONS = Table(
    "completions",
    METADATA,
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("seal", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("status", Integer),
    Column("bytes_up", BigInteger),
    Column("bytes_down", BigInteger),
    Column("ended_at", BigInteger),
    PrimaryKeyConstraint("record", "seal", "event"),
    Index("completions_event", "record", "event", unique=True),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)

CORRECTIONS = Table(
    "corrections",
    METADATA,
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("seal", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("rule", Text),
    Column("clause", Text),
    PrimaryKeyConstraint("record", "seal", "event"),
    Index("corrections_event", "record", "event", unique=True),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)

FORGOTTEN = Table(
    "forgotten",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("school", Integer, nullable=False),
    Column("record", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("before", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    ForeignKeyConstraint(["record"], [f"{SCHEMA}.records.number"]),
)
"""That events of before an id went from a record no longer in use, because their time was over."""

OF_SCHOOLS = (RECORDS, SEALS, GAPS, EVENTS, COMPLETIONS, CORRECTIONS, FORGOTTEN)
"""Tables in which a school sees its own rows and no other's."""
