"""Intervals as rows of the record, and back."""

from __future__ import annotations

from addon.identity.intervals import Interval
from rules.identity import Source
from storage.bindings import Binding


def row_of(interval: Interval) -> Binding:
    """The interval as the record keeps it."""
    return Binding(
        id=interval.id,
        person=interval.person,
        address=interval.address,
        hardware=interval.hardware,
        source=interval.source,
        session=interval.session,
        confidence=interval.start,
        began=interval.began,
        vouched=interval.vouched,
        ends=interval.ends,
        ended=interval.ended,
        why=interval.why,
    )


def interval_of(row: Binding) -> Interval | None:
    """The interval of a row; None where its source is one that this version does not know."""
    try:
        source = Source(row.source)
    except ValueError:
        return None
    return Interval(
        row.id, row.person, row.address, row.hardware, source, row.session,
        row.began, row.vouched, row.ends, row.ended, row.why,
    )  # fmt: skip
