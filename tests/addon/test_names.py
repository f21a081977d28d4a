"""One request, one name: what happens to requests whose names differ, hide or cannot be read."""

from __future__ import annotations

import os
import socket
import ssl

import h2.connection
import h2.events
import pytest

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate, read_all


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param(["Host: www.facebook.com"], 403, id="plainly"),
        pytest.param(["Host: WWW.FaceBook.COM"], 403, id="upper case"),
        pytest.param(["Host: www.facebook.com."], 403, id="a trailing dot"),
        pytest.param(["Host: www.unrelated.example"], 421, id="another Host than the target"),
        pytest.param(["Host: www.facebook.com", "Host: www.facebook.com"], 400, id="two Hosts"),
        pytest.param(
            ["Host: www.unrelated.example", "Host: www.facebook.com"], 400, id="two that differ"
        ),
        pytest.param(["Host: bbc.co.uk@www.facebook.com"], 400, id="user information"),
        pytest.param(["Host: www.face\x01book.com"], 400, id="a control character"),
        pytest.param(["Host: www.facebook.com\x00.unrelated.example"], 400, id="a NUL"),
        pytest.param(["Host: www.facebook.com", "X: " + "y" * 65536], 431, id="64 KB of headers"),
    ],
)
def test_over_http_the_target_and_host_are_one_name(
    gate: RunningGate, origin: Origin, lines: list[str], status: int
) -> None:
    head = "\r\n".join(
        [f"GET http://www.facebook.com:{origin.port}/ HTTP/1.1", *lines, "Connection: close"]
    )
    answer = gate.talk(f"{head}\r\n\r\n".encode("latin-1"))
    assert int(answer.split()[1]) == status
    assert origin.seen == []
    (event,) = gate.events()
    assert (event["site"], event["allowed"]) == ("facebook", 0)


@pytest.mark.parametrize(
    "target",
    ["http://WWW.Unrelated.Example:{port}/", "http://www.unrelated.example.:{port}/"],
)
def test_the_one_canonical_name_is_what_the_site_is_sent(
    gate: RunningGate, origin: Origin, target: str
) -> None:
    url = target.format(port=origin.port)
    host = url.split("/")[2]
    answer = gate.talk(f"GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert origin.seen[0].host == f"www.unrelated.example:{origin.port}"


def test_a_false_host_in_an_unrelated_request_goes_nowhere_and_leaves_no_row(
    gate: RunningGate, origin: Origin
) -> None:
    answer = gate.talk(
        f"GET http://www.unrelated.example:{origin.port}/ HTTP/1.1\r\nHost: other.example\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 421")
    assert origin.seen == []
    assert gate.events() == []


@pytest.mark.parametrize(
    ("target", "server_name", "host", "status", "on_record"),
    [
        pytest.param("www.facebook.com", "www.facebook.com", None, 403, True, id="plainly"),
        pytest.param("www.facebook.com", "WWW.FACEBOOK.COM", None, 403, True, id="upper case"),
        pytest.param("www.facebook.com", "www.facebook.com.", None, 403, True, id="a dot"),
        pytest.param("x.com", "x.com", "www.facebook.com", 421, True, id="Host is another site"),
        pytest.param("x.com", "x.com", "www.unrelated.example", 421, True, id="Host is unrelated"),
        pytest.param(
            "www.unrelated.example", "x.com", "x.com", 421, True, id="CONNECT is unrelated"
        ),
        pytest.param(
            "x.com", "www.unrelated.example", "x.com", 421, True, id="server name is unrelated"
        ),
        pytest.param("x.com", None, "www.facebook.com", 421, True, id="no server name, lying"),
        pytest.param(
            "93.184.215.14", None, "www.facebook.com", 403, True, id="an address, named inside"
        ),
        pytest.param(
            "93.184.215.14", None, "www.unrelated.example", 421, False, id="an address, unrelated"
        ),
        pytest.param(
            "93.184.215.14", None, "93.184.215.14", 421, False, id="an address and no name"
        ),
    ],
)
def test_over_tls_connect_server_name_and_host_are_one_name(
    gate: RunningGate,
    tls_origin: Origin,
    target: str,
    server_name: str | None,
    host: str | None,
    status: int,
    on_record: bool,
) -> None:
    port = tls_origin.port
    with gate.tunnel(target, port, server_name) as connection:
        host = host or server_name
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = connection.recv(4096)
    assert int(answer.split()[1]) == status
    assert tls_origin.seen == []
    assert len(gate.events()) == on_record


def test_an_unrelated_name_on_a_restricted_sites_address_is_dialled_by_its_name(
    gate: RunningGate, tls_origin: Origin
) -> None:
    # 157.240.1.35 is Facebook's; the test's name service would lead any *name* to the origin.
    with gate.tunnel("157.240.1.35", tls_origin.port, "www.unrelated.example") as connection:
        issuer = connection.getpeercert()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: www.unrelated.example\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert issuer
    assert gate.events() == []


def test_http2_streams_on_one_connection_are_judged_each_by_its_own_authority(
    gate: RunningGate, tls_origin: Origin
) -> None:
    port = tls_origin.port
    authorities = [f"x.com:{port}", f"www.facebook.com:{port}", f"www.unrelated.example:{port}"]
    with gate.tunnel("x.com", port, "x.com", alpn=["h2"]) as connection:
        statuses = _http2(connection, authorities)
    assert statuses == ["200", "421", "421"]
    assert [seen.host for seen in tls_origin.seen] == [f"x.com:{port}"]
    assert [event["site"] for event in gate.events()] == ["x", "facebook", "x"]


def _http2(connection: ssl.SSLSocket, authorities: list[str]) -> list[str]:
    assert connection.selected_alpn_protocol() == "h2"
    client = h2.connection.H2Connection()
    client.initiate_connection()
    for number, authority in enumerate(authorities):
        client.send_headers(
            2 * number + 1,
            [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", authority),
                (":path", "/"),
            ],
            end_stream=True,
        )
    connection.sendall(client.data_to_send())
    statuses: dict[int, str] = {}
    ended = 0
    while ended < len(authorities):
        data = connection.recv(65536)
        assert data
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                statuses[event.stream_id] = dict(event.headers)[b":status"].decode()
            elif isinstance(event, h2.events.StreamEnded):
                ended += 1
        connection.sendall(client.data_to_send())
    return [statuses[stream] for stream in sorted(statuses)]


def test_noise_after_connect_is_closed(gate: RunningGate) -> None:
    with gate.tunnel("x.com", 443, "x.com") as connection:
        connection.sendall(b"\x00\x01\x02 not http\r\n\r\n")
        assert not read_all(connection).startswith(b"HTTP/1.1 200")


def test_a_name_servers_port_leads_nowhere_undecided(gate: RunningGate) -> None:
    """mitmproxy has a way of its own for ports 53 and 5353, which passes by every other hook."""
    question = bytes.fromhex("1234 0100 0001 0000 0000 0000 0161 00 0001 0001")
    own = f"127.5.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    gate.lead = lambda _: own
    with socket.create_server((own, 5353)) as name_server:
        name_server.settimeout(1)
        with socket.create_connection(("127.0.0.1", gate.port), timeout=2) as connection:
            connection.sendall(
                b"CONNECT www.facebook.com:5353 HTTP/1.1\r\nHost: www.facebook.com:5353\r\n\r\n"
            )
            connection.recv(4096)
            connection.sendall(len(question).to_bytes(2, "big") + question)
            connection.recv(4096)
        with pytest.raises(TimeoutError):
            name_server.accept()


@pytest.mark.parametrize(
    ("target", "status", "site"),
    [
        ("/web/2020/https://www.facebook.com/somebody", 403, ["facebook"]),
        ("/save?u=https%3A%2F%2Fwww.facebook.com%2F", 403, ["facebook"]),
        ("/web/2020/https://www.unrelated.example/", 200, []),
    ],
)
def test_a_mirror_is_judged_by_the_site_that_it_shows(
    gate: RunningGate, tls_origin: Origin, target: str, status: int, site: list[str]
) -> None:
    with gate.client() as client:
        answer = client.get(f"https://web.archive.org:{tls_origin.port}{target}")
    assert answer.status_code == status
    assert len(tls_origin.seen) == (status == 200)
    assert [event["site"] for event in gate.events()] == site
    assert "somebody" not in repr(gate.events())


def test_what_is_asked_for_in_the_clear_and_fetched_over_tls_is_on_record_as_https(
    gate: RunningGate, tls_origin: Origin
) -> None:
    host = f"x.com:{tls_origin.port}"
    answer = gate.talk(
        f"GET https://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 200")
    (event,) = gate.events()
    assert event["scheme"] == "https"


def test_a_server_name_with_a_final_dot_is_put_right_for_the_site_too(
    gate: RunningGate, tls_origin: Origin
) -> None:
    port = tls_origin.port
    with gate.tunnel("x.com", port, "x.com.") as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: x.com.:{port}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    assert [seen.host for seen in tls_origin.seen] == [f"x.com:{port}"]
