"""What a killed run leaves of its PostgreSQL server is cleared by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgresql import clear_dead_servers, missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import is_alive

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

_RUN = """
import time
from tests.support.postgresql import PostgresServer
server = PostgresServer()
server.start()
print(server.folder, server._process.pid, flush=True)
time.sleep(600)
"""


def test_a_server_whose_run_was_killed_is_ended_and_its_files_go() -> None:
    with subprocess.Popen([sys.executable, "-c", _RUN], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        folder, pid = run.stdout.readline().split()
        clear_dead_servers()
        assert Path(folder).exists(), "nobody takes it from a run that lives"
        os.kill(run.pid, signal.SIGKILL)
    assert is_alive(int(pid))
    clear_dead_servers()
    assert not Path(folder).exists()
    wait_until(lambda: not is_alive(int(pid)))
