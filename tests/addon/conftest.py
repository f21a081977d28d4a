"""Origins with the test's own authority, and a gate in front of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.origin import Origin
from tests.support.running_gate import RunningGate

NAMES = ("www.facebook.com", "x.com", "www.linkedin.com", "www.unrelated.example", "localhost")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    return context


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        yield origin


@pytest.fixture
def tls_origin(server_tls: ssl.SSLContext) -> Iterator[Origin]:
    with Origin(server_tls) as origin:
        yield origin


@pytest.fixture
def gate(tmp_path: Path, authority_file: Path) -> Iterator[RunningGate]:
    with RunningGate(tmp_path / "state", authority_file) as gate:
        yield gate
