"""Where the record is: in the state folder, or on a PostgreSQL server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from storage.gateway import Gateway

RECORD_VARIABLE: Final = "SCHOOLGATE_RECORD"
"""An environment variable, because a command line can be read by everybody on the computer, and
the address may hold a password."""

_GATEWAY_VARIABLE: Final = "SCHOOLGATE_WRITES_AS"


def record_url() -> str | None:
    """The address that this process was given, None for the file in the state folder."""
    return os.environ.get(RECORD_VARIABLE) or None


def gateway(state: Path) -> Gateway:
    """For whom a process with this state folder writes: as whoever started it has said, or for
    itself and all others with the folder.
    """
    said = os.environ.get(_GATEWAY_VARIABLE)
    return Gateway.parsed(said) if said else Gateway.of(state)


def hand_on(url: str | None, writer: Gateway) -> None:
    """Gives the processes that this one starts the same record, to write to for one gateway."""
    if url is None:
        os.environ.pop(RECORD_VARIABLE, None)
    else:
        os.environ[RECORD_VARIABLE] = url
    os.environ[_GATEWAY_VARIABLE] = str(writer)
