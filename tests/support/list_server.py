"""A real web server on loopback that serves lists, well and badly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Serve = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class ListServer:
    """What is served at each path, and what was asked for."""

    pages: dict[str, Serve] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    def at(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"


def content(data: bytes, **headers: str) -> Serve:
    """Serve bytes, and 304 to those who have this version already."""

    def serve(request: BaseHTTPRequestHandler) -> None:
        etag, modified = headers.get("ETag"), headers.get("Last_Modified")
        known = request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")
        if (etag and known[0] == etag) or (modified and known[1] == modified):
            request.send_response(304)
            request.end_headers()
            return
        request.send_response(200)
        for name, value in {"Content_Length": str(len(data)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return serve


def answer(status: int, **headers: str) -> Serve:
    """Serve a status without a body."""

    def serve(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": "0", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return serve


def dripping(chunks: int, pause: float, length: int | None = None) -> Serve:
    """Serve a few bytes at a time; `length` is what is announced."""

    def serve(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length is not None:
            request.send_header("Content-Length", str(length))
        request.end_headers()
        for _ in range(chunks):
            request.wfile.write(b"larch.example\n")
            request.wfile.flush()
            time.sleep(pause)

    return serve


@contextmanager
def list_server() -> Iterator[ListServer]:
    """Run one until the end of the block."""
    served = ListServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, dict(self.headers)))
            # The other side may have had enough, which is what some tests are about.
            with suppress(BrokenPipeError, ConnectionResetError):
                served.pages.get(self.path, answer(404))(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
