"""What a source says of one person, from their arrival to their departure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rules.identity import Source

type SessionKey = tuple[Source, str]


@dataclass(frozen=True, slots=True)
class Session:
    """What one source says of one person. `address` and `hardware` are '' where it does not say.

    `key` tells the source's sessions apart; `vouched` is when it was last sure, `ends` a known end.
    Somebody who is not `known` to the policy has their place, and nobody is named there.
    """

    source: Source
    key: str
    person: str
    vouched: datetime
    address: str = ""
    hardware: str = ""
    ends: datetime | None = None
    known: bool = True

    @property
    def follows(self) -> bool:
        """Whether it holds at other addresses of the device too. Leases and neighbours are each
        about the one address that they were seen with.
        """
        return bool(self.hardware) and self.source not in (Source.DEVICE, Source.LEASE)


def same(one: Session, other: Session) -> bool:
    """Whether two reports of one session can be of the same person, place and device."""
    return (
        one.person == other.person
        and (not other.address or not one.address or one.address == other.address)
        and (not other.hardware or not one.hardware or one.hardware == other.hardware)
    )


def only_seen(session: Session) -> bool:
    """Whether the session is itself made from a sighting."""
    return session.source in (Source.DEVICE, Source.LEASE)
