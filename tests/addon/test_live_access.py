"""Grants and withdrawals at a whole gate: what opens, what closes, what is cut, and how soon."""

from __future__ import annotations

import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from storage.access import Step, What, changing_access
from storage.database import open_record
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import POLICY, RunningGate, wait_until

PERSON, SITE = "fern.example", "facebook"
SOON = 1.0
"""Seconds within which a grant, a revocation, a withdrawal and a restoration are in force."""

type Add = Callable[..., Step]


@pytest.fixture
def gate(tmp_path: Path, authority_file: Path) -> Iterator[RunningGate]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text() + "essentials: [gov.uk]\n")
    with RunningGate(tmp_path / "state", authority_file, policy) as gate:
        yield gate


@pytest.fixture
def add(gate: RunningGate) -> Iterator[Add]:
    """Adds a step as another process would; `lasts` is a grant's length in seconds."""
    database = open_record(gate.state)

    def add(what: What, site: str | None = None, lasts: float = 600) -> Step:
        now = datetime.now(UTC)
        terms: dict[str, Any] = {"site": site} if site else {}
        if what is What.GRANT:
            until = now + timedelta(seconds=lasts)
            terms |= {"starts": now, "until": until, "purpose": "a lesson"}
        step = Step(at=now, what=what, person=PERSON, by="rowan.example", **terms)
        with changing_access(database) as changes:
            return changes.add(step)

    yield add
    database.dispose()


def in_force(gate: RunningGate) -> None:
    """Returns once the gate knows of a grant."""
    known = gate.gate.access.in_force
    wait_until(lambda: known.grants_of(PERSON, datetime.now(UTC)), promised(SOON))


def granted_for(gate: RunningGate, add: Add, lasts: float) -> datetime:
    """The end of a grant that the gate knows of, and that lasts for more than half of its seconds
    still, or of a longer one where the machine is slow.
    """
    while True:
        until = add(What.GRANT, SITE, lasts).until
        assert until
        known = gate.gate.access.in_force
        while (left := (until - datetime.now(UTC)).total_seconds()) > lasts / 2:
            if known.grants_of(PERSON, datetime.now(UTC)):
                return until
            time.sleep(0.01)
        time.sleep(max(0.0, left))
        lasts *= 2


def withdrawn(gate: RunningGate) -> None:
    """Returns once the gate knows of the withdrawal."""
    wait_until(lambda: gate.gate.access.in_force.is_withdrawn(PERSON), promised(SOON))


def test_a_grant_opens_a_site_within_a_second_and_a_revocation_closes_it(
    gate: RunningGate, tls_origin: Origin, add: Add
) -> None:
    url = f"https://www.facebook.com:{tls_origin.port}/"
    with gate.client() as client:
        assert client.get(url).status_code == 403
        add(What.GRANT, SITE)
        wait_until(lambda: client.get(url).status_code == 200, promised(SOON))
        add(What.REVOKE, SITE)
        wait_until(lambda: client.get(url).status_code == 403, promised(SOON))
    opened = next(event for event in gate.events() if event["allowed"])
    assert (opened["outcome"], opened["rule"]) == ("grant", "a lesson#1")
    assert opened["reason"].startswith("Facebook is open to you until ")


def test_a_grant_opens_no_other_site(gate: RunningGate, tls_origin: Origin, add: Add) -> None:
    add(What.GRANT, "linkedin")
    in_force(gate)
    with gate.client() as client:
        assert client.get(f"https://www.facebook.com:{tls_origin.port}/").status_code == 403


def test_a_grant_ends_by_itself_at_its_end(gate: RunningGate, tls_origin: Origin, add: Add) -> None:
    url = f"https://www.facebook.com:{tls_origin.port}/"
    until = granted_for(gate, add, 1.2)
    with gate.client() as client:
        assert client.get(url).status_code == 200
        while datetime.now(UTC) < until:
            time.sleep(0.01)
        assert client.get(url).status_code == 403


@pytest.mark.parametrize("http2", [False, True])
def test_what_streams_under_a_grant_is_cut_at_its_end_and_the_browser_is_told(
    gate: RunningGate, tls_origin: Origin, add: Add, http2: bool
) -> None:
    add(What.GRANT, SITE)
    in_force(gate)
    url = f"https://www.facebook.com:{tls_origin.port}"
    with gate.client(http2=http2) as client:
        with client.stream("GET", f"{url}/stream") as answer:
            parts = answer.iter_raw()
            assert next(parts) == b"first\n"
            add(What.REVOKE, SITE)
            revoked = time.monotonic()
            with pytest.raises(httpx.RemoteProtocolError):
                next(parts)
            assert time.monotonic() - revoked < promised(SOON)
        assert client.get(f"{url}/").status_code == 403


def test_a_stream_that_a_standing_purpose_opens_goes_on_when_a_grant_ends(
    gate: RunningGate, tls_origin: Origin, add: Add
) -> None:
    add(What.GRANT, "x")
    in_force(gate)
    with (
        gate.client() as client,
        client.stream("GET", f"https://x.com:{tls_origin.port}/stream") as answer,
    ):
        parts = answer.iter_raw()
        next(parts)
        add(What.REVOKE, "x")
        time.sleep(SOON)
        tls_origin.release.set()
        assert next(parts) == b"last\n"


def test_a_websocket_under_a_grant_is_cut_at_its_end(
    gate: RunningGate, tls_origin: Origin, add: Add
) -> None:
    ends = granted_for(gate, add, 1.2)
    url = f"wss://www.facebook.com:{tls_origin.port}/socket"
    with gate.chat(url) as chat:
        chat.send("hello")
        assert chat.recv() == "hello"
        with pytest.raises(ConnectionClosed):
            chat.recv(timeout=60)
        assert timedelta() <= datetime.now(UTC) - ends <= timedelta(seconds=promised(SOON))
    (event,) = gate.completed()
    assert (event["bytes_up"], event["bytes_down"]) == (5, 5)


def test_a_request_that_is_still_being_connected_when_its_grant_ends_does_not_arrive(
    gate: RunningGate, tls_origin: Origin, add: Add
) -> None:
    until = granted_for(gate, add, 0.8)

    def slowly(_: str) -> str:
        while datetime.now(UTC) < until:
            time.sleep(0.01)
        return "127.0.0.1"

    gate.lead = slowly
    with gate.client() as client:
        assert client.get(f"https://www.facebook.com:{tls_origin.port}/").status_code == 502
    assert tls_origin.seen == []


def test_a_request_that_waits_for_the_record_when_its_grant_ends_does_not_leave(
    gate: RunningGate, tls_origin: Origin, add: Add
) -> None:
    record = sqlite3.connect(
        gate.state / "record.sqlite3", isolation_level=None, check_same_thread=False
    )
    url = f"https://www.facebook.com:{tls_origin.port}/"
    with closing(record), gate.client() as client:
        assert client.get(url).status_code == 403
        gate.events()
        until = granted_for(gate, add, 1.2)
        record.execute("BEGIN IMMEDIATE")
        left = (until - datetime.now(UTC)).total_seconds()
        free = threading.Timer(left + 0.1, record.execute, ["COMMIT"])
        free.start()
        assert client.get(url).status_code == 403
        free.join()
    assert tls_origin.seen == []
    assert [event["outcome"] for event in gate.events()] == ["no-purpose", "grant"]


WITHDRAWN = "Your web access is withdrawn for now"


class TestAWithdrawal:
    def test_closes_all_but_the_essentials_within_a_second_and_opens_again(
        self, gate: RunningGate, tls_origin: Origin, add: Add
    ) -> None:
        standing = f"https://x.com:{tls_origin.port}/"
        with gate.client() as client:
            assert client.get(standing).status_code == 200
            add(What.WITHDRAW)
            wait_until(lambda: _status(client, standing) == 403, promised(SOON))
            # What is open is cut a moment after the first refusal; who meets that asks again.
            wait_until(lambda: WITHDRAWN in _page(client, standing), promised(SOON))
            essential = f"https://www.gov.uk:{tls_origin.port}/"
            wait_until(lambda: _status(client, essential) == 200, promised(SOON))
            add(What.RESTORE)
            wait_until(lambda: _status(client, standing) == 200, promised(SOON))

    def test_closes_an_unrelated_name_unread_and_unrecorded(
        self, gate: RunningGate, tls_origin: Origin, authority_file: Path, add: Add
    ) -> None:
        add(What.WITHDRAW)
        withdrawn(gate)
        # Trusts the site's own certificate and not the school's: had the gate answered with one of
        # its own, this would fail for that reason instead.
        public = ssl.create_default_context(cafile=str(authority_file))
        url = f"https://www.unrelated.example:{tls_origin.port}/"
        with httpx.Client(proxy=gate.proxy, verify=public) as client:
            for _ in range(3):
                with pytest.raises((httpx.ConnectError, httpx.ReadError)) as refused:
                    client.get(url)
                assert "certificate" not in str(refused.value).lower()
        assert tls_origin.seen == []
        assert gate.events() == []
        assert (gate.gate.counts.refused, gate.gate.counts.passed) == (3, 0)

    def test_shows_the_page_for_an_unrelated_site_over_http_and_leaves_no_row(
        self, gate: RunningGate, origin: Origin, add: Add
    ) -> None:
        add(What.WITHDRAW)
        withdrawn(gate)
        with gate.client(headers={"accept": "text/html"}) as client:
            for host in ("www.unrelated.example", "www.youtube.com", "203.0.113.9"):
                answer = client.get(f"http://{host}:{origin.port}/")
                assert answer.status_code == 403
                assert "withdrawn" in answer.text
            essential = client.get(f"http://www.gov.uk:{origin.port}/")
        assert essential.status_code == 200
        assert len(origin.seen) == 1
        assert gate.events() == []

    def test_closes_a_connection_that_gives_no_name(
        self, gate: RunningGate, tls_origin: Origin, add: Add
    ) -> None:
        add(What.WITHDRAW)
        withdrawn(gate)
        with pytest.raises(OSError, match=r"reset|EOF|closed|eof"):
            gate.tunnel("127.0.0.1", tls_origin.port, None)
        assert tls_origin.seen == []

    def test_of_a_restricted_site_is_on_record(
        self, gate: RunningGate, tls_origin: Origin, add: Add
    ) -> None:
        add(What.WITHDRAW)
        withdrawn(gate)
        with gate.client() as client:
            client.get(f"https://x.com:{tls_origin.port}/")
        (event,) = gate.events()
        assert (event["site"], event["outcome"], event["allowed"]) == ("x", "withdrawn", 0)

    def test_outranks_a_grant_and_ends_it(
        self, gate: RunningGate, tls_origin: Origin, add: Add
    ) -> None:
        add(What.GRANT, SITE)
        in_force(gate)
        add(What.WITHDRAW)
        withdrawn(gate)
        url = f"https://www.facebook.com:{tls_origin.port}/"
        with gate.client() as client:
            assert client.get(url).status_code == 403
            add(What.RESTORE)
            wait_until(lambda: not gate.gate.access.in_force.withdrawn(), promised(SOON))
            assert client.get(url).status_code == 403
        assert [event["outcome"] for event in gate.events()] == ["withdrawn", "no-purpose"]

    def test_cuts_what_goes_on_but_for_a_connection_to_an_essential(
        self, gate: RunningGate, tls_origin: Origin, authority_file: Path, add: Add
    ) -> None:
        public = ssl.create_default_context(cafile=str(authority_file))
        chat = f"wss://x.com:{tls_origin.port}/socket"
        with (
            httpx.Client(proxy=gate.proxy, verify=public) as unrelated,
            httpx.Client(proxy=gate.proxy, verify=public) as essential,
            gate.chat(chat) as standing,
            unrelated.stream(
                "GET", f"https://www.unrelated.example:{tls_origin.port}/stream"
            ) as cut,
            essential.stream("GET", f"https://www.gov.uk:{tls_origin.port}/stream") as kept,
        ):
            cut_parts, kept_parts = cut.iter_raw(), kept.iter_raw()
            assert next(cut_parts) == next(kept_parts) == b"first\n"
            add(What.WITHDRAW)
            began = time.monotonic()
            with pytest.raises(httpx.TransportError):
                next(cut_parts)
            with pytest.raises(ConnectionClosed):
                standing.recv(timeout=60)
            assert time.monotonic() - began < promised(SOON)
            tls_origin.release.set()
            assert next(kept_parts) == b"last\n"

    def test_leaves_the_portal_open(self, gate: RunningGate, origin: Origin, add: Add) -> None:
        gate.gate.access.set_portal("http://gate.school.example:8081")
        add(What.WITHDRAW)
        withdrawn(gate)
        with gate.client() as client:
            assert client.get(f"http://gate.school.example:{origin.port}/").status_code == 200

    def test_of_one_person_leaves_others_alone(self, gate: RunningGate, tls_origin: Origin) -> None:
        database = open_record(gate.state)
        with changing_access(database) as changes:
            changes.add(Step(at=datetime.now(UTC), what=What.WITHDRAW, person="someone", by="oak"))
        wait_until(lambda: gate.gate.access.in_force.withdrawn(), promised(SOON))
        with gate.client() as client:
            assert client.get(f"https://x.com:{tls_origin.port}/").status_code == 200
        database.dispose()


def test_a_withdrawal_stands_from_the_first_request_after_a_start(
    tmp_path: Path, authority_file: Path, origin: Origin
) -> None:
    state = tmp_path / "state"
    with changing_access(open_record(state)) as changes:
        changes.add(Step(at=datetime.now(UTC), what=What.WITHDRAW, person=PERSON, by="oak"))
    with RunningGate(state, authority_file) as gate, gate.client() as client:
        assert client.get(f"http://www.unrelated.example:{origin.port}/").status_code == 403


def test_a_proxy_that_stops_no_longer_follows_the_record(
    tmp_path: Path, authority_file: Path
) -> None:
    with RunningGate(tmp_path / "state", authority_file) as gate:
        thread = gate.gate.access.in_force._following._thread
        assert thread.is_alive()
    assert not thread.is_alive()


def _page(client: httpx.Client, url: str) -> str:
    """What a browser shows; nothing where the connection was cut just then."""
    try:
        return client.get(url, headers={"accept": "text/html"}).text
    except httpx.TransportError:
        return ""


def _status(client: httpx.Client, url: str) -> int:
    """The answer's status; 0 where the connection was cut just then."""
    try:
        return client.get(url).status_code
    except httpx.TransportError:
        return 0
