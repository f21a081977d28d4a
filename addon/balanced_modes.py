"""mitmproxy behind a balancer: two modes of our own that take connections with a PROXY header.

`gateway` is the transparent mode, with the header's destination in place of what the kernel knows;
`balanced` is the regular one. Being loaded is what makes mitmproxy know them: subclasses of its two
base classes register themselves under the mode's name.

The header says who the client is, so whoever could send one could be anybody. Both modes listen for
this machine alone and close every connection that does not begin with one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Any, cast

import mitmproxy_rs
from mitmproxy import ctx
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ProxyConnectionHandler

from addon.proxy_protocol import HeaderError, Proxied, read_header

log = logging.getLogger("schoolgate")

HEADER_WITHIN = 2.0
"""Seconds; HAProxy sends it with the first packet."""

WELL = b"ready\n"
"""What a check is answered with: by the event loop, so that a worker that hangs does not say it."""

_WAITING = 1024  # connections that the kernel accepts for us while we are busy


class _BalancedMode:
    transport_protocol = mode_specs.TCP

    def __post_init__(self) -> None:
        data = cast(mode_specs.ProxyMode, self).data
        if data:
            raise ValueError("mode takes no arguments")


class GatewayMode(_BalancedMode, mode_specs.ProxyMode):
    """The transparent proxy behind a balancer."""

    description = "transparent proxy behind a balancer"


class BalancedMode(_BalancedMode, mode_specs.ProxyMode):
    """The explicit proxy behind a balancer."""

    description = "proxy behind a balancer"


class _BehindBalancer[Mode: mode_specs.ProxyMode](AsyncioServerInstance[Mode]):
    async def listen(self, host: str, port: int) -> list[Any]:
        if not ipaddress.ip_address(host).is_loopback:
            raise OSError(0, "a worker behind a balancer listens on loopback only")
        return [await asyncio.start_server(self.handle_stream, host, port, backlog=_WAITING)]

    async def handle_stream(
        self,
        reader: asyncio.StreamReader | mitmproxy_rs.Stream,
        writer: asyncio.StreamWriter | mitmproxy_rs.Stream | None = None,
    ) -> None:
        assert isinstance(reader, asyncio.StreamReader)
        assert isinstance(writer, asyncio.StreamWriter)
        proxied = await self._header(reader, writer)
        if proxied is None:
            return
        handler = ProxyConnectionHandler(ctx.master, reader, writer, ctx.options, self.mode)
        context = handler.layer.context
        context.client.peername = (*proxied.source,)
        context.client.sockname = (*proxied.destination,)
        self.meet(context, proxied)
        handler.layer = self.make_top_layer(context)
        with self.manager.register_connection(context.client.id, handler):
            await handler.handle_client()

    def meet(self, context: Context, proxied: Proxied) -> None:
        """Takes from the header what the mode needs beyond who the client is."""

    async def _header(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Proxied | None:
        """The header, or None where the connection has been closed."""
        try:
            peer = writer.get_extra_info("peername")
            if not peer or not ipaddress.ip_address(peer[0]).is_loopback:
                raise HeaderError("it came from another machine")
            proxied = await read_header(reader, HEADER_WITHIN)
        except HeaderError as error:
            log.debug("A connection without a PROXY header was closed: %s.", error)
            writer.transport.abort()
            return None
        if proxied is None:
            writer.write(WELL)
            writer.close()
        return proxied


class GatewayInstance(_BehindBalancer[GatewayMode]):
    """Serves `gateway`."""

    def make_top_layer(self, context: Context) -> Layer:
        """As in mitmproxy's transparent mode."""
        return modes.TransparentProxy(context)

    def meet(self, context: Context, proxied: Proxied) -> None:
        """The header's destination is where the client wanted to go."""
        context.server.address = (*proxied.destination,)


class BalancedInstance(_BehindBalancer[BalancedMode]):
    """Serves `balanced`."""

    def make_top_layer(self, context: Context) -> Layer:
        """As in mitmproxy's regular mode."""
        return modes.HttpProxy(context)
