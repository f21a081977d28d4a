"""Where the body of a refused upload goes: nowhere, without being held.

mitmproxy can answer a request at once only by first buffering its whole body, and killing the
connection instead hangs HTTP/1 clients. So a refused request that has a body is pointed at this
listener on loopback, which answers every request head with the same small 403. The body is dropped
on the way (`Discard`), and the answer is replaced by the real one on its way back (`Replace`), so
that neither the body nor anything else of the request leaves mitmproxy.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from mitmproxy.http import Headers, HTTPFlow

_HEAD = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\n\r\n"
_LONGEST_HEAD = 4096


class Sink:
    """The loopback listener. `start` and `stop` run on mitmproxy's event loop."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self.address: tuple[str, int] = ("127.0.0.1", 0)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=_LONGEST_HEAD)
        self.address = self._server.sockets[0].getsockname()[:2]

    def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in tuple(self._connections):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    # An answer to HEAD has no body, whatever its length says (RFC 9110, 9.3.2).
                    writer.write(_HEAD if head.startswith(b"HEAD ") else _HEAD + b".")
                    await writer.drain()
        finally:
            self._connections.discard(writer)
            writer.close()

    def redirect(self, flow: HTTPFlow) -> None:
        """Points a request whose headers have just arrived here, bare but for its method."""
        request = flow.request
        host, port = self.address
        # mitmproxy reads the client's own wish to close from these headers later on.
        connection = request.headers.get("connection")
        request.headers = Headers(host=f"{host}:{port}", content_length="0")
        if connection:
            request.headers["connection"] = connection
        request.data.authority = b""
        request.data.host, request.data.port = host, port
        request.data.scheme = b"http"
        request.path = "/"

    def answered(self, flow: HTTPFlow) -> bool:
        """Whether a flow's response came from here."""
        return flow.server_conn.address == self.address


class Discard:
    """A request stream that lets nothing through, and knows whether it was ever used.

    mitmproxy calls it only for a request that has a body still to come.
    """

    def __init__(self) -> None:
        self.used = False
        self.bytes = 0

    def __call__(self, data: bytes) -> tuple[bytes, ...]:
        self.used = True
        self.bytes += len(data)
        return ()


class Replace:
    """A response stream that gives one body, whatever came."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __call__(self, data: bytes) -> bytes:
        body, self._body = self._body, b""
        return body


class Count:
    """A stream that passes everything on and counts it."""

    def __init__(self) -> None:
        self.used = False
        self.bytes = 0

    def __call__(self, data: bytes) -> bytes:
        self.used = True
        self.bytes += len(data)
        return data
