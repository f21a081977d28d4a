"""Who is behind an address: what the policy itself says, and what the sources have noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from addon.identity.bindings import Bindings, Claim, weigh
from rules.identity import Identity, Source
from rules.policy import Policy
from rules.request import Person

_SURE: Final = 100


@dataclass(frozen=True, slots=True)
class Identification:
    """A person, how we know, and how sure (0 to 100); no person and no source for an unidentified
    device, where `confidence` is that of the best guess. `disagree` says that sources do.
    """

    person: Person | None
    source: str
    confidence: int = 0
    disagree: bool = False


UNIDENTIFIED: Final = Identification(None, "")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says of knowing people. It is small, and may be kept when the policy is not."""

    identity: Identity
    people: Mapping[str, Person]
    addresses: Mapping[str, str]
    needed_confidence: int


def terms_of(policy: Policy) -> Terms:
    """The terms of a policy."""
    return Terms(policy.identity, policy.people, policy.addresses, policy.needed_confidence)


class Directory:
    """Answers who is where, by the policy in force and the bindings of now."""

    def __init__(self, policy: Callable[[], Policy], bindings: Bindings) -> None:
        self._policy = policy
        self._bindings = bindings

    def person_at(
        self,
        address: str,
        now: datetime,
        account: str | None = None,
        terms: Policy | Terms | None = None,
    ) -> Identification:
        """Who is at `address`, a canonical IP address, at `now` (aware).

        `account` is who signed in to the proxy on this very connection, if anybody did. `terms` are
        others to go by than those in force.
        """
        policy = terms or self._policy()
        identity = policy.identity
        claims = self._bindings.claims(address, now, identity.shared)
        fixed = policy.addresses.get(address)
        if account is not None:
            if (person := identity.person_of(account)) is None:
                return UNIDENTIFIED  # somebody proved to be a stranger
            claims = [*claims, Claim(person, Source.PROXY_SIGN_IN, _SURE)]
        elif not claims:
            # The usual case: nobody, or one that the policy names.
            if fixed is None or Source.ADDRESS not in identity.sources:
                return UNIDENTIFIED
            return Identification(policy.people[fixed], Source.ADDRESS, _SURE)
        if fixed is not None:
            claims = [*claims, Claim(fixed, Source.ADDRESS, _SURE)]
        known = weigh(claims, identity, policy.needed_confidence)
        person_id = known.person
        if person_id is None or (found := policy.people.get(person_id)) is None:
            return Identification(None, "", known.confidence, known.disagree)
        return Identification(found, known.source, known.confidence)

    def addresses_of(self, person: str, now: datetime) -> set[str]:
        """The addresses at which a person, by id, is taken to be at `now` (aware)."""
        asked = {interval.address for interval in self._bindings.of(person)}
        asked |= {address for address, owner in self._policy().addresses.items() if owner == person}
        found = {address: self.person_at(address, now).person for address in asked}
        return {address for address, who in found.items() if who and who.id == person}
