"""A website to reach, or not to reach: it remembers every request it saw.

HTTP/1.1 with and without TLS on loopback, WebSockets on /socket, an endless upload on any POST, a
slow stream on /stream, and on /stream/NAME one that ends when /release/NAME is asked for. Real
sockets, real TLS. It also runs as a process of its own, inside a network namespace:
`python -m tests.support.origin --http 80 --https 443 --cert FILE --log FILE` writes each request
it saw to a file, one JSON object a line, before it answers.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import signal
import socket
import socketserver
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


_released: defaultdict[str, threading.Event] = defaultdict(threading.Event)
"""The streams with a name that were let go, at whichever origin of this process."""


@dataclass
class Seen:
    """One request that reached the origin."""

    method: str
    path: str
    host: str
    body: int
    tls: bool = False
    reached: str = ""  # the address of the origin's that the request came to
    at: float = field(default_factory=time.monotonic)
    sender: str = ""  # the address that the request came from
    server_name: str = ""  # what the connection's ClientHello named
    version: str = "HTTP/1.1"


class Handler(BaseHTTPRequestHandler):
    """One connection. `origin` is the site that it came to."""

    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True
    origin: ClassVar[Origin]

    def do_GET(self) -> None:
        self._see(0)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
        elif self.path.startswith("/stream"):
            self._stream()
        elif self.path.startswith("/release/"):
            _released[self.path.removeprefix("/release/")].set()
            self._answer(b"released\n")
        elif page := self.origin.pages.get(self.path.partition("?")[0]):
            self._answer(page, "text/html; charset=utf-8")
        else:
            self._answer(f"origin {self.headers['Host']} {self.path}\n".encode())

    do_HEAD = do_DELETE = do_OPTIONS = do_GET

    def do_POST(self) -> None:
        self._answer(b"%d\n" % self._see(self._read_body()))

    do_PUT = do_POST

    def _see(self, body: int) -> int:
        self.origin.see(
            Seen(
                self.command,
                self.path,
                self.headers.get("Host", ""),
                body,
                isinstance(self.connection, ssl.SSLSocket),
                self.connection.getsockname()[0].removeprefix("::ffff:"),
                sender=self.client_address[0].removeprefix("::ffff:"),
                server_name=server_name(self.connection),
            )
        )
        return body

    def _answer(self, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.send_header("Alt-Svc", 'h3=":443"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _read_body(self) -> int:
        total = 0
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while size := int(self.rfile.readline(), 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
                self.origin.body_bytes = total
            self.rfile.readline()
            return total
        left = int(self.headers.get("Content-Length", 0))
        while left and (chunk := self.rfile.read1(min(left, 65536))):
            left -= len(chunk)
            total += len(chunk)
            self.origin.body_bytes = total
        return total

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\nfirst\n\r\n")
        # Where nobody can tell it, it ends by itself.
        name = self.path.removeprefix("/stream").strip("/")
        (_released[name] if name else self.origin.release).wait(60)
        self.wfile.write(b"5\r\nlast\n\r\n0\r\n\r\n")

    def _websocket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + _WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        while True:  # echoes short text frames until a close frame
            head = self.rfile.read(2)
            if len(head) < 2:
                break
            length = head[1] & 0x7F
            if length == 126:
                length = int.from_bytes(self.rfile.read(2), "big")
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))
            size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
            self.wfile.write(head[:1] + size + data)
            if head[0] & 0x0F == 8:
                break
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def server_name(connection: socket.socket) -> str:
    """What the client's hello named, where the context noted it."""
    return str(getattr(connection, "named", None) or "")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


class Origin:
    """Listens from `with` on. `tls` is a server context, or None for plain HTTP.

    `host` `::` is every address of both families. `pages` are HTML documents by path. `tell` hears
    of each request before it is answered. `handler` is one that can do more.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        pages: dict[str, bytes] | None = None,
        tell: Callable[[Seen], None] = lambda seen: None,
        handler: type[Handler] = Handler,
    ):
        self.seen: list[Seen] = []
        self.body_bytes = 0
        self.release = threading.Event()
        self.pages = pages or {}
        self._tell = tell
        self._server = _Server((host, port), type("Handler", (handler,), {"origin": self}))
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]

    def see(self, seen: Seen) -> None:
        self._tell(seen)
        self.seen.append(seen)

    def __enter__(self) -> Origin:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="tests.support.origin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http", type=int, required=True)
    parser.add_argument("--https", type=int, required=True)
    parser.add_argument("--cert", type=Path, required=True, help="key and certificates, PEM")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--pages", type=Path, help="a folder of NAME.html, each served as /NAME")
    arguments = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert)
    files = arguments.pages.glob("*.html") if arguments.pages else ()
    pages = {f"/{file.stem}": file.read_bytes() for file in files}
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    one_at_a_time = threading.Lock()
    with ExitStack() as stack:
        log = stack.enter_context(arguments.log.open("a", encoding="utf-8"))

        def tell(seen: Seen) -> None:
            with one_at_a_time:
                log.write(json.dumps(asdict(seen)) + "\n")
                log.flush()

        for tls, port in ((None, arguments.http), (context, arguments.https)):
            stack.enter_context(Origin(tls, arguments.host, port, pages=pages, tell=tell))
        stop.wait()


if __name__ == "__main__":
    main()
