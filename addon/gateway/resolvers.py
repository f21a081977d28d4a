"""Known resolvers for encrypted DNS, from `resolvers.yaml`, and names that turn it off.

Someone whose names are looked up elsewhere is not stopped by it alone, but the name server can then
no longer fill the packet filter's sets or take Encrypted Client Hello away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

import yaml

# Sources: Mozilla's "Canary domain - use-application-dns.net"; Apple's "Prepare your network for
# iCloud Private Relay"; RFC 9462 (resolver.arpa tells a client where its resolver is encrypted).
CANARIES: Final = (
    "use-application-dns.net",
    "mask.icloud.com",
    "mask-h2.icloud.com",
    "resolver.arpa",
)


@dataclass(frozen=True, slots=True)
class Resolvers:
    """Names, each with everything below it, and addresses that serve nothing else."""

    names: tuple[str, ...]
    networks: tuple[IPv4Network | IPv6Network, ...]


@cache
def known_resolvers() -> Resolvers:
    """The resolvers that are shipped with the program."""
    text = Path(__file__).with_name("resolvers.yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["resolvers"]
    return Resolvers(
        tuple(sorted({name for entry in entries for name in entry["names"]})),
        tuple(ip_network(network) for entry in entries for network in entry["addresses"]),
    )
