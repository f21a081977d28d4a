"""Which names and networks concern the gate at all, for the parts in front of the proxy.

HAProxy, the name server and the packet filter know nothing of people and purposes. All they need
is where the proxy must have a look; whatever is not here never reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Network

from addon.gateway.hidden_names import hidden_names
from rules.policy import Policy
from rules.sites import TRANSLATED, Network


@dataclass(frozen=True, slots=True)
class GatewayNames:
    """What the proxy must see. A domain is canonical and counts with everything below it.

    `hidden` are names that the proxy refuses to everybody, because they hide others. `paths` are
    beginnings of what is asked in the clear that concern the gate under any name.
    """

    domains: frozenset[str]
    networks: frozenset[Network]
    paths: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()


def gateway_names(policy: Policy) -> GatewayNames:
    """Give the names of a policy: restricted sites, and mirrors that could show them.

    Never too few: a part of a restricted domain that the policy leaves open is here with the whole,
    and passes at the proxy.
    """
    return GatewayNames(
        domains=frozenset((*policy.restricted_domains(), *policy.mirrors)),
        networks=frozenset(_with_translated(policy.restricted_networks())),
        paths=policy.telling_paths,
        hidden=hidden_names() if policy.restricted else frozenset(),
    )


def _with_translated(networks: Iterable[Network]) -> Iterator[Network]:
    """Each network, and where a line without IPv4 finds it (RFC 6052, section 2.1)."""
    for network in networks:
        yield network
        if network.version == 4:
            start = int(TRANSLATED.network_address) | int(network.network_address)
            yield IPv6Network((start, TRANSLATED.prefixlen + network.prefixlen))
