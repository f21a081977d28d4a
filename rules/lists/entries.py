"""What a list says: entries, and what of it was passed over and why."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_network

from rules.hosts import HostError, canonical_host
from rules.paths import plain_path

# Names that mean the machine itself or its own network; every hosts file has them.
LOCAL_NAMES = frozenset(
    {"localhost", "localhost.localdomain", "local", "broadcasthost", "localhost6"}
    | {"localhost6.localdomain6", "ip6-localhost", "ip6-loopback", "ip6-localnet"}
    | {"ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "0.0.0.0"}  # noqa: S104
)
_NETWORK = re.compile(r"[0-9a-fA-F.:]+/[0-9]{1,3}")
# Prefix lengths. A company seldom has more; what is beside it in there would be looked into too.
_WIDEST = {4: 16, 6: 32}
_FAULTS_SHOWN = 20
_TEXT_SHOWN = 80


class ListError(ValueError):
    """A list that cannot be used. The message is one sentence for a person."""


class Kind(StrEnum):
    """What an entry covers."""

    DOMAIN = "domain"  # the name and everything below it
    HOST = "host"  # the name, or address, alone
    NETWORK = "network"  # all its addresses, `192.0.2.0/24`
    URL = "url"  # host/path: the host and what is below it, the path and what lies under it
    PATTERN = "pattern"  # a regular expression (RE2), looked for anywhere in a host
    EXCEPTION = "exception"  # the list's own word that this name, and all below it, is not meant


class Why(StrEnum):
    """Why a line gives no entry."""

    NO_NAME = "not a name or an address"
    NO_PATH = "not a path that can be compared"
    PATTERN = "a pattern that cannot be checked in bounded time"
    LINE = "not a line of this format"
    COSMETIC = "hides parts of pages"
    PARTIAL = "holds for some requests only"
    LOCAL = "a name or an address of the machine or network itself"
    WIDE = "too large a part of the internet to be one site's"
    ADDRESSED = "gives a name its real address"
    OPTION = "a setting, not a name"
    QUERY = "needs the query, which the gate never reads"
    WHOLE_URL = "a pattern over whole addresses, which the gate never sees"
    UNSELECTED = "not among the attributes asked for"
    EMPTY = "no name in the row"


FAULTS = frozenset({Why.NO_NAME, Why.NO_PATH, Why.PATTERN, Why.LINE})
"""What should not be in a list at all. The rest is there for other programs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: canonical, so that equal entries are equal texts."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line, or a part of one, that gives no entry. `line` counts from 1."""

    file: str
    line: int
    why: Why
    text: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= _TEXT_SHOWN else self.text[:_TEXT_SHOWN] + "…"
        return f"{self.file}:{self.line}: {shown!r} is {self.why}."


Found = Entry | Skipped


@dataclass(slots=True)
class Tally:
    """How much was read: entries by kind, what was passed over by reason, and the first faults."""

    entries: Counter[Kind] = field(default_factory=Counter)
    skipped: Counter[Why] = field(default_factory=Counter)
    faults: list[Skipped] = field(default_factory=list)

    def count(self, found: Found) -> None:
        """Count one more."""
        if isinstance(found, Entry):
            self.entries[found.kind] += 1
            return
        self.skipped[found.why] += 1
        if found.why in FAULTS and len(self.faults) < _FAULTS_SHOWN:
            self.faults.append(found)

    @property
    def faulty(self) -> int:
        """How many lines should not have been there."""
        return sum(count for why, count in self.skipped.items() if why in FAULTS)


def named(kind: Kind, text: str) -> Entry | Why:
    """Give the entry for a name. An IP address has nothing below it, so it is a host."""
    try:
        host = canonical_host(text)
    except HostError:
        return Why.NO_NAME
    if host in LOCAL_NAMES or text in LOCAL_NAMES:
        return Why.LOCAL
    if ":" in host or host.rpartition(".")[2].isdigit():
        return Entry(Kind.HOST, host)
    return Entry(kind, host)


def network(text: str) -> Entry | Why | None:
    """Give the entry for a network, `192.0.2.0/24`; None if that is not how the text reads."""
    if not _NETWORK.fullmatch(text):
        return None
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    if not found.is_global:
        return Why.LOCAL
    if found.prefixlen < _WIDEST[found.version]:
        return Why.WIDE
    return Entry(Kind.NETWORK, str(found))


def addressed(text: str) -> Entry | Why:
    """Give the entry for a web address, with or without its scheme; without a path, the domain."""
    if (found_network := network(text)) is not None:
        return found_network
    scheme, found, rest = text.partition("://")
    if not found:
        rest = text
    elif scheme.lower() not in ("http", "https", "ws", "wss"):
        return Why.NO_NAME
    authority, slash, tail = rest.partition("/")
    if _has_port(authority):
        authority = authority.rpartition(":")[0]
    entry = named(Kind.DOMAIN, authority)
    if not slash or not tail or not isinstance(entry, Entry):
        return entry
    if "?" in tail or "#" in tail:
        return Why.QUERY
    plain = plain_path("/" + tail)
    if plain is None or not plain.isprintable() or " " in plain:
        return Why.NO_PATH
    plain = plain.rstrip("/")
    return Entry(Kind.URL, entry.text + plain) if plain else entry


def _has_port(authority: str) -> bool:
    name, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit() and (":" not in name or name.endswith("]"))
