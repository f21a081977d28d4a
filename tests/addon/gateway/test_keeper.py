"""What is told to a real HAProxy when the policy changes: the tables that it has, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addon.endpoint import Endpoint
from addon.gateway import keeper
from addon.gateway.front import NETWORKS, RESTRICTED, WITHDRAWN, Front, tables, write_front
from addon.gateway.haproxy import haproxy_config
from addon.gateway.keeper import Keeper, withdrawn_addresses
from addon.gateway.names import gateway_names
from addon.gateway.runtime import Runtime
from addon.policy_in_force import PolicyInForce
from tests.support.running_gate import POLICY, wait_until
from tests.support.schoolgate import free_port

haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
pytestmark = pytest.mark.skipif(haproxy is None, reason="needs HAProxy")

type Running = Callable[[Front], AbstractContextManager[Runtime]]


@pytest.fixture
def policy(tmp_path: Path) -> PolicyInForce:
    path = tmp_path / "policy.yaml"
    shutil.copy(POLICY, path)
    return PolicyInForce(path, lambda: datetime.now(UTC))


@pytest.fixture
def running(policy: PolicyInForce) -> Running:
    """HAProxy as it is before a gate, without its workers."""

    @contextmanager
    def run(front: Front) -> Iterator[Runtime]:
        keys = tables(gateway_names(policy.now.policy), withdrawn_addresses(policy.now.policy))
        write_front(front, haproxy_config(front), keys)
        assert haproxy
        process = subprocess.Popen([haproxy, "-db", "-f", front.config], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: front.socket.exists() or process.poll() is not None)
            assert process.poll() is None
            yield Runtime(front.socket)
        finally:
            process.terminate()
            process.wait(60)

    return run


def a_front(folder: Path, **ends: Endpoint) -> Front:
    return Front(
        folder, 1, first_worker_port=free_port(), connections=100, per_worker=50, ipv6=False, **ends
    )


def test_where_nothing_is_sorted_a_new_policy_is_no_trouble(
    policy: PolicyInForce,
    running: Running,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "PATIENCE", 0.0)
    front = a_front(tmp_path, explicit=Endpoint("127.0.0.1", free_port()))
    with running(front) as runtime:
        assert runtime.tables() == set()
        kept = Keeper(front.folder, policy, withdrawn_addresses)
        assert kept.look()
        path = tmp_path / "policy.yaml"
        path.write_text(path.read_text() + "# A remark.\n")
        assert kept.look(anew=True)
        assert kept.look()
    assert not caplog.records


@pytest.mark.skipif(os.geteuid() != 0, reason="joining to where a client was going needs root")
def test_where_names_are_sorted_it_is_told(
    policy: PolicyInForce, running: Running, tmp_path: Path
) -> None:
    front = a_front(tmp_path, tls=Endpoint("127.0.0.1", free_port()))
    with running(front) as runtime:
        assert runtime.tables() == {RESTRICTED, NETWORKS, WITHDRAWN}
        kept = Keeper(front.folder, policy, withdrawn_addresses)
        assert kept.look()
        table, path = tmp_path / RESTRICTED, tmp_path / "policy.yaml"
        assert not runtime.holds(table, "noticeboard.example")
        path.write_text(
            path.read_text() + "\nsites:\n  noticeboard:\n    name: The noticeboard\n"
            "    categories: [social-networking]\n    domains: [noticeboard.example]\n"
        )
        assert kept.look(anew=True)
        assert runtime.holds(table, "noticeboard.example")
