"""A child process that ends when its supervisor does, however the supervisor ended.

The supervisor holds the other end of the child's standard input and writes nothing to it. The
kernel closes that end with the supervisor, even on SIGKILL, and the child reads end-of-file.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading


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
