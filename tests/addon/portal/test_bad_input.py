"""Noise on the portal's socket is refused or gets a plain page; the next visitor is served."""

import socket
from contextlib import suppress

import pytest


def exchange(portal, *parts):
    """Send bytes, end, and read all that comes back."""
    with socket.create_connection(("127.0.0.1", portal.port), timeout=60) as connection:
        answer = b""
        # A server that has had enough closes while we still talk: "broken pipe", "reset by peer",
        # "not connected" (which is no ConnectionError), each in its turn.
        with suppress(OSError):
            for part in parts:
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while more := connection.recv(65536):
                answer += more
    return answer


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {b"200", b"400", b"503"}),
        (b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", {b"200", b"400"}),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", {b"431", b""}),
        (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", {b"431", b"404", b""}),
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: a\r\n\r\n", {b"200", b"404", b"503"}),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", {b"400", b"404", b"405"}),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {b"400"}),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {b"400"}),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", {b"413"}),
        (b"GET / HT", {b""}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, {b"400", b""}),
        (b"\r\n\r\n\r\n", {b"400", b""}),
    ],
)
def test_noise_is_refused_and_the_next_visitor_is_served(portal, sent, statuses):
    answer = exchange(portal, sent)
    assert (answer.split(b" ")[1:2] or [b""])[0] in statuses, answer[:200]
    assert b"Traceback" not in answer
    assert portal.get("/").status == 200


def test_two_hosts_do_not_get_details(portal):
    answer = exchange(portal, b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b.example\r\n\r\n")
    assert b"digest" not in answer
