"""How the names are dealt out to intermediates, and which of them signs for a host.

One certificate with all the names would do, but it goes over the wire in every handshake: 18 KB
for the shipped policy, 30 KB for the whole catalogue, and Windows and Java take no more than 32 KB
(SChannel's MessageLimitClient, jdk.tls.maxHandshakeMessageSize). So there are several, of a
hundred names each (2 KB), which share one key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from cryptography import x509

from addon.authority.names import Network, Wanted, above

NAMES_IN_ONE: Final = 100
_EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class Part:
    """What one intermediate may sign for."""

    names: tuple[str, ...]
    networks: tuple[Network, ...] = ()

    def constraints(self) -> x509.NameConstraints:
        """The extension that says so (RFC 5280, section 4.2.1.10).

        A family of addresses of which nothing is permitted is excluded as a whole: a kind of name
        that no constraint speaks of would be free.
        """
        permitted = [x509.DNSName(name) for name in self.names]
        numbers = [x509.IPAddress(network) for network in self.networks]
        closed = [
            x509.IPAddress(every)
            for every in _EVERYWHERE
            if not any(network.version == every.version for network in self.networks)
        ]
        return x509.NameConstraints([*permitted, *numbers], closed or None)


def part_of(certificate: x509.Certificate) -> Part | None:
    """What an intermediate may sign for; None for one that is not bounded."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    subtrees = found.permitted_subtrees or ()
    return Part(
        tuple(name.value for name in subtrees if isinstance(name, x509.DNSName)),
        tuple(
            name.value
            for name in subtrees
            if isinstance(name, x509.IPAddress)
            and isinstance(name.value, IPv4Network | IPv6Network)
        ),
    )


def deal_out(wanted: Wanted) -> tuple[Part, ...]:
    """The gate's own names and the networks in the first part, the domains in those after it."""
    domains = sorted(wanted.domains)
    networks = sorted(wanted.networks, key=lambda network: (network.version, network))
    return (
        Part(wanted.own, tuple(networks)),
        *(
            Part(tuple(domains[start : start + NAMES_IN_ONE]))
            for start in range(0, len(domains), NAMES_IN_ONE)
        ),
    )


class Covering:
    """Which part signs for a host, by number."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._by_name = {name: at for at, part in enumerate(parts) for name in part.names}
        self._networks = [
            (network, at) for at, part in enumerate(parts) for network in part.networks
        ]

    def part_for(self, host: str) -> int | None:
        """The number of the part that may sign for a canonical host or an IP address, or None."""
        if ":" in host or host.replace(".", "").isdecimal():
            number = ip_address(host)
            return next((at for network, at in self._networks if number in network), None)
        found = self._by_name.get(host)
        if found is not None:
            return found
        return next((self._by_name[up] for up in above(host) if up in self._by_name), None)

    def missing(self, wanted: Wanted) -> tuple[str, ...]:
        """What of it may not be signed for, in order: names, then networks."""
        names = sorted(
            name for name in (*wanted.own, *wanted.domains) if self.part_for(name) is None
        )
        known = {network for network, _ in self._networks}
        return (*names, *sorted(str(network) for network in wanted.networks - known))

    def is_exactly(self, wanted: Wanted) -> bool:
        """Whether no more and no less than this may be signed for."""
        return (
            self._by_name.keys() == {*wanted.own, *wanted.domains}
            and {network for network, _ in self._networks} == wanted.networks
        )
