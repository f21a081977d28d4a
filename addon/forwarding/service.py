"""The forwarding process: `python -m addon.forwarding.service --state DIR`.

The centre's address is in SCHOOLGATE_FORWARD_TO, because everybody may read the words of a command.
It may be killed at any moment: what is under way is in the centre whole or not at all.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from addon.forwarding.keeping import Forwarding
from addon.journal_lines import start_logging
from addon.lifeline import ALIVE_EVERY, say_alive, say_ready, stop_with_parent
from storage.centre.address import Address, CentreError
from storage.centre.outgoing import ROWS
from storage.database import RecordError, open_record_readonly

FORWARD_TO: Final = "SCHOOLGATE_FORWARD_TO"
_POLITE: Final = 10  # what the gate wants of the processor goes first

log = logging.getLogger("schoolgate.forwarding")


def keep_forwarding(state: Path, address: Address, rows: int = ROWS) -> None:
    """Goes on until the process is ended; `rows` is how many are sent together.

    Raises RecordError if there is no record to read.
    """
    forwarding = Forwarding(state, open_record_readonly(state), address, _now, rows)
    problem: str | None = None
    while True:
        pause = forwarding.round()
        say_alive()
        if forwarding.status.problem != problem:
            problem = forwarding.status.problem
            if problem:
                log.warning("%s It is tried again and again; nothing is lost meanwhile.", problem)
            else:
                log.info("The record reaches the centre again.")
        while pause > 0:
            time.sleep(min(pause, ALIVE_EVERY))
            pause -= ALIVE_EVERY
            say_alive()


def _now() -> datetime:
    return datetime.now(UTC)


def main(arguments: list[str] | None = None) -> int:
    """As the supervisor starts it. It ends by a signal, or with 1 when it cannot begin."""
    parser = argparse.ArgumentParser(prog="addon.forwarding.service", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    settings = parser.parse_args(arguments)
    start_logging()
    stop_with_parent()
    say_ready()
    with suppress(OSError):  # a sandbox may not let a process be polite
        os.nice(_POLITE)
    try:
        keep_forwarding(settings.state, Address(os.environ.get(FORWARD_TO, "")))
    except (RecordError, CentreError) as error:
        log.error("%s", error)
    return 1


if __name__ == "__main__":
    sys.exit(main())
