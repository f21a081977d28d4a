"""What the authority has to sign for, from the policy."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from addon.gateway.names import gateway_names
from rules.hosts import HostError, canonical_host
from rules.policy import Policy

UNNAMED: Final = "unnamed.schoolgate.invalid"
"""What a connection is shown that says no name which may be signed for.

Nobody's name (RFC 2606): a browser refuses it. What looks at no names is decided inside, as ever.
"""

MOST_NAMES: Final = 20_000
"""Domains that certificates are made for; a longer list is refused without a page.

An intermediate of a hundred names is 2 KB and takes 0.5 ms to sign, and every worker reads them
all: at 20,000 that is a fifth of a second and 400 KB; at a million, half a minute at each change.
"""

# What every verifier takes for a name in a constraint; a stranger one could spoil all the others.
_PLAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Wanted:
    """Domains, each with all below it, and networks; `own` are the gate's own names.

    `left_out` are the names of lists too long for certificates, with how many domains each has.
    """

    own: tuple[str, ...]
    domains: frozenset[str]
    networks: frozenset[Network]
    left_out: tuple[tuple[str, int], ...] = ()


def wanted(policy: Policy, portal: str) -> Wanted:
    """What a policy needs signed; `portal` is the portal's address or its host, or ''."""
    names = gateway_names(policy)
    by_site: defaultdict[str, list[str]] = defaultdict(list)
    for domain in names.domains:
        if _PLAIN.fullmatch(domain):
            site = policy.catalogue.site_of(domain)
            by_site[site.name if site else ""].append(domain)
    domains: set[str] = set()
    left_out = []
    # Whole lists, the short ones first: a part of one would be a riddle to whoever meets it.
    for name, found in sorted(by_site.items(), key=lambda entry: (len(entry[1]), entry[0])):
        if len(domains) + len(found) > MOST_NAMES:
            left_out.append((name, len(found)))
        else:
            domains.update(found)
    return Wanted(
        own=(UNNAMED, *_host(portal)),
        domains=_without_what_is_below(domains),
        networks=names.networks,
        left_out=tuple(left_out),
    )


def _host(address: str) -> Iterable[str]:
    """The host of the portal's address, if it is a name: numbers are the gate's own networks'."""
    try:
        host = canonical_host((urlsplit(address).hostname or "") if "//" in address else address)
    except (HostError, ValueError):
        return
    if _PLAIN.fullmatch(host) and not host.rpartition(".")[2].isdecimal():
        yield host


def _without_what_is_below(domains: set[str]) -> frozenset[str]:
    return frozenset(name for name in domains if not any(up in domains for up in above(name)))


def above(name: str) -> Iterable[str]:
    """The names that a name is below, the nearest first."""
    while "." in name:
        name = name.partition(".")[2]
        yield name
