"""Who is at an address: what all sources say of it, weighed against each other.

The sources that are sure enough have to agree. Where they do not, nobody is taken to be there (or
the first source is believed, if the policy says so): a record that names the wrong person is worse
than none. On a device that several people use, only who signed in there counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from addon.identity.intervals import Interval
from rules.identity import PERSONAL, Disagreement, Identity, Source


class Claim(NamedTuple):
    """What one source says: who, and how sure (0 to 100)."""

    person: str
    source: Source
    confidence: int


class Known(NamedTuple):
    """Who it is, by which source, and how sure; without a person, how sure the best guess was."""

    person: str | None
    source: str
    confidence: int
    disagree: bool = False


NOBODY: Final = Known(None, "", 0)


def weigh(claims: Sequence[Claim], identity: Identity, needed: int) -> Known:
    """The one answer to several claims. `needed` is the policy's confidence, 0 to 100."""
    order = identity.sources
    if len(claims) == 1:
        # The usual case, said once more in short: it is asked for each request.
        person, source, confidence = claims[0]
        if confidence and source in order:
            sure_enough = confidence >= needed
            return Known(person, source, confidence) if sure_enough else Known(None, "", confidence)
        return NOBODY
    counted = [claim for claim in claims if claim.source in order and claim.confidence > 0]
    sure = [claim for claim in counted if claim.confidence >= needed]
    if not sure:
        best = max((claim.confidence for claim in counted), default=0)
        return Known(None, "", best) if best else NOBODY
    first = sure[0] if len(sure) == 1 else min(sure, key=lambda one: order.index(one.source))
    agreeing = [claim for claim in sure if claim.person == first.person]
    if len(agreeing) < len(sure):
        # Two claims of one rank name two people: their order cannot decide between them.
        tied = any(c.source is first.source for c in sure if c.person != first.person)
        if tied or identity.disagreement is Disagreement.NOBODY:
            return Known(None, "", 0, disagree=True)
    return Known(first.person, first.source, max(claim.confidence for claim in agreeing))


class Bindings:
    """The intervals that are open now, by address. Reading needs no lock.

    A list of intervals is never changed once it can be seen, only replaced.
    """

    def __init__(self) -> None:
        self._at: dict[str, tuple[Interval, ...]] = {}

    def put(self, interval: Interval) -> None:
        """Takes in an interval as it is now; one that has ended is forgotten."""
        others = tuple(i for i in self._at.get(interval.address, ()) if i.id != interval.id)
        if interval.ended is None:
            self._at[interval.address] = (*others, interval)
        elif others:
            self._at[interval.address] = others
        else:
            self._at.pop(interval.address, None)

    def replace(self, intervals: Iterable[Interval]) -> None:
        """Forgets everything and takes these in."""
        fresh = Bindings()
        for interval in intervals:
            fresh.put(interval)
        self._at = fresh._at

    def at(self, address: str) -> tuple[Interval, ...]:
        """The open intervals of a canonical IP address."""
        return self._at.get(address, ())

    def of(self, person: str) -> list[Interval]:
        """The open intervals of a person."""
        return [i for found in list(self._at.values()) for i in found if i.person == person]

    def everyone(self) -> list[Interval]:
        """All open intervals."""
        return [i for found in list(self._at.values()) for i in found]

    def claims(self, address: str, now: datetime, shared: frozenset[str]) -> list[Claim]:
        """What the sources say of an address now."""
        found = self._at.get(address)
        if not found:
            return []
        claims = [Claim(i.person, i.source, i.confidence(now)) for i in found]
        if shared and (address in shared or any(i.hardware in shared for i in found)):
            return [claim for claim in claims if claim.source in PERSONAL]
        return claims
