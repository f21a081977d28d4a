"""`schoolgate run` as a service: what it tells systemd, and what it does with what hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.supervisor import Child, Supervisor
from tests.support.pace import promised
from tests.support.schoolgate import Schoolgate


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that systemd would listen on."""
    path = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as hearing:
        hearing.bind(str(path))
        hearing.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        yield hearing


def heard(systemd: socket.socket, word: str, within: float = 60) -> str:
    """The first note with this word; others are passed over."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        said = systemd.recv(4096).decode()
        if word in said.splitlines():
            return said
    raise TimeoutError(word)


def test_systemd_hears_of_the_start_a_reload_signs_of_life_and_the_end(
    tmp_path: Path, systemd: socket.socket
) -> None:
    with Schoolgate(tmp_path / "state") as gate:
        assert "STATUS=" in heard(systemd, "READY=1")
        heard(systemd, "WATCHDOG=1")
        heard(systemd, "WATCHDOG=1")
        os.kill(gate.process.pid, signal.SIGHUP)
        assert "MONOTONIC_USEC=" in heard(systemd, "RELOADING=1")
        heard(systemd, "READY=1")
        gate.stop()
        heard(systemd, "STOPPING=1")


HANGS_ONCE = """
import pathlib, sys, time
print("ready", flush=True)
mark = pathlib.Path(sys.argv[1])
if mark.exists():
    mark.with_name("again").touch()
    while True:
        print("alive", flush=True)
        time.sleep(0.1)
mark.touch()
time.sleep(60)
"""


def test_a_child_that_hangs_is_ended_and_started_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", HANGS_ONCE, str(tmp_path / "hung")]

    patience = promised(0.4)

    async def run() -> int:
        child = Child("child", command, silent_after=patience)
        task = asyncio.create_task(Supervisor([child], "ready").run())
        for _ in range(3000):
            if (tmp_path / "again").exists() or task.done():
                break
            await asyncio.sleep(0.02)
        await asyncio.sleep(patience + 0.5)  # it stays, since it says that it lives
        os.kill(os.getpid(), signal.SIGTERM)
        return await task

    assert asyncio.run(run()) == 0
    said = capfd.readouterr().err
    assert said.count("The child no longer answers, so it is ended.") == 1
    assert said.count("The child is back.") == 1
