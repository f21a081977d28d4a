"""Clients that ask for one page over TLS, through a proxy's CONNECT or straight, again and again.

wrk cannot speak TLS through a proxy, nor read a page that ends with its connection, so this does:
blocking sockets, a thread for each client, in two processes so that the clients are not what is
measured (a handshake costs them a fifth of what it costs a proxy). They check the status of every
answer, and no certificates: that is work of theirs which would only hide the proxy's. Sessions are
never resumed.

Runs by itself, because it has to be inside the network namespace:
python -m tests.bench.tls_clients --host HOST [--proxy PORT | --direct] [--clients 20] [--seconds 5]
[--keep]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import ssl
import statistics
import threading
import time
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from typing import Any

_PROCESSES = 2
_TIMEOUT = 20.0  # seconds


class Client:
    """One client: a connection at a time, and how long each answer took in seconds."""

    def __init__(
        self, host: str, proxy: int | None, status: bytes, keep: bool, direct: bool
    ) -> None:
        self._host, self._proxy, self._keep = host, proxy, keep
        self._to = (host, 443) if direct else ("127.0.0.1", proxy or 443)
        self._expected = b"HTTP/1.1 " + status + b" "
        self._request = (
            f"GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n\r\n"
        ).encode()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self.took: list[float] = []
        self.failed: list[str] = []

    def run(self, end: float) -> None:
        connection: ssl.SSLSocket | None = None
        while (begun := time.perf_counter()) < end:
            try:
                connection = connection or self._connect()
                self._ask(connection)
                if not self._keep:
                    connection.close()
                    connection = None
            except (OSError, ValueError) as error:
                self.failed.append(str(error))
                connection = None
            else:
                self.took.append(time.perf_counter() - begun)
        if connection:
            connection.close()

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(self._to, _TIMEOUT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._proxy:
            place = f"{self._host}:443"
            plain.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            answer = plain.recv(4096)
            if b" 200 " not in answer:
                raise ValueError(f"CONNECT was answered {answer[:80]!r}")
        return self._tls.wrap_socket(plain, server_hostname=self._host)

    def _ask(self, connection: ssl.SSLSocket) -> None:
        connection.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += _some(connection)
        if not received.startswith(self._expected):
            raise ValueError(f"the answer was {received[:40]!r}")
        head, _, body = received.partition(b"\r\n\r\n")
        fields = head.lower().partition(b"content-length:")[2]
        if not fields:
            self._read_to_the_end(connection)
            return
        left = int(fields.partition(b"\r\n")[0]) - len(body)
        while left > 0:
            left -= len(_some(connection))

    def _read_to_the_end(self, connection: ssl.SSLSocket) -> None:
        if self._keep:
            raise ValueError("the answer has no length, so no second one can follow")
        with suppress(ssl.SSLEOFError):  # some do not say goodbye
            while connection.recv(65536):
                pass


def _some(connection: ssl.SSLSocket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ValueError("the connection was closed")
    return data


def _process(
    barrier: Barrier, results: Any, clients: int, seconds: float, asked: tuple[Any, ...]
) -> None:
    crowd = [Client(*asked) for _ in range(clients)]
    barrier.wait()
    begun = time.perf_counter()
    threads = [threading.Thread(target=one.run, args=(begun + seconds,)) for one in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = [each for one in crowd for each in one.took]
    failed = [each for one in crowd for each in one.failed]
    results.put((took, failed, time.perf_counter() - begun))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--proxy", type=int)
    parser.add_argument("--direct", action="store_true", help="to the host's own address")
    parser.add_argument("--status", default="200")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--keep", action="store_true", help="many requests on one connection")
    options = parser.parse_args()
    asked = (options.host, options.proxy, options.status.encode(), options.keep, options.direct)
    processes = min(_PROCESSES, options.clients)
    barrier = multiprocessing.Barrier(processes)
    results: multiprocessing.Queue[Any] = multiprocessing.Queue()
    each = options.clients // processes
    children = [
        multiprocessing.Process(
            target=_process, args=(barrier, results, each, options.seconds, asked)
        )
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    found = [results.get() for _ in children]
    for child in children:
        child.join()
    took = sorted(one for times, _, _ in found for one in times)
    failed = [one for _, faults, _ in found for one in faults]
    figures = {
        "requests": len(took),
        "seconds": max(seconds for _, _, seconds in found),
        "refused": len(took) if options.status == "403" else 0,
        "failed": len(failed),
        "fault": failed[0] if failed else None,
        "p50_ms": statistics.median(took) * 1000 if took else 0.0,
        "p99_ms": took[len(took) * 99 // 100] * 1000 if took else 0.0,
    }
    print("\nFIGURES", json.dumps(figures))


if __name__ == "__main__":
    main()
