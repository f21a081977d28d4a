"""The checked form of how people are known into the policy's own object."""

from collections.abc import Mapping

from rules.identity import Identity, LeaseFile, Radius, RadiusClient
from rules.identity_forms import IdentityForm, RadiusForm
from rules.people_forms import PersonForm


def build_identity(form: IdentityForm, people: Mapping[str, PersonForm]) -> Identity:
    """Put the school's terms together; every person's short name is an account of theirs too."""
    accounts = {person_id: person_id for person_id in people}
    for person_id, person in people.items():
        accounts |= {account.value: person_id for account in person.accounts}
    sources = tuple(source.value for source in form.sources)
    return Identity(
        sources=sources or Identity().sources,
        disagreement=form.when_sources_disagree,
        realms=frozenset(form.realms),
        shared=frozenset(form.shared),
        radius=None if form.radius is None else _radius(form.radius),
        leases=tuple(LeaseFile(lease.file, lease.format) for lease in form.leases),
        sign_in_lasts=form.sign_in.lasts,
        accounts=accounts,
    )


def _radius(form: RadiusForm) -> Radius:
    clients = tuple(
        RadiusClient(name, client.addresses, client.message_authenticator)
        for name, client in form.clients.items()
    )
    return Radius(*form.listen, clients)
