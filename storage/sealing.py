"""The chain of seals: how it can be told later that the record is as it was written.

Whatever a transaction writes it seals: it adds one row to `seals` for each kind of thing it wrote,
and that row's digest covers the seal before it and everything that this one stands for. Whoever
knows one digest therefore holds everything up to it, and a row that is changed, taken out, put in
or moved shows. `storage.verifying` looks; `record head` prints the newest digest, so that it can
be kept where nobody who can write the record can write.

What a seal stands for, by its `what`:

    events        the events of one batch, as they were first written
    corrections   what events said before they were corrected
    completions   how events ended: a second, later write
    visits        visits of people that are over (`storage.visit_seals`)
    no-acts       events that only led elsewhere, and so are in no visit
    access        steps in the history of grants and withdrawals
    purge         a tombstone: which events, visits, steps or bindings were removed, and why
                  (`storage.purging`)
    begin, note   something that happened to the record itself, or to a legal hold, which a note
                  has as it stands from then on (`storage.holds`)

An event's columns `seal` and `ended_seal` say which seals stand for it and for its completion, and
a visit's column `seal` which stands for it. So a batch may hold the events of any number of workers
in any order, and one transaction after another takes the chain further, each under the write lock.

The canonical form, for whoever wants to check without this program:

    content   the rows of one seal in the order of their ids, as one JSON document: an array of
              arrays, without spaces, in UTF-8, escaping nothing that need not be; times are
              microseconds since 1970, yes and no are 1 and 0. An event's columns are those of
              `storage.writing.EVENT_COLUMNS`; nulls at the end of a row are left off, so that
              a column added later changes nothing already sealed. A completion is its id, status,
              bytes_up, bytes_down, ended_at; a correction its event, outcome, reason, rule, clause;
              a visit the columns of `storage.visit_seals.COLUMNS`; a step of access those of
              `storage.access_steps.Step`, in their order. For the other kinds it is the text in
              `facts`.
    digest    SHA-256 of the JSON array [digest of the seal before, number, what, at, first, last,
              rows, SHA-256 of the content], digests in hexadecimal, and "" before the first.

`first` and `last` are the ids of what a seal stands for: of steps for `access` and for a tombstone
whose facts say `"of": "access"`, of bindings where they say `"of": "bindings"`, of the hold for a
note about one, and of events for all others.

Not sealed are:

    bindings            who was at which address. Triggers refuse that they are reworded or removed
                        but by a purge; whoever gets past these can forge one, and no seal shows it.
                        What an event says of its person and address is sealed with the event.
    counts of embeds    and of all that a page or an app did by itself: it is only counted
                        (`storage.tallies`), so nothing but the count itself shows that it is as it
                        was written.
    acts, other counts, follow from the events, and `storage.agreement` compares them while the
    repeats             events last.
    visits              of the last two days, which may still change; they are compared likewise.
                        When a page was last in use shows once its visit is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select

from storage.instants import from_microseconds, to_microseconds
from storage.models import SEALS

type Values = Sequence[int | str | None]


class What(StrEnum):
    """What a seal stands for."""

    EVENTS = "events"
    CORRECTIONS = "corrections"
    COMPLETIONS = "completions"
    VISITS = "visits"
    NO_ACTS = "no-acts"
    ACCESS = "access"
    PURGE = "purge"
    BEGIN = "begin"
    NOTE = "note"


IN_ROWS: Final = (What.EVENTS, What.CORRECTIONS, What.COMPLETIONS, What.VISITS, What.ACCESS)
"""Kinds whose content is rows of other tables; the others have it in `facts`."""

_newest = select(SEALS.c.number, SEALS.c.digest).order_by(SEALS.c.number.desc()).limit(1)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_AT_A_TIME = 64  # rows encoded in one go; other threads get a turn in between


@dataclass(frozen=True, slots=True)
class Head:
    """A seal's number and digest, and when it was made (aware UTC): the newest, as a rule."""

    number: int
    digest: str
    at: datetime

    def __str__(self) -> str:
        """As `record head` prints it and `record verify --head` reads it."""
        return f"{self.number}:{self.digest}"


class Sealed(NamedTuple):
    """What one seal stands for; it takes no lock to go through the rows."""

    first: int
    last: int
    rows: int
    inside: str  # the digest of the rows, in hexadecimal


class Chain:
    """The end of the chain, for the transaction that holds the write lock."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        """`now` (aware) is what the new seals will say as their time."""
        self._connection = connection
        self._at = to_microseconds(now)
        newest = connection.execute(_newest).first()
        self._number: int = newest[0] if newest else 0
        self._digest: str = newest[1].hex() if newest else ""

    @property
    def next(self) -> int:
        """The number of the seal that comes next."""
        return self._number + 1

    def note(self, why: str, **facts: str) -> None:
        """Puts down something that happened to the record itself."""
        self.state(What.NOTE, {"why": why, **facts})

    def seal(self, what: What, rows: Sequence[Values]) -> None:
        """Seals rows, in any order, that say `next` is their seal; the first column is the id.

        Without rows, it does nothing.
        """
        if rows:
            self.add(what, sealed(rows))

    def add(self, what: What, sealed: Sealed) -> None:
        """Seals rows that were gone through before."""
        self._add(what, *sealed, None)

    def state(
        self, what: What, facts: Mapping[str, Any], first: int = 0, last: int = 0, rows: int = 0
    ) -> None:
        """Seals facts about the record, which concern `rows` rows from `first` to `last`."""
        text = _encode(facts)
        self._add(what, first, last, rows, digest_of(text), text)

    def _add(
        self, what: What, first: Any, last: Any, rows: int, inside: str, facts: str | None
    ) -> None:
        number = self.next
        digest = link(self._digest, number, what, self._at, first, last, rows, inside)
        row = {
            "number": number,
            "what": what.value,
            "at": from_microseconds(self._at),
            "first": first,
            "last": last,
            "rows": rows,
            "facts": facts,
            "digest": bytes.fromhex(digest),
        }
        self._connection.execute(insert(SEALS), row)
        self._number, self._digest = number, digest


def plain(row: Iterable[Any]) -> list[int | str | None]:
    """A row as it is sealed: times as microseconds, yes and no as 1 and 0."""
    return [
        to_microseconds(v) if isinstance(v, datetime) else int(v) if isinstance(v, bool) else v
        for v in row
    ]


def sealed(rows: Sequence[Values]) -> Sealed:
    """What a seal over rows, in any order, stands for; the first column is the id."""
    ordered: Sequence[Any] = sorted(rows, key=itemgetter(0))
    return Sealed(ordered[0][0], ordered[-1][0], len(rows), content(ordered))


def content(rows: Sequence[Values]) -> str:
    """The digest of rows that are in order, in hexadecimal."""
    pieces = []
    for start in range(0, len(rows), _AT_A_TIME):
        some = [_short(row) for row in rows[start : start + _AT_A_TIME]]
        pieces.append(_encode(some)[1:-1])
    return digest_of("[" + ",".join(pieces) + "]")


def encoded(row: Values) -> str:
    """One row in the canonical form."""
    return _encode(_short(row))


def digest_of(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    # A lone surrogate cannot have been written by us, and must not stop whoever checks.
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def link(
    before: str, number: int, what: str, at: int, first: int, last: int, rows: int, inside: str
) -> str:
    """The digest of a seal, in hexadecimal; `at` in microseconds, `inside` its content's digest."""
    return digest_of(_encode([before, number, what, at, first, last, rows, inside]))


def gaps(connection: Connection, seals: Iterable[int]) -> list[list[Any]]:
    """The stretches that seals make up, each with the digest of its last."""
    gaps: list[list[Any]] = []
    for number in sorted(seals):
        if gaps and gaps[-1][1] == number - 1:
            gaps[-1][1] = number
        else:
            gaps.append([number, number])
    ends = select(SEALS.c.number, SEALS.c.digest).where(SEALS.c.number.in_([g[1] for g in gaps]))
    digests = {number: digest.hex() for number, digest in connection.execute(ends)}
    return [[first, last, digests[last]] for first, last in gaps]


def _short(row: Values) -> Values:
    if row[-1] is not None:
        return row
    end = len(row)
    while end and row[end - 1] is None:
        end -= 1
    return row[:end]
