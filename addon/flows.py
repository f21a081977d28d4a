"""From a mitmproxy flow to the request that is judged.

One request can carry several names for where it goes: the CONNECT target or the original
destination, the TLS server name, the request target, `:authority` and Host. A client that
lets them differ asks one gate and reaches another, so they must all be the same name after
being brought to one canonical form; only then is there something to judge. Numeric
destinations are no names: a transparent proxy always has one, and it is never dialled for a
request that carries a name, because the client chose it.

RFC 9110 section 7.4 has the status for a server that cannot answer for a name: 421.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from mitmproxy.http import HTTPFlow, Request

from rules.hosts import HostError, canonical_address, canonical_host
from rules.mirrors import mirrored_host, shows_others
from rules.request import WebRequest

MAX_HEADER_BYTES = 48 * 1024
"""A request's names and values together; nginx takes 32 KiB, Node.js 16 KiB by default."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A request for anything but a path (an address, a fragment, nothing) is read in two ways.
_TARGET = re.compile(r"/[^\x00-\x20#\x7f]*")
_NEVER_IN_A_FIELD = re.compile(rb"[\x00\r\n]")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


class Unjudgeable(Exception):
    """A request that names no single destination, with the HTTP status that says so."""

    status = 421


class NamesDisagree(Unjudgeable):
    """Two of the request's names differ."""


class Nameless(Unjudgeable):
    """The request carries no name, or came on a connection that gave none."""


class Malformed(Unjudgeable):
    """The request breaks HTTP in a way that two readers could understand differently."""

    status = 400


class TooLarge(Malformed):
    """The request's headers are larger than any honest ones (RFC 6585, section 5)."""

    status = 431


def web_request(flow: HTTPFlow) -> WebRequest:
    """The request as the rules see it, with one canonical host and no query.

    Raises NamesDisagree, Nameless, Malformed or TooLarge.
    """
    request = flow.request
    names, unreadable = _names(flow)
    hosts = set(names)
    if unreadable is not None:
        raise Malformed(f"{unreadable!r} is not a host name")
    if len(request.headers.get_all("host")) > 1:
        raise Malformed("the request has more than one Host header")
    if fault := _ambiguity(request):
        raise Malformed(fault)
    if sum(len(name) + len(value) for name, value in request.headers.fields) > MAX_HEADER_BYTES:
        raise TooLarge("the request's headers are too large")
    if len(hosts) > 1:
        raise NamesDisagree("the request names more than one host")
    if not hosts:
        raise Nameless("the request names no host")
    host = names[0]
    if is_number(host) and host != _number(request.data.host):
        raise NamesDisagree("the request names another address than it is sent to")
    return WebRequest(
        host=host,
        scheme=scheme_of(flow),
        port=request.port,
        method=request.method,
        path=request.path.partition("?")[0],
        # The query is looked at here, for the address that a mirror is asked to show, and let go.
        shown=mirrored_host(host, request.path) if shows_others(host) else None,
    )


def _ambiguity(request: Request) -> str | None:
    """What the site could understand in another way than the gate (RFC 9112, sections 3 and 5).

    mitmproxy lets HTTP/2 send as one word what HTTP/1 takes for several, and the other way round
    hands on lines that are folded into one field.
    """
    if not _METHOD.fullmatch(request.method):
        return "the method is not one word"
    if not (_TARGET.fullmatch(request.path) or (request.path, request.method) == ("*", "OPTIONS")):
        return "the request is not for a path"
    if any(_NEVER_IN_A_FIELD.search(value) for _, value in request.headers.fields):
        return "a header has a line break or a NUL in it"
    return None


def scheme_of(flow: HTTPFlow) -> str:
    """How the site is asked; a client may ask the proxy itself in the clear for https."""
    return flow.request.scheme or ("https" if flow.client_conn.tls else "http")


def was_nameless(flow: HTTPFlow) -> bool:
    """Whether the connection was decrypted only because it gave no name before that."""
    connection = flow.client_conn
    return connection.tls and not connection.sni and _number(flow.request.data.host) is not None


def _names(flow: HTTPFlow) -> tuple[list[str], str | None]:
    """Every canonical name of the request, what it asks for first; and the first unreadable."""
    request = flow.request
    asked = [*request.headers.get_all("host")]
    if request.authority:
        asked.append(request.authority)
    dialled = [] if _number(request.data.host) else [request.data.host]
    if flow.client_conn.sni:
        dialled.append(flow.client_conn.sni)
    names: list[str] = []
    unreadable: str | None = None
    for read, texts in ((host_of_authority, asked), (canonical_host, dialled)):
        for text in texts:
            try:
                names.append(read(text))
            except HostError:
                unreadable = unreadable or text
    return names, unreadable


def header_texts(request: Request) -> dict[str, str]:
    """The headers by name in lower case, one that comes twice joined by a comma (RFC 9110, 5.3).

    A decision looks a dozen of them up, and mitmproxy goes through them all at each look.
    """
    texts: dict[str, str] = {}
    for field, value in request.headers.fields:
        name = field.lower().decode("utf-8", "surrogateescape")
        text = value.decode("utf-8", "surrogateescape")
        texts[name] = f"{texts[name]}, {text}" if name in texts else text
    return texts


def carried_hosts(flow: HTTPFlow) -> tuple[str, ...]:
    """Every readable host that a request carries, canonical, its destination among them."""
    names, _ = _names(flow)
    number = _number(flow.request.data.host)
    return tuple(dict.fromkeys([*names, number] if number else names))


def connection_hosts(server_name: str | None, target: str) -> list[str]:
    """The hosts that a TLS connection names before it is decrypted, server name first, canonical.

    Raises HostError if one of them is no host name.
    """
    return [canonical_host(name) for name in (server_name, target) if name]


def host_of_authority(authority: str) -> str:
    """The canonical host of `host[:port]`, as in Host, `:authority` and CONNECT (RFC 9110, 7.2).

    Raises HostError. User information (`a@b`) is refused: readers differ on which side is the host.
    """
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise HostError(f"{authority!r} is not a host and port")
    return canonical_host(match["host"])


def is_number(host: str) -> bool:
    """Whether a canonical host is an IP address."""
    return ":" in host or host.replace(".", "").isdecimal()


def is_private(host: str) -> bool:
    """Whether a canonical IP address is on this machine or a local network (RFC 1918 and its like).

    No social network is reached there, and it is how printers and switches are reached.
    """
    return not ipaddress.ip_address(host).is_global


def _number(host: str) -> str | None:
    if ":" not in host and not host[-1:].isdigit():
        return None  # nearly every host: an address ends in a digit or has colons
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def client_address(peer: tuple[object, ...] | None) -> str:
    """A peer's IP address, without an IPv6 scope, IPv4-mapped addresses as IPv4.

    `peername` has two fields for IPv4 and four for IPv6; a connection already gone has none, and
    gives an empty text, which is nobody's address.
    """
    return _canonical_peer(str(peer[0])) if peer else ""


_canonical_peer = lru_cache(maxsize=4096)(canonical_address)
