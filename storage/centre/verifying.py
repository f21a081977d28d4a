"""Whether what the centre holds of a school is as it was sealed at the school.

The chain is followed as `storage.verifying` follows it in the record, over the rows of the centre.
What was purged at the school, and not yet when its later seals came, is missing here until its
tombstone comes too: such seals are *awaited*, which is no fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from storage.centre.address import Address, CentreError
from storage.centre.kept_rows import IN_TABLES, KeptRows, Streams
from storage.centre.tables import GAPS, RECORDS, SCHOOLS, SEALS
from storage.events import LARGEST_ID, reference
from storage.instants import from_microseconds
from storage.sealed_rows import Broken
from storage.sealing import Head, What, digest_of, link
from storage.verifying import Break, Purged, Verdict

type Told = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Held:
    """What the centre holds of one record of a school.

    `awaited` seals were purged before they came, and their tombstones have not come; `thinned` ones
    the school had thinned out by rule when their record was no longer in use, so that their rows
    cannot be held against them.
    """

    school: str
    record: str
    verdict: Verdict
    awaited: int
    thinned: int


def verify_at(
    address: Address,
    school: str | None,
    heads: Sequence[tuple[int, str]] = (),
    progress: Told = lambda events: None,
) -> tuple[Held, ...]:
    """Checks all that the centre holds of a school, the record in use last.

    `school` may be None for a school's own role, which sees no other. `heads`, numbers and digests,
    must be part of the record in use. `progress` is told now and then how many events were checked.
    Raises CentreError.
    """
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        address.explained(),
        address.engine().connect().execution_options(**options) as connection,
        connection.begin(),
    ):
        names = connection.execute(select(SCHOOLS.c.number, SCHOOLS.c.name)).all()
        found = [row for row in names if school in (None, row.name)]
        if len(found) != 1:
            known = ", ".join(sorted(row.name for row in names)) or "none yet"
            raise CentreError(
                f"Name one of the centre's schools with --school: {known}."
                if len(names) != 1
                else f"The centre lets this role see {known} only."
            )
        query = select(RECORDS).where(RECORDS.c.school == found[0].number).order_by(RECORDS.c.heard)
        records = connection.execute(query).all()
        return tuple(
            _Check(connection, row, dict(heads) if row is records[-1] else {}, progress).run(
                found[0].name
            )
            for row in records
        )


class _Check:
    """One walk through one record."""

    def __init__(
        self, connection: Connection, record: Row[Any], heads: dict[int, str], progress: Told
    ) -> None:
        self._connection, self._record, self._heads = connection, record, heads
        self._progress = progress
        self._number, self._digest = record.after, record.after_digest.hex()
        self._at: Any = None
        self._since: Any = None
        self._seals = self._events = self._awaited = self._thinned = 0
        self._purged: list[Purged] = []
        self._stretches: dict[int, tuple[int, str, bool]] = {}  # by last: first, digest, awaited
        self._streams = Streams(connection)
        self._rows = {what: KeptRows(self._streams, record.number, what) for what in IN_TABLES}

    def run(self, school: str) -> Held:
        broken = None
        number, at = self._number + 1, None
        try:
            self._read_stretches()
            query = select(SEALS).where(SEALS.c.record == self._record.number)
            for seal in self._streams.rows(query.order_by(SEALS.c.number)):
                number, at = seal.number, from_microseconds(seal.at)
                self._close_gap(number)
                self._check(seal)
            number, at = self._number + 1, None
            self._end()
        except Broken as error:
            broken = Break(number, self._at, at, str(error))
        finally:
            self._streams.close()
        head = Head(self._number, self._digest, self._at) if self._at else None
        verdict = Verdict(
            self._seals, self._events, self._since, self._at, head, tuple(self._purged), (), broken
        )
        return Held(school, self._record.record, verdict, self._awaited, self._thinned)

    def _read_stretches(self) -> None:
        own = GAPS.c.record == self._record.number
        for gap in self._connection.execute(select(GAPS).where(own, GAPS.c.tombstone.is_(None))):
            self._stretches[gap.last] = gap.first, gap.digest.hex(), True
        tombstones = select(SEALS.c.facts).where(
            SEALS.c.record == self._record.number, SEALS.c.what == What.PURGE.value
        )
        for (facts,) in self._streams.rows(tombstones):
            for first, last, digest in json.loads(facts)["gaps"]:
                self._stretches[last] = first, digest, False

    def _close_gap(self, number: int) -> None:
        """Goes on to just before `number`, over seals that a purge has removed."""
        last = number - 1
        if last == self._number:
            return
        while last > self._number:
            if last not in self._stretches:
                raise Broken(f"Seal {last} is missing, and no purge has removed it.")
            first, _, awaited = self._stretches[last]
            self._awaited += last - max(first, self._number + 1) + 1 if awaited else 0
            last = first - 1
        for passed in [each for each in self._heads if self._number < each < number - 1]:
            del self._heads[passed]  # gone, so that it cannot be compared
        self._number, self._digest = number - 1, self._stretches[number - 1][1]
        self._compare()

    def _check(self, seal: Any) -> None:
        if seal.thinned:
            self._thinned += 1
            self._rows[What(seal.what)].of(seal.number)
            digest = seal.digest.hex()
        else:
            if seal.what in IN_TABLES:
                rows = self._rows[What(seal.what)].of(seal.number)
                if len(rows) != seal.rows:
                    raise Broken(
                        f"Seal {seal.number} stands for {seal.rows} {seal.what}, from"
                        f" {_name(seal.first)} to {_name(seal.last)}, and the centre has"
                        f" {len(rows)} of them."
                    )
                inside = digest_of("[" + ",".join(rows) + "]")
            else:
                inside = digest_of(seal.facts or "")
            span = (seal.first, seal.last, seal.rows)
            digest = link(self._digest, seal.number, seal.what, seal.at, *span, inside)
            if digest != seal.digest.hex():
                raise Broken(
                    f"Seal {seal.number} ({seal.what}, {_name(seal.first)} to {_name(seal.last)})"
                    " or what it stands for was changed at the centre."
                )
        self._number, self._digest = seal.number, digest
        self._compare()
        self._at = from_microseconds(seal.at)
        self._since = self._since or self._at
        self._seals += 1
        if seal.what == What.EVENTS:
            before, self._events = self._events, self._events + seal.rows
            if before // 50_000 != self._events // 50_000:
                self._progress(self._events)
        elif seal.what == What.PURGE:
            facts = json.loads(seal.facts)
            since, until = from_microseconds(facts["from"]), from_microseconds(facts["to"])
            self._purged.append(
                Purged(
                    *(seal.number, self._at, seal.rows, since, until, facts["why"]),
                    facts.get("of", "events"),
                )
            )

    def _compare(self) -> None:
        if self._heads.pop(self._number, self._digest) != self._digest:
            raise Broken(f"Seal {self._number} is not the one that the given head names.")

    def _end(self) -> None:
        for what, rows in self._rows.items():
            if (seal := rows.left()) is not None:
                raise Broken(f"The centre has {what} of a seal {seal} that it does not have.")
        if (self._number, self._digest) != (self._record.last, self._record.digest.hex()):
            raise Broken(
                f"The centre took seals up to {self._record.last}, and has them up to"
                f" {self._number}."
            )
        if self._heads:
            raise Broken(
                f"The centre holds seals up to {self._number}, and the given head is seal"
                f" {max(self._heads)}: the newest part has not come yet, or was taken away."
            )


def _name(event: int) -> str:
    return reference(event) if 0 <= event <= LARGEST_ID else str(event)
