"""HAProxy's folder: what it is told, and that HAProxy itself understands it."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from addon.endpoint import Endpoint
from addon.gateway.front import (
    NETWORKS,
    RESTRICTED,
    WITHDRAWN,
    Front,
    FrontError,
    raise_file_limit,
    read_table,
    tables,
    write_front,
    write_table,
)
from addon.gateway.haproxy import haproxy_config
from addon.gateway.launch import check_config, find_haproxy
from addon.gateway.names import GatewayNames
from addon.gateway.runtime import SMALL, Runtime, RuntimeFailure
from tests.support.pace import promised
from tests.support.running_gate import read_all, wait_until
from tests.support.schoolgate import free_port

needs_haproxy = pytest.mark.skipif(
    not shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin:/usr/local/sbin"),
    reason="needs haproxy",
)
NAMES = GatewayNames(
    frozenset({"facebook.com", "a.b.c.d.e.f.g.example"}), frozenset({ip_network("157.240.0.0/16")})
)


def explicit(folder: Path, **more: int) -> Front:
    return Front(folder, 1, explicit=Endpoint("127.0.0.1", free_port()), connections=200, **more)


@contextmanager
def running(front: Front, names: GatewayNames = NAMES) -> Iterator[Runtime]:
    write_front(front, haproxy_config(front), tables(names, ()))
    process = subprocess.Popen(
        [find_haproxy(), "-f", front.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    runtime = Runtime(front.socket)

    def answers() -> bool:
        try:
            return runtime.process() == process.pid
        except RuntimeFailure:
            return False

    try:
        wait_until(answers)
        yield runtime
    finally:
        process.terminate()
        process.wait(60)


def test_a_long_domain_stands_by_its_last_six_labels() -> None:
    keys = tables(NAMES, {"10.0.0.3"})
    assert {key for key in keys[RESTRICTED] if not key.startswith("=")} == {
        "facebook.com",
        "c.d.e.f.g.example",
    }
    assert keys[NETWORKS] == {"157.240.0.0/16"}
    assert keys[WITHDRAWN] == {"10.0.0.3"}


def test_other_names_have_another_mark() -> None:
    marks = [
        {key for key in tables(names, ())[RESTRICTED] if key.startswith("=")}
        for names in (NAMES, NAMES, GatewayNames(frozenset({"facebook.com"}), frozenset()))
    ]
    assert marks[0] == marks[1]
    assert not marks[0] & marks[2]


def test_a_table_is_read_as_it_was_written_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / RESTRICTED
    assert read_table(path) == frozenset()
    write_table(path, {"b.example", "a.example"})
    assert read_table(path) == {"a.example", "b.example"}
    assert path.stat().st_mode & 0o077 == 0


@needs_haproxy
@pytest.mark.parametrize("host", ["::", "0.0.0.0", "192.0.2.1", "2001:db8::1"])
@pytest.mark.parametrize("ipv6", [True, False])
def test_haproxy_accepts_what_it_is_given(tmp_path: Path, host: str, ipv6: bool) -> None:
    front = Front(
        folder=tmp_path / "a #",
        workers=3,
        tls=Endpoint(host, 8443),
        http=Endpoint(host, 8080),
        explicit=Endpoint(host, 3128),
        paths=("/api/v1/timelines/",),
        ipv6=ipv6,
    )
    write_front(front, haproxy_config(front), tables(NAMES, ()))
    check_config(find_haproxy(), front)
    assert front.config.stat().st_mode & 0o077 == 0


@needs_haproxy
def test_what_haproxy_does_not_accept_is_said(tmp_path: Path) -> None:
    front = explicit(tmp_path)
    write_front(front, "frontend one\n    nonsense\n", {})
    with pytest.raises(FrontError, match=r"does not accept .*haproxy.cfg: .*nonsense"):
        check_config(find_haproxy(), front)


@pytest.mark.parametrize(
    ("says", "words"),
    [(None, "not installed"), ("HAProxy version 2.2.9-2", "version 2.2"), ("hello", "its version")],
)
def test_a_missing_or_old_haproxy_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, words: str
) -> None:
    monkeypatch.setattr("addon.gateway.machine._PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    if says:
        program = tmp_path / "haproxy"
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
    with pytest.raises(FrontError, match=words) as caught:
        find_haproxy()
    assert str(caught.value).count("\n") == 0
    assert "install" in str(caught.value)


def test_a_path_too_long_for_a_socket_is_said_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 90)
    with pytest.raises(FrontError, match="too long"):
        write_front(Front(folder, 1), "", {})
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("short") / "file"
    file.write_text("")
    with pytest.raises(FrontError, match="cannot be written: Not a directory"):
        write_front(Front(file / "haproxy", 1), "", {})


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_no_more_connections_are_promised_than_files_can_be_opened() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, min(before[1], 2_400)))
        fits = raise_file_limit(20_000) == 800 and raise_file_limit(100) == 100
        os._exit(0 if fits else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def sessions(front: Front) -> int:
    """How many connections this machine has open to HAProxy just now."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(60)
        admin.connect(str(front.socket))
        admin.sendall(b"show sess\n")
        return read_all(admin).count(b" src=127.0.0.1:")


@needs_haproxy
def test_one_client_has_so_many_connections_and_no_more(tmp_path: Path) -> None:
    front = explicit(tmp_path, per_client=3)
    with running(front), ExitStack() as stack:
        assert front.explicit
        held = []
        for number in range(3):
            # HAProxy's threads take turns: one that came first may be counted last.
            wait_until(lambda count=number: sessions(front) == count)
            held.append(stack.enter_context(socket.create_connection(front.explicit, 60)))
        wait_until(lambda: sessions(front) == 3)
        with pytest.raises(ConnectionResetError):
            stack.enter_context(socket.create_connection(front.explicit, 60)).recv(1)
        held[0].settimeout(0.2)
        with pytest.raises(TimeoutError):
            held[0].recv(1)


@needs_haproxy
def test_tables_of_any_size_change_while_haproxy_runs(tmp_path: Path) -> None:
    # Only redirected connections are sorted; no connection is made here, so any port will do.
    front = Front(
        tmp_path, 1, tls=Endpoint("127.0.0.1", free_port()), connections=200, first_worker_port=1
    )
    many = frozenset(f"site{number}.example" for number in range(SMALL + 5))
    with running(front, GatewayNames(many, frozenset())) as runtime:
        table = tmp_path / RESTRICTED
        assert runtime.holds(table, "site7.example")
        # One name comes, one goes, in a large table: no need to tell all of it.
        started = time.monotonic()
        runtime.replace(table, many, many - {"site7.example"} | {"new.example"})
        assert time.monotonic() - started < promised(1)
        assert runtime.holds(table, "new.example")
        assert not runtime.holds(table, "site7.example")
        # A whole one for another.
        runtime.replace(table, None, {"small.example"})
        assert runtime.holds(table, "small.example")
        assert not runtime.holds(table, "site8.example")
        runtime.replace(table, {"small.example"}, many)
        assert runtime.holds(table, "site8.example")
        assert not runtime.holds(table, "small.example")
        with pytest.raises(RuntimeFailure):
            runtime.replace(tmp_path / NETWORKS, set(), {"no network"})
        runtime.replace(tmp_path / WITHDRAWN, None, {"10.0.0.3", "fd00::3"})
        assert runtime.holds(tmp_path / WITHDRAWN, "10.0.0.3")


def test_a_haproxy_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="does not answer"):
        Runtime(tmp_path / "runtime.sock").process()
