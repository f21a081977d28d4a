"""The lab tidies up after itself, and after a run that could not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.scene import ROOT
from tests.support.namespace import Namespace, missing
from tests.support.running_gate import wait_until
from tests.support.schoolgate import is_alive

_WHY_NOT = missing()
pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(_WHY_NOT), reason=str(_WHY_NOT))]

KILLED_IN_THE_MIDDLE = """
import os, signal
from tests.support.namespace import Namespace
with Namespace(["x.com"]) as namespace:
    print(namespace.name, namespace.start("sleep", "600").pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def exists(name: str) -> bool:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return name in listed.stdout or Path("/etc/netns", name).exists()


def test_a_name_leads_where_the_test_says_and_nowhere_else() -> None:
    with Namespace({"x.com": ("192.0.2.1",)}) as namespace:
        assert namespace.run("getent", "hosts", "x.com").stdout.split()[0] == "192.0.2.1"
        assert namespace.run("getent", "hosts", "www.facebook.com").returncode != 0
        routes = namespace.run("ip", "route", "show", "table", "main")
        assert routes.stdout == "", "no way out"
    assert not exists(namespace.name)


def test_what_a_killed_run_left_behind_goes_with_the_next() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_MIDDLE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    name, sleeper = killed.stdout.split()
    assert exists(name)
    assert is_alive(int(sleeper))
    with Namespace([]):
        assert not exists(name)
        wait_until(lambda: not is_alive(int(sleeper)))
