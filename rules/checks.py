"""What the entries of a policy must not do to each other, found once all of them are read."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from rules.faults import FaultList, Spot, shown
from rules.forms import PersonForm, PolicyForm, PurposeForm, ReasonForm
from rules.request import Role
from rules.shapes import Placed
from rules.site_forms import SiteForm
from rules.sites import Network
from rules.wording import SLOTS, unknown_slots

ROLE_WORDS = frozenset(Role) | {"staff"}


def check_people(people: Mapping[str, PersonForm], faults: FaultList) -> None:
    """Refuse an address of two people, and a name for both a group and something else."""
    owners: dict[str, str] = {}
    for person_id, person in people.items():
        for address in person.addresses:
            if (other := owners.setdefault(address.value, person_id)) != person_id:
                faults.add(
                    address.spot,
                    f"{address.value} is already an address of {other}.",
                    "An address tells people apart, so it belongs to one person.",
                )
        for group in person.groups:
            if group in ROLE_WORDS or group in people:
                what = "a role" if group in ROLE_WORDS else "a person"
                faults.add(
                    person.spot,
                    f"The group '{group}' has the name of {what}.",
                    "Give the group another name, or rules could mean either.",
                )


def check_sites(sites: Mapping[str, SiteForm], faults: FaultList) -> None:
    """Refuse domains and networks that two sites claim, whole or in part."""
    owners: dict[str, str] = {}
    for site_id, site in sites.items():
        for domain in site.domains:
            if owners.setdefault(domain.value, site_id) != site_id:
                _overlap(faults, domain.spot, domain.value, sites[owners[domain.value]].name)
    for site_id, site in sites.items():
        for domain in site.domains:
            above = domain.value
            while above := above.partition(".")[2]:
                if (other := owners.get(above)) is not None and other != site_id:
                    _overlap(faults, domain.spot, domain.value, sites[other].name)
    networks = [(net, site) for site in sites.values() for net in site.networks]
    networks.sort(key=lambda pair: _bounds(pair[0].value))
    for (before, holder), (network, claimant) in pairwise(networks):
        if holder is not claimant and _bounds(network.value)[:2] <= _end(before.value):
            _overlap(faults, network.spot, str(network.value), holder.name)


def _bounds(network: Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def _end(network: Network) -> tuple[int, int]:
    return network.version, int(network.broadcast_address)


def _overlap(faults: FaultList, spot: Spot, what: str, other: str) -> None:
    faults.add(
        spot,
        f"{what} already belongs to {other}.",
        "Each domain and network belongs to one site; take it out of one of them.",
    )


def check_purposes(form: PolicyForm, sites: Mapping[str, SiteForm], faults: FaultList) -> None:
    """Refuse purposes for pupils, hours that are written twice, and paths on other sites."""
    people = form.people or {}
    for purpose in form.purposes.values():
        for word in purpose.who:
            _check_no_pupil(word, people, faults)
        _check_hours(purpose, faults)
        _check_paths(purpose, sites, faults)


def _check_no_pupil(word: Placed[str], people: Mapping[str, PersonForm], faults: FaultList) -> None:
    named = people.get(word.value)
    pupils = [p.name for p in people.values() if p.role is Role.PUPIL and word.value in p.groups]
    if word.value == Role.PUPIL or (named is not None and named.role is Role.PUPIL):
        why = f"'{word.value}' is one"
    elif pupils:
        why = f"the group '{word.value}' has one in it: {pupils[0]}"
    else:
        return
    faults.add(
        word.spot,
        f"No purpose opens a restricted site to a pupil, and {why}.",
        "Name members of staff, or a group of theirs.",
    )


def _check_hours(purpose: PurposeForm, faults: FaultList) -> None:
    for place, window in enumerate(purpose.when):
        for earlier in purpose.when[:place]:
            if window.value.overlaps(earlier.value):
                faults.add(
                    window.spot,
                    f"These hours ({window.value}) overlap others here ({earlier.value}).",
                    "Write each hour once, so that nobody mends one line and misses the other.",
                )


def _check_paths(purpose: PurposeForm, sites: Mapping[str, SiteForm], faults: FaultList) -> None:
    opened = [sites[site] for site in purpose.sites if site in sites]
    names = " or ".join(site.name for site in opened)
    domains = tuple(domain.value for site in opened for domain in site.domains)
    for path in purpose.paths:
        host = path.value.host
        if opened and host and not any(host == d or host.endswith("." + d) for d in domains):
            faults.add(
                path.spot,
                f"{shown(host)} is not part of {names}.",
                "Begin with '/', or with a host of the purpose's own sites.",
            )


def check_wording(reasons: Iterable[ReasonForm | None], faults: FaultList) -> None:
    """Refuse wording with slots that nothing fills."""
    for reason in reasons:
        if reason is not None and reason.text is not None:
            for slot in unknown_slots(reason.text.value):
                faults.add(
                    reason.text.spot,
                    f"Nothing is filled in for {shown(slot)}.",
                    f"It can be: {', '.join(f'{{{name}}}' for name in sorted(SLOTS))}.",
                )
