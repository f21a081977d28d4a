"""Who is behind an address, from the devices the policy names."""

from __future__ import annotations

from dataclasses import dataclass

from rules.policy import Policy
from rules.request import Person


@dataclass(frozen=True, slots=True)
class Identification:
    """A person, and how we know; no person and no source for an unidentified device."""

    person: Person | None
    source: str


UNIDENTIFIED = Identification(None, "")


def person_at(policy: Policy, address: str) -> Identification:
    """Who the policy says is at `address`, a canonical IP address."""
    person = policy.people.get(policy.addresses.get(address, ""))
    return Identification(person, "address") if person else UNIDENTIFIED
