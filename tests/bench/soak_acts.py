"""What devices do in a soak. An act is one way of using a site, with one answer that is right.

Anything else raises: `Wrong`, OSError, EOFError, ValueError or TimeoutError.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

from tests.bench.soak_street import OFFICE, TEACHERS
from tests.bench.stage import ALLOWED, BLOCKED
from tests.bench.street import BULK_BYTES

WITHIN = 30.0  # seconds, for an act that is not slow on purpose
_NAP = 0.25  # seconds between two reads of a slow download
_CHUNK = 64 * 1024
_HEAD_LIMIT = 128 * 1024

Act = Callable[["Devices"], Awaitable[None]]


class Wrong(Exception):
    """What came back is not what should have."""


class Devices:
    """What all acts share: numbers for paths, and whom they trust."""

    def __init__(self, public: str, school: str, run: str) -> None:
        self._numbers = count()
        self._run = run
        self._trust = {False: _trusting(public), True: _trusting(school)}

    def path(self, kind: str) -> str:
        """One that nobody has asked for before."""
        return f"/soak/{kind}/{self._run}-{next(self._numbers)}"

    def turn(self, addresses: tuple[str, ...]) -> str:
        return addresses[next(self._numbers) % len(addresses)]

    async def open(
        self, host: str, sender: str, *, tls: bool, ours: bool = False, port: int = 0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection; over TLS, the certificate has to be the site's own, or the school's."""
        return await asyncio.open_connection(
            host,
            port or (443 if tls else 80),
            limit=_HEAD_LIMIT,
            local_addr=(sender, 0),
            ssl=self._trust[ours] if tls else None,
            server_hostname=host if tls else None,
        )

    def context(self, *, ours: bool) -> ssl.SSLContext:
        return self._trust[ours]


def _trusting(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


def _get(host: str, path: str, *more: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: text/html", *more]
    browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"
    return "\r\n".join([*lines, browser, "", ""]).encode()


async def _head(reader: asyncio.StreamReader, status: tuple[int, ...]) -> dict[str, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    if int(first.split(" ")[1]) not in status:
        raise Wrong(first)
    pairs = (line.partition(":") for line in lines if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, head: dict[str, str], nap: float = 0.0) -> int:
    left = total = int(head["content-length"])
    while left:
        data = await reader.read(min(left, _CHUNK))
        if not data:
            raise Wrong(f"{left} bytes of {total} did not come")
        left -= len(data)
        if nap:
            await asyncio.sleep(nap)
    return total


def page(
    host: str,
    senders: tuple[str, ...],
    *,
    tls: bool,
    status: tuple[int, ...] = (200,),
    requests: int = 1,
    ours: bool = False,
) -> Act:
    async def act(devices: Devices) -> None:
        reader, writer = await devices.open(host, devices.turn(senders), tls=tls, ours=ours)
        try:
            for _ in range(requests):
                writer.write(_get(host, devices.path("page")))
                await _body(reader, await _head(reader, status))
        finally:
            writer.close()

    return act


def slow_head(*, tls: bool) -> Act:
    """A request that takes four seconds to be said."""

    async def act(devices: Devices) -> None:
        sender = devices.turn(OFFICE)
        reader, writer = await devices.open(ALLOWED, sender, tls=tls, ours=True)
        try:
            said = _get(ALLOWED, devices.path("slow"))
            for at in range(0, len(said), len(said) // 8):
                writer.write(said[at : at + len(said) // 8])
                await asyncio.sleep(0.5)
            await _body(reader, await _head(reader, (200,)))
        finally:
            writer.close()

    return act


def _hello(context: ssl.SSLContext, host: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host).do_handshake()
    return outgoing.read()


async def half_a_hello(devices: Devices) -> None:
    _, writer = await devices.open(BLOCKED, TEACHERS[0], tls=False, port=443)
    hello = _hello(devices.context(ours=True), BLOCKED)
    writer.write(hello[: len(hello) // 2])
    await asyncio.sleep(0.2)
    _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes without a goodbye."""
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def gone_after_asking(*, tls: bool) -> Act:
    async def act(devices: Devices) -> None:
        sender = devices.turn(OFFICE)
        _, writer = await devices.open(ALLOWED, sender, tls=tls, ours=True)
        writer.write(_get(ALLOWED, devices.path("gone")))
        await writer.drain()
        _reset(writer)

    return act


async def gone_while_reading(devices: Devices) -> None:
    sender = devices.turn(OFFICE)
    reader, writer = await devices.open(ALLOWED, sender, tls=True, ours=True)
    writer.write(_get(ALLOWED, devices.path("bulk")))
    await _head(reader, (200,))
    await reader.read(_CHUNK)
    _reset(writer)


async def gone_while_sending(devices: Devices) -> None:
    sender = devices.turn(TEACHERS)
    _, writer = await devices.open(BLOCKED, sender, tls=True, ours=True)
    head = f"POST /soak/gone HTTP/1.1\r\nHost: {BLOCKED}\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + b"x" * 10_000)
    await writer.drain()
    _reset(writer)


async def silent(devices: Devices) -> None:
    """Says nothing on port 443, and has to be shown the door."""
    reader, writer = await devices.open(BLOCKED, TEACHERS[1], tls=False, port=443)
    try:
        with suppress(ConnectionError):
            if await asyncio.wait_for(reader.read(1), 20):
                raise Wrong("an answer to nothing")
    finally:
        writer.close()


def download(host: str, sender: str, *, tls: bool, ours: bool) -> Act:
    async def act(devices: Devices) -> None:
        reader, writer = await devices.open(host, sender, tls=tls, ours=ours)
        try:
            writer.write(_get(host, devices.path("bulk")))
            if await _body(reader, await _head(reader, (200,)), _NAP) != BULK_BYTES:
                raise Wrong("not the whole file")
        finally:
            writer.close()

    return act


def web_socket(host: str, sender: str, *, ours: bool) -> Act:
    """Two minutes of a word a second, each echoed."""

    async def act(devices: Devices) -> None:
        reader, writer = await devices.open(host, sender, tls=True, ours=ours)
        try:
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            more = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key)
            writer.write(_get(host, devices.path("socket"), *more))
            await _head(reader, (101,))
            for number in range(120):
                word = f"word {number}".encode()
                writer.write(bytes((0x81, 0x80 | len(word), 0, 0, 0, 0)) + word)
                echo = await asyncio.wait_for(reader.readexactly(2 + len(word)), WITHIN)
                if echo[2:] != word:
                    raise Wrong(f"{echo!r} for {word!r}")
                await asyncio.sleep(1)
            writer.write(bytes((0x88, 0x80, 0, 0, 0, 0)))
            await asyncio.wait_for(reader.read(2), WITHIN)
        finally:
            writer.close()

    return act
