"""What a made-up policy needs signed."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

from addon.authority.names import UNNAMED, Wanted

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SCHOOL = "Fernhill Test School"


def need(*domains: str, own: tuple[str, ...] = ()) -> Wanted:
    """These domains, and one network."""
    return Wanted((UNNAMED, *own), frozenset(domains), frozenset([ip_network("192.0.2.0/24")]))


NEED = need("social.example", "chat.example")
