"""One request at the gate is one request at the site: nothing hides inside another or behind it."""

from __future__ import annotations

import ssl

import h2.config
import h2.connection
import h2.events
import pytest

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate

HIDDEN = b"GET /in/somebody HTTP/1.1\r\nHost: www.facebook.com\r\n\r\n"


def ask_http2(
    connection: ssl.SSLSocket, headers: list[tuple[str | bytes, str | bytes]], body: bytes = b""
) -> str:
    """Sends one request as it stands, valid or not; the status, or '' if the stream was ended."""
    assert connection.selected_alpn_protocol() == "h2"
    client = h2.connection.H2Connection(
        h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    )
    client.initiate_connection()
    client.send_headers(1, headers, end_stream=not body)
    if body:
        client.send_data(1, body, end_stream=True)
    connection.sendall(client.data_to_send())
    status = ""
    while data := connection.recv(65536):
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[b":status"].decode()
            elif isinstance(
                event,
                h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated,
            ):
                return status
        connection.sendall(client.data_to_send())
    return status


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_http2_body_without_a_length_never_becomes_a_request_of_its_own(
    gate: RunningGate, tls_origin: Origin, method: str
) -> None:
    authority = f"www.linkedin.com:{tls_origin.port}"
    with gate.tunnel("www.linkedin.com", tls_origin.port, "www.linkedin.com", alpn=["h2"]) as link:
        status = ask_http2(
            link,
            [
                (":method", method),
                (":scheme", "https"),
                (":authority", authority),
                (":path", "/jobs"),
            ],
            HIDDEN,
        )
    assert status == "411"
    assert [(seen.path, seen.host) for seen in tls_origin.seen] == [("/jobs", authority)]
    (event,) = gate.completed()
    assert (event["path"], event["status"], event["bytes_up"]) == ("/jobs", 411, 0)


def test_an_http2_body_with_its_length_goes_on(gate: RunningGate, tls_origin: Origin) -> None:
    with gate.client(http2=True) as client:
        answer = client.post(f"https://www.linkedin.com:{tls_origin.port}/jobs", content=HIDDEN)
    assert answer.text == f"{len(HIDDEN)}\n"
    assert [seen.path for seen in tls_origin.seen] == ["/jobs"]
