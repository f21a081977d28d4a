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
