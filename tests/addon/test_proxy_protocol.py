"""Conversations with the reader of PROXY headers: who may say what, and what is not believed."""

from __future__ import annotations

import asyncio
import struct
from ipaddress import ip_address

import pytest

from addon.proxy_protocol import HeaderError, Proxied, read_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
FOUR, SIX = 0x11, 0x21


def header(
    source: str = "10.0.0.7",
    destination: str = "203.0.113.5",
    *,
    ports: tuple[int, int] = (50_000, 443),
    command: int = 0x21,
    family: int | None = None,
    more: bytes = b"",
    length: int | None = None,
) -> bytes:
    packed = ip_address(source).packed + ip_address(destination).packed
    rest = packed + struct.pack("!HH", *ports) + more
    family = family if family is not None else (FOUR if len(packed) == 8 else SIX)
    length = len(rest) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, length) + rest


def read(data: bytes, *, ended: bool = False, after: bytes = b"") -> tuple[Proxied | None, bytes]:
    """What the reader makes of the bytes, and what it leaves behind."""

    async def converse() -> tuple[Proxied | None, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data + after)
        if ended:
            reader.feed_eof()
        found = await read_header(reader, within=0.05)
        reader.feed_eof()
        return found, await reader.read()

    return asyncio.run(converse())


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("10.0.0.7", "203.0.113.5", ("10.0.0.7", "203.0.113.5")),
        ("fd00::7", "2001:db8::5", ("fd00::7", "2001:db8::5")),
        ("::ffff:10.0.0.7", "::ffff:203.0.113.5", ("10.0.0.7", "203.0.113.5")),
        ("2001:0db8:0:0::1", "fe80::1", ("2001:db8::1", "fe80::1")),
    ],
)
def test_both_ends_come_in_their_one_form(
    source: str, destination: str, expected: tuple[str, str]
) -> None:
    found, left = read(header(source, destination), after=b"\x16\x03\x01client hello")
    assert found is not None
    assert (found.source.host, found.destination.host) == expected
    assert (found.source.port, found.destination.port) == (50_000, 443)
    assert left == b"\x16\x03\x01client hello"


def test_facts_beyond_the_addresses_are_passed_over() -> None:
    found, left = read(header(more=b"\x04\x00\x03abc"), after=b"GET / HTTP/1.1\r\n")
    assert found is not None
    assert found.source.host == "10.0.0.7"
    assert left == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize("rest", [b"", header()[16:]])
def test_a_check_of_health_is_told_from_a_client(rest: bytes) -> None:
    assert read(SIGNATURE + struct.pack("!BBH", 0x20, 0, len(rest)) + rest) == (None, b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x.com\r\n\r\n", "no header of version 2"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), "no header of version 2"),
        (b"PROXY TCP4 10.0.0.7 203.0.113.5 50000 443\r\n", "no header of version 2"),
        (header()[:12].replace(b"QUIT", b"QUIX") + header()[12:], "no header of version 2"),
        (header(command=0x11), "version and command"),
        (header(command=0x22), "version and command"),
        (header(family=0x00), "not TCP"),
        (header(family=0x12), "not TCP"),  # UDP
        (header(family=0x31), "not TCP"),  # a Unix socket
        (header(family=SIX), "too short"),
        (header(length=11), "too short"),
        (header(length=65_535), "65535 bytes long"),
        (header(ports=(0, 443)), "nobody's"),
        (header(ports=(50_000, 0)), "nobody's"),
        (header("0.0.0.0"), "nobody's"),
        (header("fd00::7", "::"), "nobody's"),
        (header("10.0.0.7", "224.0.0.1"), "nobody's"),
        (b"", "in time"),
        (header()[:7], "in time"),
        (header()[:20], "in time"),
    ],
)
def test_anything_else_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(HeaderError, match=why):
        read(data)


@pytest.mark.parametrize("size", [0, 7, 15, 16, 20, 27])
def test_a_connection_that_ends_within_the_header_is_refused_at_once(size: int) -> None:
    with pytest.raises(HeaderError, match="ended within"):
        read(header()[:size], ended=True)
