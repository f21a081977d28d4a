"""Forwarding in a process that tests kill; it loads what it needs and none of the tests."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from addon.forwarding.service import keep_forwarding
from storage.centre.address import Address

_ROWS = 16
"""Sent together: few, so that a kill falls between two batches, or into one, more often."""


def start_forwarding(state: Path, url: str) -> BaseProcess:
    """Has begun when this returns. What it loads is loaded once, and forked."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    begun = processes.Event()
    process = processes.Process(target=_forward, args=(state, url, begun), daemon=True)
    process.start()
    assert begun.wait(60)
    return process


def _forward(state: Path, url: str, begun: Event) -> None:
    begun.set()
    with Path(os.devnull).open("w") as sys.stdout:
        keep_forwarding(state, Address(url), _ROWS)
