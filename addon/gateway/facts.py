"""What a gateway has to be told: its interfaces, its mode, and who is let past.

The policy says what is restricted; these few facts say where. Nothing here looks at the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from addon.endpoint import Endpoint
from addon.gateway.front import FIRST_WORKER_PORT, KNOWN_ADDRESS
from rules.faults import shown
from rules.hosts import HostError, canonical_host
from rules.readers import parse_hardware_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Linux takes up to 15 bytes; quotes and the like would end a text in nft or dnsmasq.
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
PORTAL_PORT = 8081


class Mode(StrEnum):
    """How much of the traffic HAProxy sees."""

    FULL = "full"
    SELECTIVE = "selective"
    EXPLICIT = "explicit"


class Profile(StrEnum):
    """What holds for a subnet: the policy, or nothing at all."""

    RESTRICTED = "restricted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A VLAN or part of the network, and what holds for it."""

    network: Network
    profile: Profile


@dataclass(frozen=True, slots=True)
class Forward:
    """A domain of the school's own that another name server knows, as in Active Directory."""

    domain: str
    server: Address


@dataclass(frozen=True, slots=True)
class Facts:
    """What the admin says about the gateway. `portal` is None while it follows the first LAN."""

    lan: tuple[str, ...] = ()
    wan: str | None = None
    mode: Mode = Mode.FULL
    dns: tuple[Address, ...] = ()
    exempt: tuple[str, ...] = ()  # hardware addresses, IP addresses and networks, as text
    subnets: tuple[Subnet, ...] = ()
    forwards: tuple[Forward, ...] = ()
    masquerade: bool = False
    inbound: bool = False  # whether connections from the internet's side may come in all the same
    portal: Endpoint | None = None
    portal_name: str = ""
    https_port: int = 8443
    http_port: int = 8080
    workers: tuple[int, int] = (FIRST_WORKER_PORT, FIRST_WORKER_PORT + 63)  # on loopback only

    @property
    def haproxy_ports(self) -> tuple[int, ...]:
        """Where HAProxy takes what is redirected: for HTTPS and HTTP, and above them again."""
        ends = (self.https_port, self.http_port)
        return (*ends, *(port + KNOWN_ADDRESS for port in ends))

    @property
    def portal_port(self) -> int:
        """Where the portal is on this machine."""
        return self.portal.port if self.portal else PORTAL_PORT

    @property
    def exempt_devices(self) -> tuple[str, ...]:
        """The exempt hardware addresses."""
        return tuple(item for item in self.exempt if is_hardware_address(item))

    @property
    def exempt_networks(self) -> tuple[Network, ...]:
        """Who is let past by address: exempt devices and open subnets.

        A restricted subnet inside an open one is taken out of it: the nearest word counts.
        """
        past: list[Network] = [
            ip_network(item) for item in self.exempt if not is_hardware_address(item)
        ]
        gated = [s.network for s in self.subnets if s.profile is Profile.RESTRICTED]
        for subnet in self.subnets:
            if subnet.profile is Profile.OPEN:
                past += _without(subnet.network, gated)
        return tuple(past)


def _without(network: Network, others: Iterable[Network]) -> list[Network]:
    """A network without those that lie inside it; one that it lies inside itself does not count."""
    left = [network]
    for hole in others:
        if hole.version == network.version and hole != network and hole.subnet_of(network):  # type: ignore[arg-type]
            left = [
                rest
                for piece in left
                if not piece.subnet_of(hole)  # type: ignore[arg-type]
                for rest in (
                    piece.address_exclude(hole)  # type: ignore[arg-type]
                    if piece.overlaps(hole)
                    else (piece,)
                )
            ]
    return left


def is_hardware_address(text: str) -> bool:
    """Whether an exempt device is named by its hardware address."""
    return re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text) is not None


def parse_interface(text: str) -> str:
    """Read the name of a network interface. Raises ValueError with a sentence."""
    if not _INTERFACE.fullmatch(text) or text == "lo":
        raise ValueError(
            f"{shown(text)} is not a network interface of this kind; write it like 'eth1'."
        )
    return text


def parse_server(text: str) -> Address:
    """Read the address of a name server. Raises ValueError with a sentence."""
    try:
        return ip_address(text.strip())
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is not the address of a name server; write it like '192.0.2.53'."
        ) from error


def parse_exempt(text: str) -> str:
    """Read a device that is let past: a hardware address, an IP address or a network."""
    try:
        return str(ip_network(text.strip()))
    except ValueError:
        pass
    try:
        return parse_hardware_address(text)
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is not a device; name it by its hardware address,"
            " like 'a4:5e:60:01:02:03', its address, like '10.0.0.9', or its network,"
            " like '10.0.9.0/24'."
        ) from error


def parse_subnet(text: str) -> Subnet:
    """Read `10.20.0.0/16=open`. Raises ValueError with a sentence."""
    where, equals, word = text.partition("=")
    try:
        network = ip_network(where.strip())
    except ValueError as error:
        raise ValueError(
            f"{shown(where)} is not a subnet; write it like '10.20.0.0/16=open' (first address)."
        ) from error
    try:
        return Subnet(network, Profile(word.strip() if equals else Profile.RESTRICTED))
    except ValueError as error:
        known = " or ".join(f"'{profile}'" for profile in Profile)
        raise ValueError(f"{shown(word)} is not a profile; it can be {known}.") from error


def parse_forward(text: str) -> Forward:
    """Read `school.local=10.0.0.5`. Raises ValueError with a sentence."""
    domain, _, server = text.partition("=")
    try:
        return Forward(parse_name(domain), parse_server(server))
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is not a domain and its name server;"
            " write it like 'school.local=10.0.0.5'."
        ) from error


def parse_name(text: str) -> str:
    """Read a host name, not an address, into its canonical form. Raises ValueError."""
    try:
        name = canonical_host(text.strip())
    except HostError as error:
        raise ValueError(f"{shown(text)} is not a host name.") from error
    if ":" in name or name.replace(".", "").isdigit():
        raise ValueError(f"{shown(text)} is an address, not a host name.")
    return name


def parse_portal(text: str) -> Endpoint:
    """Read the portal's address as staff reach it, with or without a port."""
    host, port = text, str(PORTAL_PORT)
    if text.startswith("[") or text.count(":") == 1:
        host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is not the portal's address; write it like '10.0.0.1:8081'."
        ) from error
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{shown(port)} is not a port; ports run from 1 to 65535.")
    return Endpoint(str(address), int(port))
