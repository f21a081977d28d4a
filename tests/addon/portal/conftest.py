"""A portal that really listens, with a certificate and a worker beside it."""

import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from waitress.server import create_server

from addon.policy_in_force import PolicyInForce
from addon.portal.app import PortalSettings, create_app
from addon.portal.server import SERVING
from addon.status import WorkerStatus, publish, status_path
from rules.loading import SHIPPED_POLICY

NOW = datetime(2026, 6, 8, 9, 5, tzinfo=UTC)


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode()


@dataclass
class Portal:
    """A running portal."""

    port: int
    state: Path
    policy: PolicyInForce

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def get(self, path, method="GET", **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()


def make_certificate(path):
    """A public certificate such as the proxy leaves for the portal; gives its object back."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Barningham <Schoolgate> & co")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate


@pytest.fixture(scope="session")
def shipped():
    """The shipped policy in force, read once for all tests, none of which reloads it."""
    return PolicyInForce(SHIPPED_POLICY, lambda: NOW - timedelta(hours=1))


def answer_until(stop, server, channels):
    """Waitress' own loop, which ends on a signal only, with an end that a thread can be told."""
    while not stop.is_set():
        server.asyncore.loop(timeout=5, map=channels, count=1)
    server.task_dispatcher.shutdown()
    server.close()
    for channel in list(channels.values()):
        channel.handle_close()


@pytest.fixture
def serve(tmp_path, shipped):
    """Start portals; each ends with the test."""
    running = []

    def start(**changes):
        settings = replace(
            PortalSettings(state=tmp_path, policy=shipped, clock=lambda: NOW), **changes
        )
        stop, channels = threading.Event(), {}
        server = create_server(create_app(settings), channels, host="127.0.0.1", port=0, **SERVING)
        thread = threading.Thread(target=answer_until, args=(stop, server, channels))
        thread.start()
        running.append((stop, server, thread))
        return Portal(server.effective_port, tmp_path, settings.policy)

    yield start
    for stop, server, thread in running:
        stop.set()
        with suppress(OSError):  # it may have seen the wish already, and be gone
            server.pull_trigger()
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def well(shipped):
    """The status of a worker with nothing wrong."""
    return WorkerStatus(
        worker=0,
        pid=4242,
        started_at=NOW - timedelta(hours=2),
        at=NOW - timedelta(seconds=1),
        policy=shipped.now.policy.digest,
        policy_loaded_at=NOW - timedelta(hours=1),
        decided=10,
        refused=7,
        passed=1000,
    )


@pytest.fixture
def portal(serve, well, tmp_path):
    """A portal where all is well."""
    make_certificate(tmp_path / "authority" / "schoolgate-ca.crt")
    publish(status_path(tmp_path, 0), well)
    return serve()
