"""Whether the record is as it was written, from when to when, and where it first is not.

The chain is followed from its beginning, in the order of the seals, while the events are read once
in the order of their ids; both rise with time, so little has to be held meanwhile. Each seal is
worked out anew from the rows that are there. What `storage.sealing` says of the canonical form is
all that this goes by: nothing here trusts a trigger, a count or a clock. Once the chain is known to
be whole, what lies beside it is compared with it (`storage.agreement`).

What a chain cannot show by itself is that its newest end was cut off, rows and seals together.
For that, the head of an earlier day is given, from wherever it was kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from storage.agreement import check_acts_and_visits
from storage.agreement_of_counts import check_counts
from storage.agreement_of_holds import check_holds
from storage.chain_facts import ChainFacts
from storage.connections import Database
from storage.events import reference
from storage.faults import RecordError
from storage.guards import missing_guards
from storage.instants import from_microseconds
from storage.odd_values import any_text, printable
from storage.seal_rows import Seal, misfit, newest_seal, seals_in_order, tombstones
from storage.sealed_rows import Broken, SealedRows
from storage.sealing import IN_ROWS, Head, What, digest_of, link


@dataclass(frozen=True, slots=True)
class Purged:
    """What a tombstone says: so many events (or, if it is `of` visits, access or bindings, visits,
    steps of access or bindings) from `since` to `until` (aware UTC) were removed.
    """

    seal: int
    at: datetime
    events: int
    since: datetime
    until: datetime
    why: str
    of: str = "events"


@dataclass(frozen=True, slots=True)
class Break:
    """Where the record first is not as it was written, in one sentence.

    `seal` is the number of the seal that shows it; `after` and `by` (aware UTC) are the times of
    the seal before it and of the seal itself, as far as there are such. Where the chain is whole
    and something beside it does not agree with it, or the triggers are missing, there are none.
    """

    seal: int | None
    after: datetime | None
    by: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found whole: `seals` and `events`, sealed from `since` to `until` (aware UTC).

    With `broken`, that is what comes before the break. `unchecked` are heads of seals that a purge
    has removed since, so that they could not be compared.
    """

    seals: int
    events: int
    since: datetime | None
    until: datetime | None
    head: Head | None
    purged: tuple[Purged, ...]
    unchecked: tuple[str, ...]
    broken: Break | None


def head(database: Database) -> Head | None:
    """The newest seal, None in an empty record. Raises RecordError."""
    with database.reading() as connection:
        seal = newest_seal(connection)
    if isinstance(seal, int):
        raise RecordError(database.damaged)
    return seal and Head(seal.number, seal.digest.hex(), from_microseconds(seal.at))


def verify(
    database: Database,
    heads: Sequence[str] = (),
    progress: Callable[[int], object] = lambda events: None,
) -> Verdict:
    """Checks the whole record, and that each of `heads` (as `Head` writes them) is part of it.

    `progress` is told now and then how many events were checked. Raises RecordError when the
    record cannot be read, and ValueError for what is no head.
    """
    wanted = dict(parsed_head(text) for text in heads)
    with database.reading() as connection:
        return _Check(connection, wanted, progress).run()


def parsed_head(text: str) -> tuple[int, str]:
    """Number and digest of a head as `Head` writes it. Raises ValueError for what is none."""
    number, colon, digest = text.strip().partition(":")
    digest = digest.strip().lower()
    if not (colon and number.isdecimal() and len(digest) == 64 and set(digest) <= set(_HEX)):
        raise ValueError(
            f"{text.strip()[:80]!r} is not a head: it is a number, a colon and 64 letters and "
            "digits, as 'schoolgate record head' prints it."
        )
    return int(number), digest


_HEX: Final = "0123456789abcdef"
_NEVER_WRITTEN: Final = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
"""What values come to that the program never writes, and that fit the chain all the same."""


class _Check:
    """One walk through the record."""

    def __init__(
        self, connection: Connection, heads: dict[int, str], progress: Callable[[int], object]
    ) -> None:
        self._heads = heads
        self._rows = SealedRows(connection, progress)
        self._connection = connection
        self._facts = ChainFacts()
        self._unchecked: list[str] = []
        self._purged: list[Purged] = []
        self._gaps: dict[int, tuple[int, str]] = {}
        self._seals = self._events = self._number = 0
        self._digest = ""
        self._since: datetime | None = None
        self._at: datetime | None = None

    def run(self) -> Verdict:
        broken = None
        number: int | None = 0
        after = at = None
        try:
            self._read_tombstones()
            with closing(self._rows), closing(seals_in_order(self._connection)) as seals:
                for seal in seals:
                    number, after, at = self._number + 1, self._at, None
                    if isinstance(seal, int):
                        number = seal
                        raise misfit(seal)
                    number, at = seal.number, from_microseconds(seal.at)
                    self._close_gap(seal.number)
                    self._check(seal)
                number, after, at = self._number + 1, self._at, None
                self._end()
            number = after = None
            self._check_beside()
        except Broken as error:
            broken = Break(number, after, at, printable(str(error)))
        whole = Head(self._number, self._digest, self._at) if self._at else None
        return Verdict(
            self._seals,
            self._events,
            self._since,
            self._at,
            whole,
            tuple(self._purged),
            tuple(self._unchecked),
            broken,
        )

    def _check_beside(self) -> None:
        """Whether what lies beside the chain agrees with it."""
        try:
            with any_text(self._connection):
                check_holds(self._connection, self._facts)
                check_acts_and_visits(self._connection, self._facts)
                check_counts(self._connection, self._facts)
        except (TypeError, ValueError, OverflowError) as error:
            raise Broken(
                "What is kept beside the events holds a value of a kind that is never written."
            ) from error
        if missing := missing_guards(self._connection):
            raise Broken(
                "Triggers of the record are missing or were changed, so that what they refuse may "
                f"have been done: {', '.join(missing)}. A start of Schoolgate puts them back."
            )

    def _read_tombstones(self) -> None:
        for told in tombstones(self._connection):
            try:
                for first, last, digest in json.loads(told or "")["gaps"]:
                    self._gaps[int(first)] = (int(last), str(digest))
            except _NEVER_WRITTEN:
                continue  # its own digest will not fit either, and it is named when its turn comes

    def _close_gap(self, number: int) -> None:
        """Goes on to just before `number`, over seals that a purge has removed."""
        while self._number + 1 < number:
            missing = self._number + 1
            if missing == 1 or missing not in self._gaps or self._gaps[missing][0] >= number:
                raise Broken(f"Seal {missing} is missing, and no purge has removed it.")
            last, digest = self._gaps[missing]
            for passed in [each for each in self._heads if missing <= each <= last]:
                value = self._heads.pop(passed)
                if passed != last:
                    self._unchecked.append(f"{passed}:{value}")
                elif value != digest:
                    raise Broken(f"Seal {passed} is not the one that the given head names.")
            self._number, self._digest = last, digest

    def _check(self, seal: Seal) -> None:
        if seal.what in IN_ROWS:
            inside = self._rows.content_of(seal)
        elif seal.facts is None:
            raise Broken("A seal without its facts.")
        else:
            inside = digest_of(seal.facts)
        span = (seal.first, seal.last, seal.rows)
        digest = link(self._digest, seal.number, seal.what, seal.at, *span, inside)
        if digest != seal.digest.hex():
            raise Broken(_changed(seal))
        if (wanted := self._heads.pop(seal.number, digest)) != digest:
            raise Broken(
                f"Seal {seal.number} is not the one that the given head names "
                f"({wanted[:12]}...): the record was written anew up to there, or it is another."
            )
        if (seal.what == What.BEGIN) is not (seal.number == 1):
            raise Broken(
                f"Seal {seal.number} ({seal.what}) is not at its place: a record begins once."
            )
        try:
            self._learn(seal)
        except _NEVER_WRITTEN as error:
            raise Broken(f"Seal {seal.number} ({seal.what}) says what is never written.") from error
        self._seals += 1
        self._events += seal.rows if seal.what == What.EVENTS else 0
        self._number, self._digest, self._at = seal.number, digest, from_microseconds(seal.at)
        self._since = self._since or self._at

    def _learn(self, seal: Seal) -> None:
        self._facts.learn(seal)
        if seal.what == What.PURGE:
            facts = json.loads(seal.facts or "")
            self._purged.append(
                Purged(
                    seal.number,
                    from_microseconds(seal.at),
                    seal.rows,
                    from_microseconds(facts["from"]),
                    from_microseconds(facts["to"]),
                    facts["why"],
                    facts.get("of", "events"),
                )
            )

    def _end(self) -> None:
        if not self._seals:
            raise Broken(
                "The record has not even its first seal, which every record begins with: all that "
                "was sealed has been taken away."
            )
        self._rows.end(self._number)
        if self._heads:
            newest = max(self._heads)
            raise Broken(
                f"The chain ends with seal {self._number}, and the given head is seal {newest}: "
                "the newest part of the record is missing."
            )


def _changed(seal: Seal) -> str:
    if seal.what not in IN_ROWS:
        return f"Seal {seal.number} ({seal.what}) was changed."
    if seal.what == What.ACCESS:
        steps = f"{seal.first}" if seal.first == seal.last else f"{seal.first} to {seal.last}"
        return (
            f"Step {steps} of access: it is not as it was written, or its seal {seal.number} was "
            "changed."
        )
    span = reference(seal.first)
    if seal.last != seal.first:
        span += f" to {reference(seal.last)}"
    thing = {
        What.EVENTS: "Event",
        What.CORRECTIONS: "Correction of",
        What.COMPLETIONS: "End of",
        What.VISITS: "Visit",
    }[What(seal.what)]
    return f"{thing} {span}: it is not as it was written, or its seal {seal.number} was changed."
