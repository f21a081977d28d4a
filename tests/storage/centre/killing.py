"""Forwarding killed at random moments: `python -m tests.storage.centre.killing 50`.

Beside it a recorder writes, purges run, and the link is cut now and then. In the end the centre has
each row once, and its chain is whole.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from storage.database import open_record
from storage.purging import purge_events
from storage.verifying import head
from tests.storage.centre.conftest import Centre
from tests.storage.conftest import NOON
from tests.storage.test_purging import DAY, fill, no_rest
from tests.support.forwarding_process import start_forwarding
from tests.support.link import Link
from tests.support.pace import promised
from tests.support.postgresql import PostgresServer


def kill_and_go_on(centre: Centre, state: Path, kills: int, seed: int) -> list[int]:
    """Gives back how many events the centre had after each kill. Raises AssertionError."""
    dice = random.Random(seed)
    database = open_record(state)
    link = Link(centre.server.port)
    url = centre.school("ash", link.port)
    seen = []
    try:
        for number in range(kills):
            fill(database, days=2, a_day=dice.choice((20, 40, 80)))
            process = start_forwarding(state, url)
            time.sleep(dice.uniform(0, promised(0.3)))
            if number % 5 == 4:
                link.cut()
                time.sleep(dice.uniform(0, 0.1))
            process.kill()
            process.join()
            link.mend()
            if number % 10 == 9:
                purge_events(
                    database, NOON + DAY, "Long enough.", lambda: NOON + 60 * DAY,
                    step=50, rest=no_rest,
                )  # fmt: skip
            seen.append(int(str(centre.number("events"))))
            held = centre.verified("ash") if seen[-1] else None
            assert held is None or held.verdict.broken is None
        process = start_forwarding(state, url)
        newest = head(database)
        assert newest
        end = time.monotonic() + 60
        while centre.ask("SELECT max(last) FROM schoolgate.records") != [(newest.number,)]:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.kill()
        process.join()
    finally:
        link.close()
    assert centre.has_what("ash", state)
    held = centre.verified("ash")
    assert (held.verdict.broken, held.awaited, held.verdict.head) == (None, 0, newest)
    return seen


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    server = PostgresServer()
    try:
        server.start()
        centre = Centre(server)
        with tempfile.TemporaryDirectory() as folder:
            seen = kill_and_go_on(centre, Path(folder) / "var", kills, seed=20261122)
        print(f"{kills} kills; events at the centre after each: {seen}")
        print(f"In the end {centre.number('events')} events, each once; the chain is whole.")
    finally:
        server.close()


if __name__ == "__main__":
    main()
