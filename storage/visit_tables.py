"""The tables of acts and visits, of repeats, and of what each writer wrote last.

They lie beside the events and never change them. Acts are a person's together and in order, with
when the page was last in use, and go when the events go; visits stay longer, which is why they are
stored at all (retention: events 90 days, visits twelve months).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, Table, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.instants import Instant
from storage.models import Base, EventId


class ActRow(Base):
    """One act of a person: see `storage.visits.Act`. `id` is its event's."""

    __tablename__ = "acts"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy reads it once

    person: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    site: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    inside: Mapped[bool] = mapped_column(Boolean)
    seen: Mapped[datetime | None] = mapped_column(Instant)


class VisitRow(Base):
    """One visit of a person: see `storage.visits.Visit`. `seal` is the seal that stands for it."""

    __tablename__ = "visits"
    __table_args__ = (Index("visits_seal", "seal"), {"sqlite_with_rowid": False})

    person: Mapped[str] = mapped_column(Text, primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    site: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    rule: Mapped[str | None] = mapped_column(Text)
    began: Mapped[datetime] = mapped_column(Instant)
    last: Mapped[datetime] = mapped_column(Instant)
    ended: Mapped[datetime | None] = mapped_column(Instant)
    acts: Mapped[int] = mapped_column(Integer)
    at_least: Mapped[int] = mapped_column(BigInteger)
    at_most: Mapped[int | None] = mapped_column(BigInteger)
    seal: Mapped[int | None] = mapped_column(BigInteger)


class UnsettledRow(Base):
    """A person whose visits from the act `since` on have to be worked out again."""

    __tablename__ = "unsettled"

    person: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[int] = mapped_column(BigInteger)


class RepeatRow(Base):
    """How often a refused request was made again within a minute of the last time."""

    __tablename__ = "repeats"

    event: Mapped[int] = mapped_column(EventId, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)


class WriterRow(Base):
    """The last batch of tallies that a writer committed, so that none is added twice."""

    __tablename__ = "writers"

    writer: Mapped[str] = mapped_column(Text, primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(Instant)


ACTS: Table = Base.metadata.tables["acts"]
VISITS: Table = Base.metadata.tables["visits"]
UNSETTLED: Table = Base.metadata.tables["unsettled"]
REPEATS: Table = Base.metadata.tables["repeats"]
WRITERS: Table = Base.metadata.tables["writers"]
