"""What a client is shown in the handshake, and what becomes of one that will not have it."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from addon.authority.folder import ROOT_KEY, SIGNING
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import POLICY, RunningGate, read_all, wait_until

NEWCOMER = """
sites:
  newcomer:
    name: Newcomer
    categories: [social-networking]
    domains: [newcomer.example]
    source: made up
    checked: 2026-11-01
"""


SILENT = promised(0.3)


@pytest.fixture(autouse=True)
def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds in earnest."""
    monkeypatch.setattr("addon.handshakes.SILENT", SILENT)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.read_text())
    return path


@pytest.fixture
def gate(tmp_path: Path, authority_file: Path, policy: Path) -> Iterator[RunningGate]:
    with RunningGate(tmp_path / "state", authority_file, policy) as gate:
        yield gate


def shown(gate: RunningGate, host: str, server_name: str | None = "") -> x509.Certificate:
    name = host if server_name == "" else server_name
    with gate.tunnel(host, 443, name) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der)


def names_in(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


@pytest.mark.parametrize(
    ("host", "server_name", "names"),
    [
        ("www.facebook.com", "", ["www.facebook.com"]),
        ("www.facebook.com", "WWW.Facebook.COM.", ["www.facebook.com"]),
        ("157.240.1.35", "www.facebook.com", ["www.facebook.com"]),
        ("157.240.1.35", None, ["157.240.1.35"]),
        ("web.archive.org", "", ["web.archive.org"]),
        ("93.184.215.14", None, ["unnamed.schoolgate.invalid"]),
    ],
)
def test_a_certificate_is_for_the_name_that_was_asked_for_and_no_other(
    gate: RunningGate, host: str, server_name: str | None, names: list[str]
) -> None:
    assert names_in(shown(gate, host, server_name)) == names


def test_one_certificate_is_signed_once_whatever_the_destination(gate: RunningGate) -> None:
    first = shown(gate, "www.facebook.com")
    assert shown(gate, "157.240.1.35", "www.facebook.com") == first
    assert shown(gate, "m.facebook.com") != first


def reject(gate: RunningGate, host: str) -> None:
    """What an app does that does not trust the school."""
    context = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert b" 200 " in connection.recv(4096)
        with pytest.raises(ssl.SSLCertVerificationError):
            context.wrap_socket(connection, server_hostname=host)


def hang_up(gate: RunningGate, host: str) -> None:
    """What an app does that compares certificates only when the handshake is done."""
    gate.tunnel(host, 443, host).close()


def drop(gate: RunningGate, host: str) -> None:
    """What an app does that hangs up in the middle of the handshake."""
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        gate.trust().wrap_bio(theirs, ours, server_hostname=host).do_handshake()
    with socket.create_connection(("127.0.0.1", gate.port), timeout=5) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert b" 200 " in connection.recv(4096)
        connection.sendall(ours.read())
        assert connection.recv(4096)


@pytest.mark.parametrize("refuse", [reject, hang_up, drop])
def test_an_app_that_refuses_the_certificate_is_on_record_once_however_often_it_tries(
    gate: RunningGate, refuse
) -> None:
    for _ in range(3):
        refuse(gate, "www.facebook.com")
    wait_until(gate.events)
    refuse(gate, "x.com")
    wait_until(lambda: len(gate.events()) == 2)
    facebook, x = gate.events()
    assert (facebook["site"], facebook["host"]) == ("facebook", "www.facebook.com")
    assert (facebook["outcome"], facebook["kind"]) == ("app-refused", "app")
    assert (facebook["allowed"], facebook["address"]) == (0, "127.0.0.1")
    assert (x["site"], x["allowed"]) == ("x", 0), "although its purpose is allowed"


def test_a_browser_that_connects_ahead_or_says_something_refuses_nothing(
    gate: RunningGate, tls_origin: Origin
) -> None:
    with gate.tunnel("www.facebook.com", 443, "www.facebook.com"):
        time.sleep(SILENT + promised(0.1))
    with gate.tunnel("www.facebook.com", 443, "www.facebook.com") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: www.facebook.com\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")
    reject(gate, "web.archive.org")  # is decrypted, and restricted by nobody
    time.sleep(0.3)
    assert [event["outcome"] for event in gate.events()] == ["no-purpose"]


def test_a_connection_that_a_browser_no_longer_needs_is_no_refusal(gate: RunningGate) -> None:
    with (
        gate.tunnel("www.facebook.com", 443, "www.facebook.com") as first,
        gate.tunnel("www.facebook.com", 443, "www.facebook.com") as second,
    ):
        second.close()
        first.sendall(b"GET / HTTP/1.1\r\nHost: www.facebook.com\r\n\r\n")
        assert first.recv(4096).startswith(b"HTTP/1.1 403")
        time.sleep(SILENT + promised(0.1))
    hang_up(gate, "www.facebook.com")
    time.sleep(SILENT + promised(0.1))
    assert [event["outcome"] for event in gate.events()] == ["no-purpose"]


def test_a_client_of_another_age_has_refused_nothing(gate: RunningGate) -> None:
    done = subprocess.run(
        [
            *("openssl", "s_client", "-proxy", f"127.0.0.1:{gate.port}", "-tls1_1"),
            *("-connect", "www.facebook.com:443", "-cipher", "DEFAULT@SECLEVEL=0"),
        ],
        input=b"",
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    time.sleep(0.3)
    assert gate.events() == []


def test_a_site_that_a_new_policy_adds_is_signed_for_at_once(
    gate: RunningGate, policy: Path
) -> None:
    before = shown(gate, "www.facebook.com")
    with gate.tunnel("www.facebook.com", 443, "www.facebook.com") as open_already:
        policy.write_text(policy.read_text() + NEWCOMER)
        wait_until(
            lambda: gate.gate.signatory.leaves.for_host("newcomer.example", datetime.now(UTC))
        )
        assert names_in(shown(gate, "www.newcomer.example")) == ["www.newcomer.example"]
        assert shown(gate, "www.facebook.com") != before
        open_already.sendall(b"GET / HTTP/1.1\r\nHost: www.facebook.com\r\n\r\n")
        assert open_already.recv(4096).startswith(b"HTTP/1.1 403")
    assert gate.gate.signatory.problems == ()


def test_a_new_site_that_nobody_could_sign_for_yet_is_refused_without_a_page(
    gate: RunningGate, policy: Path
) -> None:
    key = (gate.state / "authority" / ROOT_KEY).read_bytes()
    (gate.state / "authority" / ROOT_KEY).unlink()
    policy.write_text(policy.read_text() + NEWCOMER)
    wait_until(lambda: gate.gate.signatory.problems)
    assert "newcomer.example" in gate.gate.signatory.problems[0]
    for _ in range(2):
        with pytest.raises(OSError, match=r"(?i)handshake|eof|reset"):
            gate.tunnel("newcomer.example", 443, "newcomer.example")
    wait_until(gate.events)
    (event,) = gate.events()
    assert (event["site"], event["outcome"], event["allowed"]) == ("newcomer", "no-purpose", 0)
    # Somebody renews, in another process.
    (gate.state / "authority" / ROOT_KEY).write_bytes(key)
    subprocess.run(
        [
            *(Path(sys.executable).with_name("schoolgate"), "ca", "renew"),
            *("--state", gate.state, "--policy", policy),
        ],
        check=True,
        capture_output=True,
    )
    wait_until(lambda: gate.gate.signatory.problems == ())
    assert names_in(shown(gate, "newcomer.example")) == ["newcomer.example"]


def test_what_signs_elsewhere_is_never_taken_up(gate: RunningGate) -> None:
    before = shown(gate, "www.facebook.com")
    path = gate.state / "authority" / SIGNING
    good = path.read_bytes()
    path.write_bytes(b"half of somet")
    time.sleep(0.6)
    assert shown(gate, "www.facebook.com") == before
    path.write_bytes(good)


NOT_DECRYPTED = """
not-decrypted: [x, facebook, linkedin]
"""


@pytest.fixture
def unseeing(tmp_path: Path, authority_file: Path, policy: Path) -> Iterator[RunningGate]:
    policy.write_text(policy.read_text() + NOT_DECRYPTED)
    with RunningGate(tmp_path / "state", authority_file, policy) as gate:
        yield gate


def test_a_site_that_is_not_decrypted_opens_by_name_and_is_on_record(
    unseeing: RunningGate, tls_origin: Origin
) -> None:
    with unseeing.tunnel("x.com", tls_origin.port, "x.com") as connection:
        der = connection.getpeercert(binary_form=True)
        assert der
        issuer = x509.load_der_x509_certificate(der).issuer.rfc4514_string()
        assert "Schoolgate" not in issuer
        connection.sendall(b"GET /secret HTTP/1.1\r\nHost: x.com\r\nConnection: close\r\n\r\n")
        assert b"200" in read_all(connection)
    (event,) = unseeing.events()
    assert (event["site"], event["allowed"], event["rule"]) == ("x", 1, "news-on-x")
    assert (event["kind"], event["path"]) == ("unknown", None)


@pytest.mark.parametrize("host", ["www.facebook.com", "www.linkedin.com"])
def test_what_nothing_opens_by_name_there_is_decrypted_and_refused(
    unseeing: RunningGate, tls_origin: Origin, host: str
) -> None:
    # LinkedIn's purpose is for one path, which a name does not show.
    with unseeing.tunnel(host, tls_origin.port, host) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")
    assert tls_origin.seen == []


def test_another_name_in_front_does_not_open_it(unseeing: RunningGate, tls_origin: Origin) -> None:
    with unseeing.tunnel("www.unrelated.example", tls_origin.port, "x.com") as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x.com\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 421")
    assert tls_origin.seen == []


def test_without_a_record_it_does_not_open(unseeing: RunningGate, tls_origin: Origin) -> None:
    unseeing.gate.record_within = 0.2
    record = unseeing.state / "record.sqlite3"
    with closing(sqlite3.connect(record, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with unseeing.tunnel("x.com", tls_origin.port, "x.com") as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x.com\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 503")
        other.execute("ROLLBACK")
    assert tls_origin.seen == []
    wait_until(lambda: not any(event["allowed"] for event in unseeing.events()))
