"""Where the proxy leads nobody: to itself, and from other machines to this one's loopback.

A request to the proxy's own port would go round for ever. And much that listens on loopback takes
whoever reaches it for the administrator, so a client on another machine must not come that way.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection

from rules.hosts import canonical_address


async def leads_home(client: str, address: tuple[str, int], own_ports: Collection[int]) -> bool:
    """Whether an upstream address, dialled for a client at an IP address, is off limits.

    `own_ports` are those that this proxy listens on. A name is looked up here as the dialling will
    look it up; one that cannot be found cannot be dialled, and is not off limits.
    """
    host, port = address
    from_here = client != "" and ipaddress.ip_address(client).is_loopback
    if from_here and port not in own_ports:
        return False
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(ends_here(client, str(entry[4][0]), port, own_ports) for entry in found)


def ends_here(client: str, number: str, port: int, own_ports: Collection[int]) -> bool:
    """The same of an IP address that was looked up already."""
    number = number.partition("%")[0]
    from_here = client != "" and ipaddress.ip_address(client).is_loopback
    if port in own_ports and is_this_machines(number):
        return True
    return not from_here and _is_loopback(number)


def _is_loopback(number: str) -> bool:
    """Whether dialling an IP address ends on this machine; on Linux, 0.0.0.0 does too."""
    address = ipaddress.ip_address(canonical_address(number))
    return address.is_loopback or address.is_unspecified


def is_this_machines(number: str) -> bool:
    """Whether this machine has an IP address. That it can be bound is what tells."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((number, 0))
        except OSError:
            return False
    return True
