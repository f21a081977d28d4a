"""What is open at a device when its person leaves, changes or becomes known, at a whole gate."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from addon.identity.reporting import report
from rules.identity import Source
from storage.access import Step, What, changing_access
from storage.database import open_record
from tests.support.identity import IdentityProcess, policy_with
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import RunningGate, wait_until

FERN, WILLOW = "fern.example", "willow.example"
HERE = "127.0.0.1"
SOON = 1.0
"""Seconds within which what is not somebody's any more is cut."""


@pytest.fixture(scope="module", params=[{}], ids=["own"])
def gate(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority_file: Path
) -> Iterator[RunningGate]:
    """A gate where people sign in at the portal. Its parameter is what else the policy says."""
    folder = tmp_path_factory.mktemp("live")
    state = folder / "state"
    path = policy_with(folder, {"sources": ["sign-in"], **request.param})
    policy = yaml.safe_load(path.read_text())
    policy["purposes"]["page"] = {**policy["purposes"]["news-on-x"], "sites": ["facebook"]}
    policy |= {"essentials": ["gov.uk"], "not-decrypted": ["facebook"]}
    path.write_text(yaml.safe_dump(policy))
    with IdentityProcess(state, path), RunningGate(state, authority_file, path) as gate:
        yield gate


@pytest.fixture(autouse=True)
def nobody_is_left(gate: RunningGate) -> Iterator[None]:
    yield
    leave(gate)


def arrive(gate: RunningGate, person: str = FERN, lasts: float = 3600) -> datetime:
    """Signs somebody in as the portal does, and waits until the gate knows."""
    ends = datetime.now(UTC) + timedelta(seconds=lasts)
    report(gate.state, "arrived", Source.SIGN_IN, HERE, person=person, ends=ends.isoformat())
    wait_until(lambda: whom(gate) == person)
    return ends


def leave(gate: RunningGate) -> None:
    report(gate.state, "left", Source.SIGN_IN, HERE)
    wait_until(lambda: whom(gate) is None)


def whom(gate: RunningGate) -> str | None:
    person = gate.gate.directory.person_at(HERE, datetime.now(UTC)).person
    return person.id if person else None


@contextmanager
def chatting(gate: RunningGate, site: Origin) -> Iterator[ClientConnection]:
    url = f"wss://x.com:{site.port}/socket"
    with gate.chat(url) as chat:
        says_it_back(chat)
        yield chat


def says_it_back(chat: ClientConnection) -> None:
    chat.send("hello")
    assert chat.recv(timeout=10) == "hello"


def is_cut(chat: ClientConnection) -> float:
    """The seconds until it is; fails the test if it never is."""
    began = time.monotonic()
    with pytest.raises(ConnectionClosed):
        chat.recv(timeout=20)
    return time.monotonic() - began


@pytest.mark.parametrize("gate", [{"shared": [HERE]}, {}], ids=["shared", "own"], indirect=True)
def test_a_websocket_ends_with_the_sign_in_under_which_it_was_opened(
    gate: RunningGate, tls_origin: Origin
) -> None:
    arrive(gate)
    with chatting(gate, tls_origin) as chat:
        report(gate.state, "left", Source.SIGN_IN, HERE)
        assert is_cut(chat) < promised(SOON)


def test_at_the_end_of_a_sign_in_that_nobody_ended(gate: RunningGate, tls_origin: Origin) -> None:
    ends = arrive(gate, lasts=1.5)
    with chatting(gate, tls_origin) as chat:
        is_cut(chat)
        assert timedelta() <= datetime.now(UTC) - ends < timedelta(seconds=promised(SOON))


def test_a_connection_from_before_the_sign_in_ends_with_it(
    gate: RunningGate, tls_origin: Origin
) -> None:
    tunnel = gate.tunnel("x.com", tls_origin.port, "x.com", newest=ssl.TLSVersion.TLSv1_2)
    arrive(gate)
    with gate.chat(f"ws://x.com:{tls_origin.port}/socket", sock=tunnel) as chat:
        says_it_back(chat)
        report(gate.state, "left", Source.SIGN_IN, HERE)
        assert is_cut(chat) < promised(SOON)


def test_when_somebody_else_signs_in_what_was_anothers_is_cut(
    gate: RunningGate, tls_origin: Origin
) -> None:
    arrive(gate)
    with gate.client() as client:
        with client.stream("GET", f"https://x.com:{tls_origin.port}/stream") as answer:
            parts = answer.iter_raw()
            assert next(parts) == b"first\n"
            began = time.monotonic()
            arrive(gate, WILLOW)
            with pytest.raises(httpx.RemoteProtocolError):
                next(parts)
            assert time.monotonic() - began < promised(SOON)
        assert client.get(f"https://x.com:{tls_origin.port}/").status_code == 403


def test_a_connection_that_passes_undecrypted_is_cut(
    gate: RunningGate, tls_origin: Origin, authority_file: Path
) -> None:
    arrive(gate)
    public = ssl.create_default_context(cafile=str(authority_file))
    url = f"https://www.facebook.com:{tls_origin.port}/stream"
    with (
        httpx.Client(proxy=gate.proxy, verify=public, timeout=20) as app,
        app.stream("GET", url) as answer,
    ):
        parts = answer.iter_raw()
        assert next(parts) == b"first\n"
        report(gate.state, "left", Source.SIGN_IN, HERE)
        began = time.monotonic()
        with pytest.raises(httpx.TransportError):
            next(parts)
        assert time.monotonic() - began < promised(SOON)


def test_the_withdrawal_of_somebody_who_only_now_signs_in_cuts_what_is_open(
    gate: RunningGate, tls_origin: Origin, authority_file: Path, step: Callable[[What], None]
) -> None:
    step(What.WITHDRAW)
    public = ssl.create_default_context(cafile=str(authority_file))
    with (
        httpx.Client(proxy=gate.proxy, verify=public, timeout=20) as unrelated,
        httpx.Client(proxy=gate.proxy, verify=public, timeout=20) as essential,
        unrelated.stream("GET", f"https://www.unrelated.example:{tls_origin.port}/stream") as ends,
        essential.stream("GET", f"https://www.gov.uk:{tls_origin.port}/stream") as goes_on,
    ):
        cut_parts, kept_parts = ends.iter_raw(), goes_on.iter_raw()
        assert next(cut_parts) == next(kept_parts) == b"first\n"
        began = time.monotonic()
        arrive(gate, WILLOW)
        with pytest.raises(httpx.TransportError):
            next(cut_parts)
        assert time.monotonic() - began < promised(SOON)
        tls_origin.release.set()
        assert next(kept_parts) == b"last\n"
    # Whoever asks from now on is answered, and not cut while they read the answer.
    with gate.client(headers={"accept": "text/html"}) as client:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            page = client.get(f"https://x.com:{tls_origin.port}/")
            assert "Your web access is withdrawn" in page.text


@pytest.fixture
def step(gate: RunningGate) -> Iterator[Callable[[What], None]]:
    """Withdraws or restores Willow's web access; it is restored in the end."""
    database = open_record(gate.state)

    def add(what: What) -> None:
        with changing_access(database) as changes:
            changes.add(Step(at=datetime.now(UTC), what=what, person=WILLOW, by="rowan.example"))
        expected = what is What.WITHDRAW
        wait_until(lambda: gate.gate.access.in_force.is_withdrawn(WILLOW) is expected)

    yield add
    add(What.RESTORE)
    database.dispose()


def test_a_changed_policy_cuts_nobody_and_the_old_terms_still_end(
    gate: RunningGate, tls_origin: Origin
) -> None:
    arrive(gate)
    before = gate.policy_path.read_text()
    with chatting(gate, tls_origin) as chat:
        digest = gate.gate.policy.now.policy.digest
        gate.policy_path.write_text(before.replace("sources:\n  - sign-in", "sources: [device]"))
        wait_until(lambda: gate.gate.policy.now.policy.digest != digest)
        assert whom(gate) is None
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            says_it_back(chat)
        report(gate.state, "left", Source.SIGN_IN, HERE)
        assert is_cut(chat) < promised(SOON)
    gate.policy_path.write_text(before)
    wait_until(lambda: gate.gate.policy.now.policy.digest == digest)
