"""How the portal tells the identity process of sign-ins, sign-outs and logons: see `counter`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from addon.state_folder import identity_socket
from rules.identity import Source

WITHIN: Final = 2.0
"""Seconds that one step of a report may take."""
LONGEST: Final = 4096
"""Bytes of a line."""


class CounterClosed(Exception):
    """The identity process does not answer."""


def report(state: Path, what: str, source: Source, address: str, **facts: str) -> bool:
    """Tells the identity process; True if that changed anything, and it is on record.

    `what` is `arrived` (with `person`, and `ends` if known), `still-there` (with `person`), which
    opens nothing and ends what is somebody else's there, or `left`. Raises CounterClosed.
    """
    line = json.dumps({"what": what, "source": source, "address": address, **facts}).encode()
    try:
        with (
            reachable(identity_socket(state)) as short,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection,
        ):
            connection.settimeout(2 * WITHIN)
            connection.connect(short)
            connection.sendall(line + b"\n")
            with connection.makefile("rb") as answers:
                return bool(json.loads(answers.readline(LONGEST))["changed"])
    except (OSError, ValueError) as error:
        raise CounterClosed from error


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A short name for a socket: its own may be longer than a socket's can be (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
