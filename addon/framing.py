"""The body that only HTTP/2 can end.

An HTTP/2 request need not say how long its body is: the stream's end does. Where the site speaks
HTTP/1, mitmproxy sends such a body on bare, behind a head that promises none, and the site takes
it for the next request, which nobody has judged or put on record (RFC 9113, section 10.5.2, and
RFC 9112, section 11.2, on request smuggling). Which version the site speaks shows only once it is
connected, after the request was decided; so the body is watched as it goes.
"""

from __future__ import annotations

from mitmproxy.http import HTTPFlow

from addon.sink import Count

LENGTH_REQUIRED = 411
"""RFC 9110, section 15.5.12: the server wants a Content-Length."""


class Framed(Count):
    """A request stream that counts a body and lets it go on only where it cannot be misread."""

    def __init__(self, flow: HTTPFlow) -> None:
        super().__init__()
        self._flow = flow
        self.held_back = False

    def __call__(self, data: bytes) -> bytes:
        if data and self._has_no_end():
            self.held_back = True
            return b""
        return super().__call__(data)

    def _has_no_end(self) -> bool:
        request = self._flow.request
        return (
            (request.is_http2 or request.is_http3)
            and "content-length" not in request.headers
            and self._flow.server_conn.alpn != b"h2"
        )


def body_was_held_back(flow: HTTPFlow) -> bool:
    """Whether a body without a length was kept from a site that would have misread it."""
    stream = flow.request.stream
    return isinstance(stream, Framed) and stream.held_back
