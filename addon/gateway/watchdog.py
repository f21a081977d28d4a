"""Undoes a change of the gateway that nobody confirms in time.

A process of its own: the change may be what cuts the admin's connection, and the command with it.
"""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from addon.gateway.applying import Gateway, GatewayError
from addon.gateway.journal import Change, JournalError
from addon.gateway.name_server import NameServerError
from addon.gateway.routing import RoutingError
from addon.gateway.table import TableError
from addon.gateway.watching import READY

_LOOKS_EVERY = 0.2


def watch(state: Path, change_id: str) -> None:
    """Return once the change is settled, by whoever it is."""
    gateway = Gateway(state)
    while (change := _unsettled(gateway, change_id)) is not None:
        if change.seconds_left > 0:
            time.sleep(min(_LOOKS_EVERY, change.seconds_left))
            continue
        if _undone(gateway, change_id):
            return
        time.sleep(_LOOKS_EVERY)


def _undone(gateway: Gateway, change_id: str) -> bool:
    # Under the lock: a command that is still making the change is waited for.
    with gateway.journal.lock():
        change = _unsettled(gateway, change_id)
        if change is None:
            return True
        if change.seconds_left > 0:
            return False
        with suppress(GatewayError, TableError, NameServerError, RoutingError, OSError):
            gateway.undo(change)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            gateway.said.write_text(at, encoding="ascii")
            return True
    return False


def _unsettled(gateway: Gateway, change_id: str) -> Change | None:
    with suppress(JournalError):
        change = gateway.journal.read()
        if change is not None and change.id == change_id:
            return change
    return None


if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    print(READY, flush=True)
    watch(Path(sys.argv[1]), sys.argv[2])
