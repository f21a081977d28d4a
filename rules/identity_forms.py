"""The forms of how people are known: sources, shared devices, RADIUS clients, files of leases."""

# ruff: noqa: RUF009 - a field's default here is its declaration, as in any form of this kind

import re
from dataclasses import dataclass, field
from datetime import timedelta

from rules import editor_patterns
from rules.faults import Spot, shown
from rules.hosts import HostError, canonical_address
from rules.identity import Disagreement, LeaseFormat, Signature, Source
from rules.lengths import parse_length
from rules.readers import parse_hardware_address, parse_network
from rules.reading import Placed
from rules.records import Record, optional, required
from rules.shapes import Choice, Kept, ListOf, MapOf, Parsed, Text
from rules.sites import Network

_REALM = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_LISTENER = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")
ANYWHERE = ("::", 1813)
"""Where RADIUS accounting is listened for: every address, IPv4 too (RFC 2866, section 3)."""


def parse_either_address(text: str) -> str:
    """Read an IP address or a hardware address into its canonical form."""
    try:
        return canonical_address(text)
    except HostError:
        pass
    try:
        return parse_hardware_address(text)
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is neither an IP address nor a hardware address;"
            " write it like '192.168.1.20' or 'a4:5e:60:01:02:03'."
        ) from error


def parse_realm(text: str) -> str:
    """Read the realm of account names, `school.example` or `SCHOOL`, into lower case."""
    realm = text.strip().lower()
    if not _REALM.fullmatch(realm):
        raise ValueError(
            f"{shown(text)} is not a realm; write it like 'school.example' or 'SCHOOL'."
        )
    return realm


def parse_listener(text: str) -> tuple[str, int]:
    """Read an address and a port, `10.0.0.1:1813` or `[::]:1813`."""
    found = _LISTENER.fullmatch(text.strip())
    try:
        if found is None or not 0 < int(found[3]) < 65536:
            raise HostError(text)
        return canonical_address(found[1] or found[2]), int(found[3])
    except HostError as error:
        raise ValueError(
            f"{shown(text)} is not an address and a port; write it like '10.0.0.1:1813'."
        ) from error


@dataclass(frozen=True, kw_only=True)
class RadiusClientForm:
    addresses: tuple[Network, ...] = required(
        ListOf(
            Parsed(parse_network, "a network", pattern=editor_patterns.NETWORK),
            "addresses or networks",
        ),
        "where its packets come from.",
    )
    message_authenticator: Signature = optional(
        Choice(Signature, "an answer"),
        "needed: packets without one are refused. checked: looked at where there is one.",
        Signature.CHECKED,
    )


@dataclass(frozen=True, kw_only=True)
class RadiusForm:
    listen: tuple[str, int] = optional(
        Parsed(parse_listener, "an address and a port", pattern=editor_patterns.LISTENER),
        "where packets are listened for.",
        ANYWHERE,
    )
    clients: dict[str, RadiusClientForm] = required(
        MapOf(Record(RadiusClientForm, "a RADIUS client"), "radius client", "RADIUS clients"),
        "the access points, controllers or servers that may report.",
    )


@dataclass(frozen=True, kw_only=True)
class LeaseFileForm:
    file: str = required(Text("a file name", most=500), "the file's full path.")
    format: LeaseFormat = required(Choice(LeaseFormat, "a DHCP server"), "whose file it is.")


@dataclass(frozen=True, kw_only=True)
class SignInForm:
    lasts: timedelta = optional(
        Parsed(parse_length, "a length of time", pattern=editor_patterns.LENGTH),
        "how long a sign-in at the portal holds.",
        timedelta(hours=8),
    )


@dataclass(frozen=True, kw_only=True)
class IdentityForm:
    sources: tuple[Placed[Source], ...] = optional(
        ListOf(Kept(Choice(Source, "a source")), "sources"),
        "where it is known from who is at a device, the most trusted first.",
        (),
    )
    when_sources_disagree: Disagreement = optional(
        Choice(Disagreement, "an answer"),
        "nobody: the device counts as nobody's. first: the first of 'sources' is believed.",
        Disagreement.NOBODY,
    )
    realms: tuple[str, ...] = optional(
        ListOf(Parsed(parse_realm, "a realm", pattern=editor_patterns.REALM), "realms"),
        "whose account names count, as in SCHOOL\\fern or fern@school.example.",
        (),
    )
    shared: tuple[str, ...] = optional(
        ListOf(
            Parsed(parse_either_address, "an address", pattern=editor_patterns.EITHER_ADDRESS),
            "addresses",
        ),
        "IP or hardware addresses that several people use; only a sign-in counts there.",
        (),
    )
    radius: RadiusForm | None = optional(
        Record(RadiusForm, "the RADIUS listener"), "RADIUS accounting, as from Wi-Fi.", None
    )
    leases: tuple[LeaseFileForm, ...] = optional(
        ListOf(Record(LeaseFileForm, "a file of leases"), "files of leases", most=20),
        "the files that DHCP servers keep their leases in.",
        (),
    )
    sign_in: SignInForm = optional(
        Record(SignInForm, "how sign-ins work"), "signing in at the portal.", SignInForm()
    )
    spot: Spot = field(default=Spot("", 0))
    unread: frozenset[str] = frozenset()


IDENTITY = Record(IdentityForm, "how people are known")
