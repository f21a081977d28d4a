"""What the sites of a catalogue must not do to each other."""

from collections.abc import Mapping
from itertools import pairwise

from rules.faults import FaultList, Spot
from rules.site_forms import SiteForm
from rules.sites import Network


def check_sites(sites: Mapping[str, SiteForm], faults: FaultList) -> None:
    """Refuse domains and networks that two sites claim, whole or in part."""
    owners: dict[str, str] = {}
    for site_id, site in sites.items():
        for domain in site.domains:
            if owners.setdefault(domain.value, site_id) != site_id:
                _overlap(faults, domain.spot, domain.value, _called(owners[domain.value], sites))
    for site_id, site in sites.items():
        for domain in site.domains:
            above = domain.value
            while above := above.partition(".")[2]:
                if (other := owners.get(above)) is not None and other != site_id:
                    _overlap(faults, domain.spot, domain.value, _called(other, sites))
    networks = [(net, site_id) for site_id, site in sites.items() for net in site.networks]
    networks.sort(key=lambda pair: _bounds(pair[0].value))
    for (before, holder), (network, claimant) in pairwise(networks):
        if holder != claimant and _bounds(network.value)[:2] <= _end(before.value):
            _overlap(faults, network.spot, str(network.value), _called(holder, sites))


def _called(site_id: str, sites: Mapping[str, SiteForm]) -> str:
    return sites[site_id].name or site_id  # a name that could not be read


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
