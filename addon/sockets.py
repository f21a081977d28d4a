"""The sockets beneath mitmproxy's connections, where its own commands do not reach.

mitmproxy reads on while a hook waits or a site is being connected, and holds what arrives in
memory, without a limit. And a hook that sees where a connection has really led can no longer
refuse it. Both are mended here, on the handler that mitmproxy has for each client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection


class _Brake:
    """Stands in for a handler's `drain_writers`, which it awaits after everything that it reads.

    While somebody holds it, the handler reads nothing more, and TCP slows the client down.
    """

    def __init__(self, drain: Callable[[], Awaitable[None]]) -> None:
        self._drain = drain
        self._holders: set[object] = set()
        self._free = asyncio.Event()
        self._free.set()

    async def __call__(self) -> None:
        await self._free.wait()
        await self._drain()

    def hold(self, holder: object) -> None:
        self._holders.add(holder)
        self._free.clear()

    def release(self, holder: object) -> None:
        self._holders.discard(holder)
        if not self._holders:
            self._free.set()


def hold(client: Client, holder: object) -> None:
    """Has nothing more read from a client until `holder`, and every other, releases it."""
    if handler := _handler(client):
        if not isinstance(handler.drain_writers, _Brake):
            handler.drain_writers = _Brake(handler.drain_writers)
        handler.drain_writers.hold(holder)


def release(client: Client, holder: object) -> None:
    """Takes back what `hold` did; does nothing where nothing is held."""
    handler = _handler(client)
    if handler and isinstance(handler.drain_writers, _Brake):
        handler.drain_writers.release(holder)


def cut(client: Client, connection: Connection) -> None:
    """Ends a connection of a client's at once; nothing that waits to be sent on it leaves."""
    handler = _handler(client)
    streams = handler.transports.get(connection) if handler else None
    if streams and streams.writer:
        streams.writer.transport.abort()


def clients() -> list[Client]:
    """Every client that is connected now."""
    proxyserver: Any = ctx.master.addons.get("proxyserver")  # type: ignore[no-untyped-call]
    return [handler.client for handler in proxyserver.connections.values()]


def _handler(client: Client) -> Any:
    proxyserver: Any = ctx.master.addons.get("proxyserver")  # type: ignore[no-untyped-call]
    return proxyserver.connections.get(client.id)
