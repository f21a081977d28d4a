"""The PROXY protocol, version 2: who a connection is really from, and where it was going.

HAProxy writes a short binary header before anything that the client sent. It is trusted, so only
what is on this machine may write one; who may connect at all is the listener's to say.

Source: "The PROXY protocol, versions 1 & 2", sections 2.2 and 2.2.1 (haproxy.org).
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from addon.endpoint import Endpoint
from rules.hosts import canonical_address

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_START: Final = struct.Struct("!12sBBH")  # signature, version and command, family, length
_LOCAL: Final = 0x20
_PROXIED: Final = 0x21
# Stream sockets only, by the family's number: the bytes of one address.
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
_LONGEST: Final = 2048
"""Bytes; two addresses take at most 36, and a balancer may add a few facts that we pass over."""


class HeaderError(Exception):
    """What came was not a header; the message says what was wrong with it."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """The two ends of the client's own connection, addresses in their canonical form."""

    source: Endpoint
    destination: Endpoint


async def read_header(reader: asyncio.StreamReader, within: float) -> Proxied | None:
    """Reads one header and nothing beyond it; None is a balancer's check of whether we are well.

    Raises HeaderError for anything else, also where it is not complete after `within` seconds.
    """
    try:
        async with asyncio.timeout(within):
            start = await reader.readexactly(_START.size)
            signature, command, family, length = _START.unpack(start)
            if signature != _SIGNATURE:
                raise HeaderError("there is no header of version 2")
            if length > _LONGEST:
                raise HeaderError(f"the header says that it is {length} bytes long")
            rest = await reader.readexactly(length)
    except TimeoutError as error:
        raise HeaderError("the header did not come in time") from error
    except (asyncio.IncompleteReadError, OSError) as error:
        raise HeaderError("the connection ended within the header") from error
    if command == _LOCAL:
        return None
    if command != _PROXIED:
        raise HeaderError(f"{command:#04x} is no version and command")
    return _addresses(family, rest)


def _addresses(family: int, rest: bytes) -> Proxied:
    size = _ADDRESS_BYTES.get(family)
    if size is None:
        raise HeaderError(f"{family:#04x} is not TCP over IPv4 or IPv6")
    if len(rest) < 2 * size + 4:
        raise HeaderError("the header is too short for its addresses")
    ports = struct.unpack_from("!HH", rest, 2 * size)
    return Proxied(
        _endpoint(rest[:size], ports[0]),
        _endpoint(rest[size : 2 * size], ports[1]),
    )


def _endpoint(packed: bytes, port: int) -> Endpoint:
    address = ip_address(packed)
    if not port or address.is_unspecified or address.is_multicast:
        raise HeaderError(f"{address} port {port} is nobody's")
    return Endpoint(canonical_address(str(address)), port)
