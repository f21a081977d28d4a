"""The catalogue: which site a host or an address belongs to, offline and in dictionary look-ups.

A site owns its domains and everything below them. A domain belongs to one site only, so the answer
never depends on the order of entries, and the longest listed name wins: a school may give one part
of a network (`workplace.example.com`) to a site of its own.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import repeat
from types import MappingProxyType

from rules.mirrors import BY_NAME, mirrored_host
from rules.paths import PathPattern, plain_path

Network = IPv4Network | IPv6Network

TRANSLATED = IPv6Network("64:ff9b::/96")
"""Where a line without IPv4 finds IPv4 addresses: their last 32 bits (RFC 6052, section 2.1)."""


class Action(StrEnum):
    """What a request does on a site. Whatever no endpoint names is viewing."""

    VIEW = "view"
    POST = "post"
    MESSAGE = "message"
    UPLOAD = "upload"
    REACT = "react"
    SEARCH = "search"
    SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place on a site where a request of this method is this action."""

    action: Action
    method: str
    pattern: PathPattern

    @classmethod
    def parse(cls, action: Action, text: str) -> "Endpoint":
        """Read `METHOD [host]/path`. Raises ValueError with a sentence for the writer."""
        method, space, rest = text.strip().partition(" ")
        if not space or not method.isalpha() or not method.isupper():
            raise ValueError(
                f"{text!r} is not an endpoint; it reads like 'POST /path' or 'POST host/path'."
            )
        return cls(action, method, PathPattern.parse(rest))


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A social network, or another service, with all its hosts. Each is itself and no other."""

    id: str
    name: str
    domains: tuple[str, ...]
    networks: tuple[Network, ...] = ()
    categories: frozenset[str] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()
    source: str = ""
    checked: date | None = None

    def action(self, method: str, host: str, path: str | None) -> Action:
        """Say what a request to this site does: the first endpoint that fits, else viewing."""
        plain = plain_path(path) if path is not None else None
        if plain is not None:
            for endpoint in self.endpoints:
                if endpoint.method == method and endpoint.pattern.matches(host, plain):
                    return endpoint.action
        return Action.VIEW

    def request_for(self, action: Action, host: str) -> tuple[str, str, str] | None:
        """Give the method, host and path of some request that is this action, on `host` if there.

        None if the catalogue knows no such request of this site.
        """
        for endpoint in self.endpoints:
            where = endpoint.pattern.host or host
            path = "x".join(endpoint.pattern.pieces)
            if self.action(endpoint.method, where, path) is action:
                return endpoint.method, where, path
        return None


class Catalogue:
    """All known sites. Building one does not check it; the loader has done so."""

    def __init__(
        self, sites: Iterable[Site], listed: Mapping[str, Iterable[str]] | None = None
    ) -> None:
        """Take the sites, and by site id `listed`: further canonical domains, by the million.

        A domain that a site claims itself stays with that site; of two lists, the later has it.
        """
        self._sites = {site.id: site for site in sites}
        self._by_domain: dict[str, Site] = {}
        for site_id, domains in (listed or {}).items():
            # A plain dictionary: at a million names it is the smallest thing that answers in one
            # look-up, and it is filled without a second copy.
            self._by_domain.update(zip(domains, repeat(self._sites[site_id]), strict=False))
        self._by_network: dict[tuple[int, int], dict[int, Site]] = {}
        for site in self._sites.values():
            self._by_domain.update(dict.fromkeys(site.domains, site))
            for network in site.networks:
                length = self._by_network.setdefault((network.version, network.prefixlen), {})
                length[int(network.network_address)] = site
        # Longest prefix first, so that a part given to another site is found before the whole.
        self._lengths = sorted(self._by_network, reverse=True)

    def __iter__(self) -> Iterator[Site]:
        return iter(self._sites.values())

    def __len__(self) -> int:
        return len(self._sites)

    @property
    def sites(self) -> Mapping[str, Site]:
        """The sites by id."""
        return MappingProxyType(self._sites)

    def domains_of(self, site_ids: Container[str]) -> Iterator[str]:
        """Give every domain that belongs to one of the sites, those of imported lists too."""
        return (domain for domain, site in self._by_domain.items() if site.id in site_ids)

    def site_of(self, host: str) -> Site | None:
        """Give the site that a canonical host belongs to, or None.

        An address literal belongs to the site with its network, and a mirror whose name shows
        another's (`www-facebook-com.translate.goog`) to the site it shows.
        """
        # This is asked of every connection, so it looks up the ends of the name and nothing else.
        by_domain, label, name = self._by_domain, "", host
        while name:
            if name in by_domain:
                return by_domain[name]
            label, _, name = name.partition(".")
        # No canonical name's last label is a number, so one with such a label is an address.
        if not label.isalpha() and (label.isdigit() or ":" in label):
            return self.site_at(host)
        if host.endswith(BY_NAME) and (shown := mirrored_host(host)) is not None:
            return self.site_of(shown)
        return None

    def site_at(self, address: str) -> Site | None:
        """Give the site whose listed networks hold an IP address, or None; None for a name too."""
        try:
            ip = ip_address(address)
        except ValueError:
            return None
        if isinstance(ip, IPv6Address) and ip in TRANSLATED:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
        value, bits = int(ip), ip.max_prefixlen
        for version, length in self._lengths:
            if version == ip.version:
                start = value >> (bits - length) << (bits - length)
                site = self._by_network[version, length].get(start)
                if site is not None:
                    return site
        return None
