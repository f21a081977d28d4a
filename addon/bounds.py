"""Bounds on what mitmproxy holds of an HTTP/1 message that is not whole yet.

mitmproxy collects a message's head, a chunk's size line and requests that come before their turn
without a limit, and has no option for one; a single client could fill the memory. It also gives up
with a traceback on trailers after the last chunk, which anybody may send and anybody may ignore
(RFC 9112, section 7.1.2). There is no hook for either, so its two HTTP/1 classes are exchanged for
bounded ones.
"""

from __future__ import annotations

from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import events, layers
from mitmproxy.proxy.commands import CloseConnection, SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp

MOST = 256 * 1024
"""Bytes; five times what a request's headers may have in all."""


class _Bounded(_http1.Http1Connection):
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.state == self.done:
            return
        yield from super()._handle_event(event)
        if isinstance(event, events.DataReceived) and len(self.buf) > MOST:
            yield from self._end()

    def _end(self) -> CommandGenerator[None]:
        self.buf = ReceiveBuffer()
        self.state = self.done
        if self.request is None and isinstance(self, _http1.Http1Server):
            yield SendData(self.conn, _http1.make_error_response(431))
        yield CloseConnection(self.conn)
        if self.request is not None and self.stream_id is not None:
            yield ReceiveHttp(
                self.ReceiveProtocolError(
                    self.stream_id, "a message's head is too large", self.ReceiveProtocolError.code
                )
            )


class _BoundedServer(_Bounded, _http1.Http1Server):
    """Towards a client."""


class _BoundedClient(_Bounded, _http1.Http1Client):
    """Towards a site."""


class _WithoutTrailers(ChunkedReader):
    def __call__(self, buf: Any) -> Any:
        event = super().__call__(buf)
        return h11.EndOfMessage() if isinstance(event, h11.EndOfMessage) else event


def _body_reader(size: int | None) -> Any:
    return _WithoutTrailers() if size is None else _unbounded_body_reader(size)


_unbounded_body_reader = _http1.make_body_reader


def set_bounds() -> None:
    """Exchanges mitmproxy's classes for the bounded ones, in this process, for good."""
    http: Any = layers.http
    http.Http1Server, http.Http1Client = _BoundedServer, _BoundedClient
    http1: Any = _http1
    http1.make_body_reader = _body_reader


def drop_trailers(flow: HTTPFlow) -> None:
    """Takes trailers off on the way from HTTP/2 to HTTP/1, where mitmproxy fails over them."""
    if flow.server_conn.alpn != b"h2":
        flow.request.trailers = None
    if flow.response and flow.client_conn.alpn != b"h2":
        flow.response.trailers = None
