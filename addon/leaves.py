"""What is shown to a client that is to be decrypted: a certificate for the name it asked for.

mitmproxy's own store keeps a hundred, each for a name and a destination address, signs with one
authority, and has OpenSSL look the chain up in every handshake. Here a certificate is for one name
alone, so that it is signed once, and its intermediate goes with it as it stands. The leaves have a
key of their own: the one that signs never takes part in a handshake.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from mitmproxy.certs import Cert

from addon.authority.certificates import leaf_certificate, new_key
from addon.authority.folder import Signing
from addon.authority.names import UNNAMED

MOST_KEPT: Final = 4096
"""Certificates; every domain of the catalogue with one name below it, in some 10 MB."""

KEPT_FOR: Final = timedelta(days=30)
"""Of the ninety days that one is valid."""


class Leaf(NamedTuple):
    """A certificate, the intermediate that signed it, and when it was (aware UTC)."""

    certificate: x509.Certificate
    intermediate: Cert
    signed_at: datetime


class Leaves:
    """The certificates that have been signed, those used last."""

    def __init__(self) -> None:
        self.key = new_key()
        self._signing: Signing | None = None
        self._kept: OrderedDict[str, Leaf] = OrderedDict()

    def use(self, signing: Signing) -> None:
        """Signs with this from now on; nobody's connection notices."""
        self._signing = signing
        self._intermediates = [Cert(each) for each in signing.intermediates]
        self._kept.clear()

    def for_host(self, host: str, now: datetime) -> Leaf | None:
        """The certificate for a canonical host; None for one that may not be signed for."""
        kept = self._kept.get(host)
        if kept and now - kept.signed_at < KEPT_FOR:
            self._kept.move_to_end(host)
            return kept
        signing = self._signing
        part = signing.covering.part_for(host) if signing else None
        if signing is None or part is None:
            return None
        leaf = Leaf(
            leaf_certificate(
                signing.intermediates[part], signing.key, self.key.public_key(), host, now
            ),
            self._intermediates[part],
            now,
        )
        self._kept[host] = leaf
        self._kept.move_to_end(host)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return leaf

    def for_nobody(self, now: datetime) -> Leaf | None:
        """The certificate for a connection without a name that may be signed for.

        A browser refuses it, and what looks at no names is decided inside.
        """
        return self.for_host(UNNAMED, now)
