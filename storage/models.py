"""The tables of the record. `migrations/` makes them; a test holds the two together.

What a row may hold is decided in the design: who, when, site, host, kind, verdict, reason and
sizes; a path only where a rule needed it. There is no column for a query, a cookie, a title or a
body, so none can be kept by mistake.

The indexes are few on purpose. An event's id rises with time, so the primary key also finds a
period and a purge; every other index would be paid for at each insert. Figures come from
`counts`, which the writer keeps in the same transaction as the events it counts, so the two agree
after any crash.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from storage.instants import Instant

NO_LONGER_NAMED: Final = "*"
"""Stands in the counts for everyone whose figures there were once (`storage.purging_figures`)."""

# SQLite gives a table's own row number, and so the fastest key, only to a column spelt INTEGER.
EventId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "pk": "%(table_name)s_key",
        }
    )


class EventRow(Base):
    """One request that was decided. Status, sizes and end come later, in the completion.

    `confidence` is how sure it was, from 0 to 100, that it was this person; rows of before it was
    kept have none. `action` and `inside` are set for acts alone (`storage.visits`). `seal` and
    `ended_seal` are the seals that stand for the event and for its completion. Columns that come
    later must be nullable: see `storage.sealing`.
    """

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    person: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    site: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(Text)
    scheme: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    allowed: Mapped[bool] = mapped_column(Boolean)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    clause: Mapped[str | None] = mapped_column(Text)
    path: Mapped[str | None] = mapped_column(Text)
    policy: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None] = mapped_column(Integer)
    bytes_up: Mapped[int | None] = mapped_column(BigInteger)
    bytes_down: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    confidence: Mapped[int | None] = mapped_column(Integer)
    seal: Mapped[int | None] = mapped_column(BigInteger)
    ended_seal: Mapped[int | None] = mapped_column(BigInteger)
    action: Mapped[str | None] = mapped_column(Text)
    inside: Mapped[bool | None] = mapped_column(Boolean)


class CountRow(Base):
    """How many events there were in an hour, a day and a week, by site, person, kind and verdict.

    `span` is the length in hours (`storage.spans`) and `start` is in whole hours since 1970 UTC, so
    that a school's day can be cut out of it in summer and winter. An unidentified device has the
    person '' because a key cannot be empty, and what is too old to name anyone `NO_LONGER_NAMED`.
    Ordered by time: the rows that change are neighbours,
    and old ones go in one sweep.
    """

    __tablename__ = "counts"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy reads it once

    span: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(Text, primary_key=True)
    person: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    allowed: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)


class CorrectionRow(Base):
    """What an event said before it was corrected from allowed to refused.

    The event itself is changed, so that nobody who reads the record can miss it; the words it was
    first written with are kept here, so that it can still be checked against them.
    """

    __tablename__ = "corrections"

    event: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    clause: Mapped[str | None] = mapped_column(Text)
    seal: Mapped[int | None] = mapped_column(BigInteger)


class SealRow(Base):
    """A link of the chain: see `storage.sealing`.

    `first` and `last` are the lowest and the highest id of the events it concerns.
    """

    __tablename__ = "seals"

    number: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=False)
    what: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(Integer)
    facts: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class HoldRow(Base):
    """A legal hold: while it has not ended, a purge leaves the person's events where they are.

    `case` is what it is for, if that was said. Its seals are in `storage.holds`.
    """

    __tablename__ = "holds"

    id: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=True)
    person: Mapped[str] = mapped_column(Text)
    began: Mapped[datetime] = mapped_column(Instant)
    by: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    ended: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    case: Mapped[str | None] = mapped_column(Text)


class AccessRow(Base):
    """One step in the history of grants and withdrawals. Steps are added and never changed.

    Numbers are not given out twice, so that "after the last one I saw" is always a true question.
    `seal` is the seal that stands for the step.
    """

    __tablename__ = "access"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it once

    id: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(Instant)
    what: Mapped[str] = mapped_column(Text)
    person: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    site: Mapped[str | None] = mapped_column(Text)
    starts: Mapped[datetime | None] = mapped_column(Instant)
    until: Mapped[datetime | None] = mapped_column(Instant)
    purpose: Mapped[str | None] = mapped_column(Text)
    words: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    seal: Mapped[int | None] = mapped_column(BigInteger)


class BindingRow(Base):
    """Who was at an address, from when to when; see `storage.bindings`."""

    __tablename__ = "bindings"
    __table_args__ = (
        Index("bindings_revision", "revision"),
        Index("bindings_ended", "ended"),
    )

    id: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=False)
    person: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    hardware: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    session: Mapped[str] = mapped_column(Text)
    confidence: Mapped[int] = mapped_column(Integer)
    began: Mapped[datetime] = mapped_column(Instant)
    vouched: Mapped[datetime] = mapped_column(Instant)
    ends: Mapped[datetime | None] = mapped_column(Instant)
    ended: Mapped[datetime | None] = mapped_column(Instant)
    why: Mapped[str] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(BigInteger)


EVENTS: Table = Base.metadata.tables["events"]
COUNTS: Table = Base.metadata.tables["counts"]
ACCESS: Table = Base.metadata.tables["access"]
BINDINGS: Table = Base.metadata.tables["bindings"]
CORRECTIONS: Table = Base.metadata.tables["corrections"]
SEALS: Table = Base.metadata.tables["seals"]
HOLDS: Table = Base.metadata.tables["holds"]
