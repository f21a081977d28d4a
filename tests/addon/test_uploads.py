"""Refused requests with a body: answered at once, whatever the size, without being held."""

from __future__ import annotations

import os
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate, wait_until

MEGABYTE = 1 << 20


def resident() -> int:
    """Bytes of this process, the proxy included, in memory now (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def pieces(count: int) -> Iterator[bytes]:
    piece = b"u" * 65536
    for _ in range(count * 16):
        yield piece


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_refused_upload_of_any_size_is_answered_without_being_held(
    gate: RunningGate, tls_origin: Origin, chunked: bool, http2: bool
) -> None:
    url = f"https://www.facebook.com:{tls_origin.port}/upload"
    size = 300
    headers = {"accept": "text/html"}
    if not chunked:
        headers["content-length"] = str(size * MEGABYTE)
    with gate.client(http2=http2) as client:
        client.post(url, content=b"warm")
        before = resident()
        answer = client.post(url, content=pieces(size), headers=headers, timeout=60)
        grown = resident() - before
    assert answer.status_code == 403
    assert "school purpose" in answer.text
    assert grown < 30 * MEGABYTE
    assert tls_origin.seen == []


def test_one_connection_carries_refused_uploads_and_allowed_requests_in_turn(
    gate: RunningGate, origin: Origin
) -> None:
    """httpx keeps its connection to the proxy, so each answer must end where it says it ends."""
    limits = httpx.Limits(max_connections=1)
    with gate.client(limits=limits, headers={"accept": "text/html"}) as client:
        for _ in range(5):
            refused = client.post(f"http://www.facebook.com:{origin.port}/", content=pieces(1))
            assert (refused.status_code, refused.text[:15]) == (403, "<!doctype html>")
            allowed = client.post(f"http://x.com:{origin.port}/", content=b"12345")
            assert allowed.text == "5\n"
            head = client.head(f"http://www.facebook.com:{origin.port}/")
            assert (head.status_code, head.content) == (403, b"")
    assert len(gate.master.addons.get("proxyserver").connections) <= 1


def test_a_client_that_waits_for_100_continue_is_refused_before_it_sends(
    gate: RunningGate, origin: Origin
) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as connection:
        connection.sendall(
            f"POST http://www.facebook.com:{origin.port}/ HTTP/1.1\r\n"
            f"Host: www.facebook.com:{origin.port}\r\n"
            "Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")


def test_a_client_that_goes_away_in_the_middle_leaves_nothing_open(
    gate: RunningGate, origin: Origin
) -> None:
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as connection:
            connection.sendall(
                f"POST http://www.facebook.com:{origin.port}/ HTTP/1.1\r\n"
                f"Host: www.facebook.com:{origin.port}\r\nContent-Length: 1000000\r\n\r\n".encode()
                + b"x" * 1000
            )
            connection.recv(4096)
    proxyserver = gate.master.addons.get("proxyserver")
    wait_until(lambda: not proxyserver.connections and not gate.gate.sink._connections)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"zz\r\nnot a chunk\r\n", id="a chunk size that is no number"),
        pytest.param(b"5\r\nabc", id="a chunk that ends early"),
    ],
)
def test_bad_chunks_never_reach_the_site_as_a_second_request(
    gate: RunningGate, origin: Origin, body: bytes
) -> None:
    head = (
        f"POST http://x.com:{origin.port}/ HTTP/1.1\r\nHost: x.com:{origin.port}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    gate.talk(head.encode() + body, first=1)
    assert all(seen.method == "POST" and seen.path == "/" for seen in origin.seen)
    with gate.client() as client:
        assert client.get(f"http://x.com:{origin.port}/after").status_code == 200


def test_both_a_length_and_chunks_is_refused(gate: RunningGate, origin: Origin) -> None:
    answer = gate.talk(
        f"POST http://x.com:{origin.port}/ HTTP/1.1\r\nHost: x.com:{origin.port}\r\n"
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 400")
    assert origin.seen == []


def test_the_page_over_tls_1_2_and_1_3(gate: RunningGate, tls_origin: Origin) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = gate.trust()
        context.minimum_version = context.maximum_version = version
        with httpx.Client(proxy=gate.proxy, verify=context) as client:
            assert client.get(f"https://www.facebook.com:{tls_origin.port}/").status_code == 403


def test_an_upload_is_not_held_in_memory_while_the_record_is_waited_for(
    gate: RunningGate, origin: Origin
) -> None:
    other = sqlite3.connect(gate.state / "record.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with socket.create_connection(("127.0.0.1", gate.port), timeout=0.5) as connection:
        connection.sendall(
            f"POST http://x.com:{origin.port}/ HTTP/1.1\r\nHost: x.com:{origin.port}\r\n"
            "Content-Length: 9000000000\r\n\r\n".encode()
        )
        before = resident()
        with suppress(TimeoutError):
            for piece in pieces(200):
                connection.sendall(piece)
        grown = resident() - before
    other.execute("ROLLBACK")
    other.close()
    assert grown < 30 * MEGABYTE
    assert origin.seen == []
    wait_until(lambda: not gate.master.addons.get("proxyserver").connections)


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        pytest.param("GET http://x.com/ HTTP/1.1\r\nX: ", b"HTTP/1.1 431", id="a header"),
        pytest.param("GET http://x.com/", b"HTTP/1.1 431", id="a request line"),
        pytest.param(
            "POST http://x.com:{port}/ HTTP/1.1\r\nHost: x.com:{port}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n5;",
            b"",
            id="a chunk's first line",
        ),
        pytest.param(
            "GET http://x.com:{port}/stream HTTP/1.1\r\nHost: x.com:{port}\r\n\r\n",
            b"HTTP/1.1 200",
            id="requests before their turn",
        ),
    ],
)
def test_a_head_without_an_end_is_not_held(
    gate: RunningGate, origin: Origin, head: str, answer: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=2) as connection:
        connection.sendall(head.format(port=origin.port).encode())
        before = resident()
        received = b""
        with suppress(OSError):
            for piece in pieces(100):
                connection.sendall(piece)
            received = connection.recv(4096)
        grown = resident() - before
    assert grown < 20 * MEGABYTE
    assert received in (b"", answer) or received.startswith(answer)
    wait_until(lambda: not gate.master.addons.get("proxyserver").connections)
