"""A worker behind a balancer: it believes the header, and nothing that comes without one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import addon.balanced_modes
from addon.balanced_modes import WELL
from tests.addon.test_proxy_protocol import SIGNATURE, header
from tests.support.origin import Origin
from tests.support.pace import promised
from tests.support.running_gate import POLICY, RunningGate, read_all, wait_until

KNOWN, HERE = "10.20.30.40", "127.0.0.9"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.read_text().replace("[127.0.0.1]", f"[{KNOWN}, {HERE}]"))
    return path


@pytest.fixture(params=["gateway", "balanced"])
def worker(
    request: pytest.FixtureRequest, tmp_path: Path, authority_file: Path, policy: Path
) -> Iterator[RunningGate]:
    with RunningGate(
        tmp_path / "state", authority_file, policy=policy, mode=[request.param]
    ) as gate:
        yield gate


@pytest.fixture
def transparent(tmp_path: Path, authority_file: Path, policy: Path) -> Iterator[RunningGate]:
    with RunningGate(tmp_path / "state", authority_file, policy=policy, mode=["gateway"]) as gate:
        yield gate


NO_HEADER = [
    b"GET http://x.com/ HTTP/1.1\r\nHost: x.com\r\n\r\n",
    b"PROXY TCP4 10.0.0.7 203.0.113.5 50000 443\r\nGET / HTTP/1.1\r\nHost: x.com\r\n\r\n",
    header(family=0x12),
    header()[:20],  # and then silence
]


def test_a_connection_without_a_header_is_closed_without_a_word(worker: RunningGate) -> None:
    for data in NO_HEADER:
        started = time.monotonic()
        assert worker.talk(data) == b""
        assert time.monotonic() - started < promised(addon.balanced_modes.HEADER_WITHIN + 2)
    assert worker.events() == []
    assert worker.talk(SIGNATURE + b"\x20\x00\x00\x00") == WELL  # a check of its health


def test_the_header_says_who_asks(worker: RunningGate) -> None:
    target = "/" if worker.master.options.mode == ["gateway"] else "http://www.facebook.com/"
    request = f"GET {target} HTTP/1.1\r\nHost: www.facebook.com\r\nConnection: close\r\n\r\n"
    for source, person in ((KNOWN, "fern.example"), (f"::ffff:{KNOWN}", "fern.example")):
        said = header(source, "::ffff:157.240.1.35" if ":" in source else "157.240.1.35")
        answer = worker.talk(said + request.encode())
        assert answer.startswith(b"HTTP/1.1 403")
        assert worker.events()[-1]["person"] == person
    worker.talk(header("10.20.30.41", "157.240.1.35") + request.encode())
    event = worker.events()[-1]
    assert (event["person"], event["address"]) == (None, "10.20.30.41")


def test_the_header_says_where_to(transparent: RunningGate, tls_origin: Origin) -> None:
    with socket.create_connection(("127.0.0.1", transparent.port), timeout=5) as connection:
        connection.sendall(header(HERE, "127.0.0.1", ports=(50_000, tls_origin.port)))
        context = transparent.trust()
        context.check_hostname = False
        with context.wrap_socket(connection, server_hostname="x.com") as tls:
            tls.sendall(b"GET /news HTTP/1.1\r\nHost: x.com\r\nConnection: close\r\n\r\n")
            assert b"origin x.com" in read_all(tls)
    wait_until(lambda: transparent.events())
    assert transparent.events()[-1]["outcome"] == "purpose"


def test_a_worker_listens_on_loopback_only(
    tmp_path: Path, authority_file: Path, policy: Path
) -> None:
    with (
        pytest.raises(BaseException, match="1"),
        RunningGate(
            tmp_path / "state",
            authority_file,
            policy=policy,
            mode=["gateway"],
            listen_host="0.0.0.0",
        ),
    ):
        pass
