"""What a service tells systemd of itself (sd_notify(3)), where systemd asked to be told."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


class ServiceNotices:
    """The socket that systemd named, or nothing. `beat` is the most seconds between two signs of
    life, None if none are wanted.
    """

    def __init__(self) -> None:
        # Taken out of the environment: the children are not to speak for us.
        self._address = os.environ.pop("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        within = os.environ.pop("WATCHDOG_USEC", "")
        meant = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # A third of it, so that one that comes late is not the last.
        self.beat = int(within) / 3e6 if within.isdecimal() and meant and self._address else None

    def ready(self) -> None:
        """All that was started answers."""
        self._say("READY=1\nSTATUS=The proxy and the portal answer.")

    def reloading(self) -> None:
        """The policy is being read again; `ready` says that this is over."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._say(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Everything is about to end."""
        self._say("STOPPING=1\nSTATUS=Stopping.")

    def alive(self) -> None:
        """A sign of life."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """A line for `systemctl status`."""
        self._say(f"STATUS={text}")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)  # a systemd that is busy must not hold us up
            sender.sendto(words.encode(), self._address)
