"""Small texts of a policy, read: dates, addresses, domains, time zones.

Each function raises ValueError with one sentence for the writer of the policy.
"""

import re
from datetime import date, datetime, time
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules.faults import shown
from rules.hosts import HostError, canonical_address, canonical_host
from rules.shared_names import CONTENT_NETWORKS, ONE_SERVICE
from rules.sites import Network

if TYPE_CHECKING:
    from tldextract import TLDExtract

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+")


def parse_date(text: str) -> date:
    """Read `2027-09-01`."""
    if not _DATE.fullmatch(text) or not text.isascii():
        raise ValueError(f"{shown(text)} is not a date; write it like '2027-09-01'.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"There is no such day as {text}.") from error


def parse_moment(text: str) -> datetime:
    """Read `2026-11-23 10:00` as a local time without a zone."""
    day, _, clock = text.strip().partition(" ")
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(f"{shown(text)} is not a date and time; write it like '2026-11-23 10:00'.")
    return datetime.combine(parse_date(day), time(int(found[1]), int(found[2])))


def parse_hardware_address(text: str) -> str:
    """Read a hardware (MAC) address into its usual form, `a4:5e:60:01:02:03`."""
    digits = re.sub(r"[:.-]", "", text.strip()).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError(
            f"{shown(text)} is not a hardware address; write it like 'a4:5e:60:01:02:03'."
        )
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def parse_timezone(text: str) -> ZoneInfo:
    """Read the name of a time zone, `Europe/London`."""
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(
            f"{shown(text)} is not a time zone; write it like 'Europe/London'."
        ) from error


def parse_email(text: str) -> str:
    """Read an e-mail address, loosely: only whether it could be one."""
    if not _EMAIL.fullmatch(text):
        raise ValueError(f"{shown(text)} is not an e-mail address.")
    return text


def parse_address(text: str) -> str:
    """Read an IP address into its canonical form."""
    try:
        return canonical_address(text)
    except HostError as error:
        raise ValueError(
            f"{shown(text)} is not an IP address; write it like '192.168.1.20'."
        ) from error


def parse_account(text: str) -> str:
    """Read an account name into lower case, as directories compare them."""
    name = text.strip().lower()
    if not name.isprintable() or re.search(r"[\\\s/]", name):
        raise ValueError(
            f"{shown(text)} is not an account name; write it like 'f.example', without a domain"
            " in front."
        )
    return name


def parse_network(text: str) -> Network:
    """Read a network, `31.13.24.0/21`."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{shown(text)} is not a network; write it like '31.13.24.0/21' (first address)."
        ) from error
    if network.prefixlen < (8 if network.version == 4 else 16):
        raise ValueError(f"{shown(text)} is a large part of the whole internet, and no one site's.")
    return network


def parse_host(text: str) -> str:
    """Read a host name into its canonical form."""
    try:
        return canonical_host(text.strip())
    except HostError as error:
        raise ValueError(f"{shown(text)} is not a host name; write it like 'gov.uk'.") from error


def parse_domain(text: str) -> str:
    """Read a domain that one site can own, into its canonical form."""
    try:
        host = canonical_host(text.strip())
    except HostError as error:
        raise ValueError(f"{shown(text)} is not a domain; write it like 'facebook.com'.") from error
    if ":" in host or host.replace(".", "").isdigit():
        raise ValueError(
            f"{shown(text)} is an address, not a domain; addresses go under 'networks'."
        )
    if "." not in host or is_public_suffix(host):
        raise ValueError(
            f"{shown(text)} is shared by everyone who registers a name below it; "
            f"name the site's own domain, like 'example.{host}'."
        )
    if is_shared_network(host):
        raise ValueError(
            f"{shown(text)} is a content network that thousands of sites share; "
            f"name the site's own part of it, like 'example.{host}'."
        )
    return host


def is_shared_network(host: str) -> bool:
    """Say whether a canonical host is a content network that many sites share."""
    return host in CONTENT_NETWORKS


@cache
def _suffixes() -> "TLDExtract":
    from tldextract import TLDExtract  # with all it needs for downloads, so only when asked for

    # The list bundled with the package: a gate must start, and judge, without the internet.
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def is_public_suffix(host: str) -> bool:
    """Say whether anyone may register names below this one (publicsuffix.org, both sections)."""
    if host in ONE_SERVICE:
        return False
    # Where every name below is a suffix ("*.sch.uk"), the name itself belongs to everyone too.
    return not (_suffixes()(host).domain and _suffixes()(f"any.{host}").domain)
