"""People, sites and purposes of the policy, as they are typed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from rules.faults import suggestion
from rules.hosts import HostError, canonical_host
from rules.policy import DeclaredPurpose, Policy
from rules.request import Person
from rules.sites import Site
from scripts.common import WrongUsage


def person_of(person: str, rules: Policy) -> Person:
    """Somebody of the policy, by id. Raises WrongUsage with the nearest."""
    return rules.people.get(person) or _unknown(person, "nobody called", rules.people)


def purpose_of(purpose: str, rules: Policy) -> DeclaredPurpose:
    """A declared purpose, by id. Raises WrongUsage with the nearest."""
    known = {declared.rule.id: declared for declared in rules.declared}
    return known.get(purpose) or _unknown(purpose, "no declared purpose", known)


def site_of(text: str, rules: Policy) -> Site:
    """A site by its id, or by one of its domains. Raises WrongUsage with the nearest id."""
    known = rules.catalogue.sites
    if site := known.get(text.lower()):
        return site
    try:
        site = rules.catalogue.site_of(canonical_host(text))
    except HostError:
        site = None
    return site or _unknown(text, "no site", {each for each in known if each in rules.restricted})


def _unknown(word: str, what: str, known: Collection[str]) -> NoReturn:
    raise WrongUsage(f"The policy knows {what} {word!r}. {suggestion(word, known)}".rstrip())
