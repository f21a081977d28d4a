"""One canonical form for a host, so that a site has one name and a rule cannot be walked round.

A browser turns many spellings into one destination: upper case, a trailing dot, Unicode, `0x7f.1`
for 127.0.0.1. A gate that compares spellings can be passed with another spelling, so every host is
brought to the form that the network itself uses before anything looks at it. What a browser would
refuse to open is refused here too; two names that the network keeps apart are never merged.

The rules are those of the URL Standard (url.spec.whatwg.org, "host parsing") and of UTS #46 in its
non-transitional form, which is what browsers use.
"""

import ipaddress
import re
from functools import lru_cache

import idna

_MOST_LETTERS = 253  # RFC 1035 section 2.3.4, as text and without the final dot
_LONGEST_SPELLING = 1024
_PLAIN_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNICODE_DOTS = str.maketrans("。．｡", "...")


class HostError(ValueError):
    """A text that is no host; the message says why, in a form that a person can read."""


@lru_cache(maxsize=16384)
def canonical_host(text: str) -> str:
    """Give the one form of a host name or address literal.

    Names come back in lower case as A-labels without the trailing dot; IPv4 in four decimal parts,
    whichever way a browser would accept it; IPv6 without brackets in its short form (RFC 5952), and
    an IPv4-mapped one as the IPv4 address that it reaches. A port is not part of a host.

    Raises HostError for everything else. Canonical text is returned unchanged.
    """
    if len(text) > _LONGEST_SPELLING:  # letters that count for nothing can make it any length
        raise HostError(f"A host name is never {len(text):,} letters long.")
    if text.startswith("[") or text.count(":") > 1:
        return _ipv6(text)
    name = text.lower() if text.isascii() else _to_ascii(text)
    name = name.removesuffix(".")
    if len(name) > _MOST_LETTERS:
        raise HostError(
            f"A host name has at most {_MOST_LETTERS} letters; this one has {len(name)}."
        )
    if not _PLAIN_NAME.fullmatch(name):
        raise HostError(_why_not(name))
    # The URL Standard: a host whose last label is a number is an IPv4 address or nothing.
    if _NUMBER.fullmatch(name, name.rfind(".") + 1):
        return _ipv4(name)
    return name


def canonical_address(text: str) -> str:
    """Give the one form of an IP address as a socket reports it, zone and IPv4 mapping removed.

    Raises HostError if the text is no address.
    """
    try:
        return _short_form(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError as error:
        raise HostError(f"{text!r} is not an IP address.") from error


def _to_ascii(text: str) -> str:
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError) as error:
        raise HostError(f"{text!r} has characters that no host name has.") from error
    labels = mapped.translate(_UNICODE_DOTS).split(".")
    # Plain Punycode and no further IDNA 2008 checks: browsers open names (hearts, for one) that
    # those checks forbid, and a name that opens must be recognised.
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
        for label in labels
    )


def _ipv4(name: str) -> str:
    parts = name.split(".")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError as error:
        raise HostError(f"{name!r} ends in a number and is not an IP address.") from error
    # The last number fills all the bytes that are left: 127.1 is 127.0.0.1.
    room: int = 256 ** (5 - len(numbers)) if len(numbers) <= 4 else 0
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= room:
        raise HostError(
            f"{name!r} is not an IP address: a part is too large, or there are too many."
        )
    value = numbers[-1]
    for place, number in enumerate(numbers[:-1]):
        value += number * 256 ** (3 - place)
    return str(ipaddress.IPv4Address(value))


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):  # int() alone would take signs and underscores
        raise ValueError(part)
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)


def _ipv6(text: str) -> str:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        # A zone ("%eth0") means something on one machine only; ipaddress would accept it.
        if "%" in inner:
            raise ValueError("zone")
        return _short_form(ipaddress.IPv6Address(inner))
    except ValueError as error:
        raise HostError(f"{text!r} is not an IPv6 address.") from error


def _short_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return str(address)


def _why_not(name: str) -> str:
    if not name:
        return "A host name cannot be empty."
    if ".." in name or name.startswith(".") or name.endswith("."):
        return f"{name!r} has two dots together, or starts with one."
    for letter, what in (("/", "a slash"), ("@", "an '@'"), (":", "a port"), (" ", "a space")):
        if letter in name:
            return f"{name!r} has {what}, which no host name has."
    if max(map(len, name.split("."))) > 63:
        return f"{name!r} has a part of more than 63 letters."
    return f"{name!r} has characters that no host name has."
