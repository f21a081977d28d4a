"""What a child process and its supervisor know of each other, over the child's standard streams.

The supervisor holds the other end of the child's standard input and writes nothing to it. The
kernel closes that end with the supervisor, even on SIGKILL, and the child reads end-of-file. On its
standard output the child says once that it answers: that something accepts connections where it
should be would not tell whether that is the child or a stranger who took its port.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from contextlib import suppress
from typing import Final

READY: Final = "ready"
"""The line on which a child says that it answers."""

ALIVE: Final = "alive"
"""The line on which it says so again and again."""

ALIVE_EVERY: Final = 5.0
"""Seconds between two of those."""


def say_ready() -> None:
    """Tells the supervisor that this process answers now."""
    print(READY, flush=True)


def say_alive() -> None:
    """Tells the supervisor that this process still answers. One that has gone need not hear it."""
    with suppress(OSError):
        print(ALIVE, flush=True)


def stop_with_parent() -> None:
    """Sends this process SIGTERM once standard input, if it is a pipe, is closed."""
    try:
        descriptor = sys.stdin.fileno()
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return
    except (AttributeError, OSError, ValueError):
        return

    def wait() -> None:
        while os.read(descriptor, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
