"""Starting the watchdog that undoes a change of the gateway that nobody confirms."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from addon.gateway.machine import find_program, has_systemd

READY: Final = "watching"
"""What it says once it does."""
_SYSTEMD_WITHIN: Final = 60.0


class NoWatchdog(Exception):
    """There is none, as a sentence for a person."""


def set_watchdog(state: Path, change: str) -> None:
    """Start it, away from this process and its terminal, and see that it watches.

    Raises NoWatchdog.
    """
    command = [sys.executable, "-P", "-m", "addon.gateway.watchdog", str(state), change]
    if has_systemd() and (runner := find_program("systemd-run")):
        # A session that ends may take its processes with it (logind.conf(5), KillUserProcesses).
        with suppress(subprocess.TimeoutExpired):  # two watchdogs do no harm, none does
            done = subprocess.run(  # noqa: S603 - our own watchdog
                [runner, "--quiet", "--collect", f"--unit=schoolgate-undo-{change}", *command],
                capture_output=True,
                timeout=_SYSTEMD_WITHIN,
                check=False,
            )
            if done.returncode == 0:
                return
    watchdog = subprocess.Popen(  # noqa: S603 - our own watchdog
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert watchdog.stdout
    with watchdog.stdout:
        if watchdog.stdout.readline().strip() != READY:
            raise NoWatchdog("The watchdog that would undo the change does not start.")
