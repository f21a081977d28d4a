"""What the entries about how people are known must not do to each other or to the people."""

from collections.abc import Mapping

from rules.faults import FaultList
from rules.identity import Source
from rules.identity_forms import IdentityForm
from rules.people_forms import PersonForm


def check_identity(form: IdentityForm, people: Mapping[str, PersonForm], faults: FaultList) -> None:
    """Note everything that is wrong with how people are known."""
    _check_sources(form, faults)
    _check_shared(form, people, faults)
    _check_accounts(people, faults)


def _check_sources(form: IdentityForm, faults: FaultList) -> None:
    named: set[Source] = set()
    for placed in form.sources:
        if placed.value in named:
            faults.add(placed.spot, f"'{placed.value}' is here twice.", "Name it once.")
        named.add(placed.value)
    for source, word, there in (
        (Source.RADIUS, "radius", form.radius is not None),
        (Source.LEASE, "leases", bool(form.leases)),
    ):
        if there and source not in named and "sources" not in form.unread:
            faults.add(
                form.spot.under(word),
                f"There is '{word}:', and '{source}' is not among the sources.",
                f"Add '{source}' to 'sources' where it belongs in their order.",
            )
        if source in named and not there and word not in form.unread:
            faults.add(
                form.spot,
                f"The source '{source}' needs '{word}:', and there is none.",
                f"Add '{word}:', or take '{source}' out of 'sources'.",
            )


def _check_shared(form: IdentityForm, people: Mapping[str, PersonForm], faults: FaultList) -> None:
    for person_id, person in people.items():
        for own in (*person.addresses, *person.devices):
            if own.value in form.shared:
                faults.add(
                    own.spot,
                    f"{own.value} is shared, and is also given to {person_id} alone.",
                    "Take it out of one of the two.",
                )


def _check_accounts(people: Mapping[str, PersonForm], faults: FaultList) -> None:
    owners = {person_id: person_id for person_id in people}
    for person_id, person in people.items():
        for account in person.accounts:
            if (other := owners.setdefault(account.value, person_id)) != person_id:
                faults.add(
                    account.spot,
                    f"{account.value} is already an account of {other}.",
                    "An account tells people apart, so it belongs to one person.",
                )
