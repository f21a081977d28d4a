"""Conversations through a whole gate: who may go where, what is told, what is on record."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import time

import httpx
import pytest

from addon.judging import Judging
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import RunningGate, read_all, wait_until

BROWSER = {
    "sec-fetch-site": "none",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-user": "?1",
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
}


def test_a_restricted_site_is_refused_with_reason_and_clause_and_never_contacted(
    gate: RunningGate, origin: Origin
) -> None:
    with gate.client() as client:
        answer = client.get(f"http://www.facebook.com:{origin.port}/some/page?q=secret")
    assert answer.status_code == 403
    assert "Facebook" in answer.text
    assert "Access will only be allowed where use of such websites is for school" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert origin.seen == []
    (event,) = gate.events()
    assert (event["site"], event["person"], event["allowed"]) == ("facebook", "fern.example", 0)
    assert event["outcome"] == "no-purpose"
    assert event["path"] is None
    assert "secret" not in repr(event)


def test_a_restricted_site_over_tls_gets_the_page_under_the_schools_certificate(
    gate: RunningGate, tls_origin: Origin
) -> None:
    with gate.client(headers=BROWSER) as client:
        answer = client.get(f"https://www.facebook.com:{tls_origin.port}/")
    assert answer.status_code == 403
    assert "school purpose" in answer.text
    assert tls_origin.seen == []
    (event,) = gate.events()
    assert event["kind"] == "navigation"
    assert event["scheme"] == "https"


@pytest.mark.parametrize("http2", [False, True])
def test_head_is_told_how_long_the_page_would_be(
    gate: RunningGate, tls_origin: Origin, http2: bool
) -> None:
    url = f"https://www.facebook.com:{tls_origin.port}/"
    with gate.client(headers=BROWSER, http2=http2) as client:
        page, head = client.get(url), client.head(url)
    assert (head.status_code, head.content) == (403, b"")
    assert head.headers["content-length"] == str(len(page.content))


def test_a_standing_purpose_opens_its_site_and_the_access_is_on_record(
    gate: RunningGate, tls_origin: Origin
) -> None:
    with gate.client(headers=BROWSER) as client:
        answer = client.get(f"https://x.com:{tls_origin.port}/school?week=3")
        posted = client.post(f"https://x.com:{tls_origin.port}/post", content=b"z" * 5000)
    assert (answer.status_code, posted.text) == (200, "5000\n")
    assert "alt-svc" not in answer.headers
    assert [seen.path for seen in tls_origin.seen] == ["/school?week=3", "/post"]
    opened, sent = gate.completed()
    assert (opened["allowed"], opened["rule"], opened["path"]) == (1, "news-on-x", None)
    assert (opened["status"], opened["bytes_down"]) == (200, len(answer.content))
    assert sent["bytes_up"] == 5000


def test_the_path_is_on_record_only_where_a_rule_needed_it(
    gate: RunningGate, tls_origin: Origin
) -> None:
    with gate.client() as client:
        client.get(f"https://www.linkedin.com:{tls_origin.port}/jobs?id=7")
        client.get(f"https://www.linkedin.com:{tls_origin.port}/in/somebody")
    allowed, refused = gate.events()
    assert (allowed["path"], allowed["allowed"]) == ("/jobs", 1)
    assert (refused["path"], refused["allowed"]) == (None, 0)
    assert refused["rule"] == "restricted: social-networking"


def test_an_unrelated_site_over_tls_keeps_its_own_certificate_and_leaves_no_row(
    gate: RunningGate, tls_origin: Origin, authority_file: object
) -> None:
    only_public = ssl.create_default_context(cafile=str(authority_file))
    with httpx.Client(proxy=gate.proxy, verify=only_public) as client:
        answer = client.get(f"https://www.unrelated.example:{tls_origin.port}/page")
    assert answer.status_code == 200
    assert gate.events() == []
    assert gate.gate.counts.passed == 1


def test_an_unrelated_site_over_http_leaves_no_row(gate: RunningGate, origin: Origin) -> None:
    with gate.client() as client:
        answer = client.post(f"http://www.unrelated.example:{origin.port}/form", content=b"x" * 99)
    assert answer.text == "99\n"
    assert gate.events() == []


def test_a_response_reaches_the_browser_while_it_is_still_being_sent(
    gate: RunningGate, tls_origin: Origin
) -> None:
    with (
        gate.client() as client,
        client.stream("GET", f"https://x.com:{tls_origin.port}/stream") as answer,
    ):
        parts = answer.iter_raw()
        assert next(parts) == b"first\n"
        tls_origin.release.set()
        assert b"".join(parts) == b"last\n"


def test_an_upload_reaches_the_site_while_it_is_still_being_sent(
    gate: RunningGate, tls_origin: Origin
) -> None:
    def body() -> object:
        yield b"a" * 50_000
        wait_until(lambda: tls_origin.body_bytes, 20)
        yield b"b" * 50_000

    with gate.client() as client:
        answer = client.post(f"https://x.com:{tls_origin.port}/upload", content=body())
    assert answer.text == "100000\n"


@pytest.mark.parametrize(
    ("headers", "shape"),
    [
        pytest.param(BROWSER, "page", id="a tab gets the page"),
        pytest.param({**BROWSER, "sec-fetch-dest": "iframe"}, "empty", id="a frame stays empty"),
        pytest.param(
            {"sec-fetch-dest": "image", "accept": "image/*"}, "empty", id="an image stays empty"
        ),
        pytest.param({"accept": "application/json"}, "json", id="a JSON client gets JSON"),
        pytest.param({"accept": "*/*"}, "page", id="curl gets the page"),
    ],
)
def test_the_answer_suits_who_asked(
    gate: RunningGate, origin: Origin, headers: dict[str, str], shape: str
) -> None:
    with gate.client(headers=headers) as client:
        answer = client.get(f"http://www.facebook.com:{origin.port}/")
    assert answer.status_code == 403
    if shape == "page":
        assert answer.text.startswith("<!doctype html>")
    elif shape == "json":
        assert answer.json()["reference"]
    else:
        assert answer.content == b""


def test_the_reference_on_the_page_is_the_events(gate: RunningGate, origin: Origin) -> None:
    from storage.events import event_id

    with gate.client(headers={"accept": "application/json"}) as client:
        answer = client.get(f"http://www.facebook.com:{origin.port}/")
    (event,) = gate.events()
    assert event_id(answer.json()["reference"]) == event["id"]


def test_an_error_in_the_decision_refuses_and_is_on_record(
    gate: RunningGate, tls_origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("forced by the test")

    monkeypatch.setattr(Judging, "decide", broken)
    with gate.client() as client:
        answer = client.get(f"https://x.com:{tls_origin.port}/")
        upload = client.post(f"https://x.com:{tls_origin.port}/", content=b"u" * 100_000)
    assert (answer.status_code, upload.status_code) == (403, 403)
    assert tls_origin.seen == []
    assert [event["outcome"] for event in gate.events()] == ["internal-error"] * 2


def test_an_error_where_nothing_is_restricted_lets_the_request_through(
    gate: RunningGate, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("forced by the test")

    monkeypatch.setattr(Judging, "decide", broken)
    with gate.client() as client:
        answer = client.get(f"http://www.unrelated.example:{origin.port}/")
    assert answer.status_code == 200


def test_nothing_is_let_through_while_the_record_is_locked_and_the_rest_goes_on(
    gate: RunningGate, origin: Origin
) -> None:
    other = sqlite3.connect(gate.state / "record.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with gate.client() as client:
        started = time.monotonic()
        answer = client.get(f"http://x.com:{origin.port}/")
        waited = time.monotonic() - started
        unrelated = client.get(f"http://www.unrelated.example:{origin.port}/")
        refused = client.get(f"http://www.facebook.com:{origin.port}/")
    assert (answer.status_code, refused.status_code, unrelated.status_code) == (503, 403, 200)
    assert waited < promised(4)
    assert [seen.host.partition(":")[0] for seen in origin.seen] == ["www.unrelated.example"]
    other.execute("ROLLBACK")
    other.close()
    assert [(event["allowed"], event["outcome"]) for event in gate.events()] == [
        (0, "record-unavailable"),
        (0, "no-purpose"),
    ]


@pytest.mark.parametrize(
    ("path", "status", "rows"),
    [
        ("/web/2024/https://www.facebook.com/somebody", 403, 1),
        ("/web/2024/https://www.unrelated.example/", 200, 0),
        ("/save?url=https%3A%2F%2Fwww.facebook.com%2F", 403, 1),
    ],
)
def test_an_archives_copy_of_a_site_is_that_site(
    gate: RunningGate, tls_origin: Origin, path: str, status: int, rows: int
) -> None:
    with gate.client() as client:
        answer = client.get(f"https://web.archive.org:{tls_origin.port}{path}")
    assert answer.status_code == status
    events = gate.events()
    assert [(event["site"], event["path"]) for event in events] == [("facebook", None)] * rows


def test_the_proxy_is_never_its_own_destination(gate: RunningGate) -> None:
    answer = gate.talk(
        f"GET http://127.0.0.1:{gate.port}/ HTTP/1.1\r\nHost: 127.0.0.1:{gate.port}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 502")
    direct = gate.talk(
        f"GET / HTTP/1.1\r\nHost: me.example:{gate.port}\r\nConnection: close\r\n\r\n".encode()
    )
    assert direct.startswith(b"HTTP/1.1 502")


def test_half_a_client_hello_and_noise_harm_nobody(gate: RunningGate, origin: Origin) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=2) as connection:
        connection.sendall(
            b"CONNECT www.facebook.com:443 HTTP/1.1\r\nHost: www.facebook.com\r\n\r\n"
        )
        connection.recv(4096)
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    answer = gate.talk(b"\x00\xff\x13noise\r\n\r\n" * 100, first=2)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    with socket.create_connection(("127.0.0.1", gate.port), timeout=2) as connection:
        connection.sendall(b"CONNECT x.com:22 HTTP/1.1\r\nHost: x.com:22\r\n\r\n")
        connection.recv(4096)
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        assert b"SSH" not in read_all(connection).partition(b"\r\n\r\n")[0]
    with gate.client() as client:
        assert client.get(f"http://www.unrelated.example:{origin.port}/").status_code == 200
    assert origin.seen[0].host.startswith("www.unrelated.example")
