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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET /in/somebody?", "/jobs", id="a method with a path in it"),
        pytest.param("GET\t/in/somebody", "/jobs", id="a method with a tab"),
        pytest.param(b"G\xffT", "/jobs", id="a method that is not ASCII"),
        pytest.param("GET", "http://www.facebook.com/jobs", id="another site's address for a path"),
        pytest.param("GET", "jobs", id="a path without its slash"),
        pytest.param("GET", "/jobs HTTP/1.1", id="a path with a space"),
        pytest.param("GET", "*", id="an asterisk without OPTIONS"),
    ],
)
def test_what_http2_takes_for_one_word_is_not_several_in_http1(
    gate: RunningGate, tls_origin: Origin, method: str | bytes, path: str
) -> None:
    authority = f"x.com:{tls_origin.port}"
    with gate.tunnel("x.com", tls_origin.port, "x.com", alpn=["h2"]) as link:
        status = ask_http2(
            link,
            [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)],
        )
    assert status == "400"
    assert tls_origin.seen == []
    (event,) = gate.events()
    assert (event["site"], event["outcome"]) == ("x", "malformed")


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["GET {url}#/../in/somebody HTTP/1.1"], id="a fragment"),
        pytest.param(["GET {url} HTTP/1.1", "X: y", " Host: www.facebook.com"], id="a folded Host"),
        pytest.param(
            ["POST {url} HTTP/1.1", "X: y", "\tTransfer-Encoding: chunked", "Content-Length: 5"],
            id="a folded Transfer-Encoding",
        ),
        pytest.param(["GET {url} HTTP/1.1", "X: y\rHost: www.facebook.com"], id="half a line end"),
        pytest.param(["GET {url} HTTP/1.1", "X: a\0b"], id="a NUL"),
        pytest.param(["G(T {url} HTTP/1.1"], id="a method that is no token"),
        pytest.param(
            ["POST {url} HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"],
            id="two lengths",
        ),
        pytest.param(["POST {url} HTTP/1.1", "Content-Length: 5, 5"], id="a list of lengths"),
        pytest.param(["POST {url} HTTP/1.1", "Content-Length: +5"], id="a length with a sign"),
        pytest.param(["POST {url} HTTP/1.1", "Transfer-Encoding: xchunked"], id="unknown coding"),
        pytest.param(["POST {url} HTTP/1.0", "Transfer-Encoding: chunked"], id="chunks in 1.0"),
        pytest.param(["GET {url} HTTP/1.1", "X : y"], id="a space before the colon"),
    ],
)
def test_what_two_readers_could_read_differently_goes_nowhere(
    gate: RunningGate, origin: Origin, lines: list[str]
) -> None:
    host = f"www.linkedin.com:{origin.port}"
    head = "\r\n".join([*lines, f"Host: {host}", "Connection: close"])
    answer = gate.talk(head.format(url=f"http://{host}/jobs").encode() + b"\r\n\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert origin.seen == []
    (event,) = gate.events()
    assert (event["site"], event["outcome"]) == ("linkedin", "malformed")


def test_requests_that_come_together_are_judged_each_on_its_own(
    gate: RunningGate, origin: Origin
) -> None:
    host = f"www.linkedin.com:{origin.port}"
    paths = ("jobs", "in/somebody", "jobs/1")
    answer = gate.talk(
        "".join(
            f"GET http://{host}/{path} HTTP/1.1\r\nHost: {host}\r\n\r\n" for path in paths
        ).encode()
    )
    assert answer.count(b"HTTP/1.1 200") == 2
    assert [seen.path for seen in origin.seen] == ["/jobs", "/jobs/1"]
    assert [event["allowed"] for event in gate.events()] == [1, 0, 1]


def test_trailers_end_a_body_and_go_no_further(gate: RunningGate, origin: Origin) -> None:
    host = f"www.linkedin.com:{origin.port}"
    answer = gate.talk(
        f"POST http://{host}/jobs HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\nHost: www.facebook.com\r\n\r\n".encode()
    )
    assert answer.endswith(b"\r\n\r\n5\n")
    assert [(seen.path, seen.body) for seen in origin.seen] == [("/jobs", 5)]
