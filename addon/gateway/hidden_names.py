"""Names whose only use here would be to hide another name, which are refused wherever they appear.

Behind the public name of Encrypted Client Hello any site of that network may be meant; behind a
resolver for encrypted look-ups, or a relay, all of them. Without them browsers go on in the open.
Names only: that a resolver's address is called without one is the packet filter's to see.
"""

from __future__ import annotations

from functools import cache

from addon.gateway.resolvers import CANARIES, known_resolvers

# Sources: Cloudflare's "Encrypted Client Hello" (its one public name); tls-ech.dev and defo.ie, the
# public test sites; Apple's "Prepare your network for iCloud Private Relay".
_PUBLIC = ("cloudflare-ech.com", "public.tls-ech.dev", "cover.defo.ie")
_RELAYS = ("mask-api.icloud.com", "mask.apple-dns.net")


@cache
def hidden_names() -> frozenset[str]:
    """Canonical names, each of which counts with everything below it."""
    return frozenset((*known_resolvers().names, *CANARIES, *_PUBLIC, *_RELAYS))


def hides(host: str) -> bool:
    """Whether a canonical host is one of them, or below one."""
    known = hidden_names()
    while host:
        if host in known:
            return True
        host = host.partition(".")[2]
    return False
