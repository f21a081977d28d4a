"""A name of one's own that leads to a restricted site's servers opens nothing of that site's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.origin import Origin
from tests.support.running_gate import POLICY, RunningGate, read_all, wait_until

# The network that the origin stands in is this site's own.
LOOPED = """
sites:
  looped:
    name: Looped
    categories: [social-networking]
    domains: [looped.example]
    networks: [127.0.0.0/28]
    source: made up
    checked: 2026-11-01
"""


@pytest.fixture
def gate(tmp_path: Path, authority_file: Path) -> Iterator[RunningGate]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.read_text() + LOOPED)
    with RunningGate(tmp_path / "state", authority_file, policy) as gate:
        yield gate


def ask(gate: RunningGate, port: int, host: str) -> bytes:
    with gate.tunnel("www.unrelated.example", port, "www.unrelated.example") as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return read_all(connection)


@pytest.mark.parametrize(
    ("host", "status", "reaches", "on_record"),
    [
        pytest.param("www.looped.example", 421, 0, 1, id="the site's own name inside"),
        pytest.param("www.unrelated.example", 200, 1, 0, id="the same name inside"),
    ],
)
def test_a_name_that_leads_to_a_restricted_sites_servers_is_looked_into(
    gate: RunningGate, tls_origin: Origin, host: str, status: int, reaches: int, on_record: int
) -> None:
    assert ask(gate, tls_origin.port, host).startswith(f"HTTP/1.1 {status}".encode())
    assert len(tls_origin.seen) == reaches
    assert [event["site"] for event in gate.events()] == ["looped"] * on_record


def test_a_name_that_leads_elsewhere_when_it_is_dialled_is_cut_off(
    gate: RunningGate, tls_origin: Origin
) -> None:
    answers = iter(["127.0.0.99", "127.0.0.1"])
    gate.lead = lambda _: next(answers)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(gate, tls_origin.port, "www.looped.example")
    assert tls_origin.seen == []


def test_a_name_with_two_answers_does_not_lead_the_proxy_to_itself(gate: RunningGate) -> None:
    answers = iter(["192.0.2.1"])
    gate.lead = lambda _: next(answers, "127.0.0.1")
    host = f"me.example:{gate.port}"
    answer = gate.talk(
        f"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 502")
    wait_until(lambda: not gate.master.addons.get("proxyserver").connections)
