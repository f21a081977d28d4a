"""Names of somebody's own that lead to a restricted site's own servers.

Anybody can point a name at any address; some services do so for all (`192-0-2-1.sslip.io`). A
connection under such a name looks unrelated from outside, and inside it the site would be asked
for by its real name. Restricted sites' own networks are in the catalogue, so a name that no known
site has, and that leads there, is worth a look inside, where server name and Host must agree.
"""

from __future__ import annotations

import asyncio
import socket

from rules.hosts import HostError, canonical_address
from rules.policy import Policy


async def may_front(policy: Policy, name: str) -> bool:
    """Whether a canonical name, of no site that is known, leads to a restricted site's network."""
    if policy.catalogue.site_of(name):
        return False
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False  # nor can it be dialled
    return any(fronts(policy, name, str(entry[4][0])) for entry in found)


def fronts(policy: Policy, name: str, address: str) -> bool:
    """Whether an IP address that a canonical name led to is a restricted site's, the name not."""
    try:
        number = canonical_address(address)
    except HostError:
        return False
    return policy.catalogue.site_of(name) is None and bool(policy.restricted_network(number))
