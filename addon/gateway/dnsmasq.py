"""The name server's configuration: an instance of our own, beside any that the system has.

It answers the school's side only. Addresses of restricted names go into the packet filter's sets
as they are resolved; look-ups are never written down.

Considered and left out: `stop-dns-rebind`, `bogus-priv` and `domain-needed`. Schools often give
their own domain controller as the upstream, and its private answers are right. DHCP stays with
whoever does it today.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from addon.gateway.facts import Address, Facts
from addon.gateway.nftables import FAMILY, TABLE
from addon.gateway.resolvers import CANARIES, known_resolvers

OLDEST: Final = (2, 87)
"""dnsmasq's first version that fills nftables sets (its CHANGELOG, 2.87: nftset)."""

FILTERS_RECORDS: Final = (2, 90)
"""Its first version that can leave out kinds of records (CHANGELOG, 2.90: filter-rr)."""

LONGEST_KEPT: Final = 300
"""Seconds that an answer is kept, here and by clients, so that sets and caches stay together."""


def unfiltered(version: tuple[int, int] | None) -> str | None:
    """What this version of dnsmasq cannot leave out, as a sentence; None if it can."""
    if version is None or version >= FILTERS_RECORDS:
        return None
    return (
        f"dnsmasq {version[0]}.{version[1]} passes HTTPS records on, and 2.90 does not:"
        " browsers may find keys there that hide a site's name from the gateway."
    )


def render_dnsmasq(
    facts: Facts,
    domains: Iterable[str],
    upstreams: Iterable[Address],
    portal: str,
    version: tuple[int, int],
) -> str:
    """The whole configuration. `portal` is the portal's address; `version` is dnsmasq's own."""
    lines = [
        "# Made by `schoolgate gateway`; what is changed here is lost.",
        "port=53",
        "bind-dynamic",
        *(f"interface={name}" for name in facts.lan),
        "interface=lo",
        "no-resolv",
        "no-hosts",
        *(f"server={address}" for address in upstreams),
        *(f"server=/{forward.domain}/{forward.server}" for forward in facts.forwards),
        "cache-size=10000",
        f"max-ttl={LONGEST_KEPT}",
        f"max-cache-ttl={LONGEST_KEPT}",
        "dns-forward-max=1500",
        "edns-packet-max=1232",
        "# A validating upstream's word that an answer is genuine is passed on.",
        "proxy-dnssec",
    ]
    if version >= FILTERS_RECORDS:
        lines += [
            "# These records carry the keys of Encrypted Client Hello, and addresses of their own.",
            "filter-rr=HTTPS,SVCB",
        ]
    if facts.portal_name:
        lines.append(f"host-record={facts.portal_name},{portal}")
    lines += [
        "# Names that tell browsers and phones that look-ups stay with this network.",
        *(f"address=/{name}/" for name in CANARIES),
        "# Nobody else may say where the proxy is.",
        "address=/wpad/",
        *(f"address=/wpad.{forward.domain}/" for forward in facts.forwards),
        "# Resolvers for encrypted look-ups, see resolvers.yaml.",
        *(f"address=/{name}/" for name in known_resolvers().names),
        "# Addresses of restricted names go into the packet filter's sets. A name a line:",
        "# dnsmasq cuts lines at 1024 characters.",
        *(f"nftset=/{domain}/{_SETS}" for domain in sorted(domains)),
    ]
    return "\n".join(lines) + "\n"


_SETS = ",".join(f"{v}#{FAMILY}#{TABLE}#restricted{v}" for v in (4, 6))
