"""A server that dies again and again under load: `python -m tests.storage.server_deaths 30`.

Eight clients put requests on record and wait; meanwhile the server is killed as by a power cut, its
sessions are ended one by one, or it is stopped, each at a random moment, which is often in the
middle of a commit. Afterwards the record is held against what the clients were told.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from storage.database import open_record, open_record_readonly
from storage.events import Completion, Event, EventIds
from storage.recorder import NotDurable, Recorder
from storage.tallies import Tally
from storage.verifying import Verdict, verify
from tests.support.postgresql import PostgresServer

CLIENTS = 8
END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = '{name}' AND pid <> pg_backend_pid()"
)


@dataclass(slots=True)
class Told:
    """What the clients asked for, and what they were told."""

    allowed: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    counted: int = 0
    not_counted: int = 0
    deaths: int = 0
    left: int = 0


async def load(recorder: Recorder, ids: EventIds, told: Told, stop: asyncio.Event) -> None:
    """One client: a request after the other, each recorded or counted before it goes on."""
    while not stop.is_set():
        now = datetime.now(UTC)
        event = Event(
            id=ids.next(now), at=now, person="a.larch", source="address", address="127.0.0.1",
            site="facebook", host="facebook.com", scheme="https", method="GET", kind="navigation",
            allowed=True, outcome="purpose", reason="A school purpose.",
        )  # fmt: skip
        try:
            await recorder.durable(event, 0.3)
            told.allowed.add(event.id)
            recorder.complete(Completion(event.id, 200, 1, 1, now))
        except NotDurable:
            told.refused.add(event.id)
        try:
            await recorder.durable(Tally(now, "a.larch", "facebook", "embed", True), 0.3)
            told.counted += 1
        except NotDurable:
            told.not_counted += 1


def die(server: PostgresServer, name: str, dice: random.Random) -> None:
    """One death of some kind, and the server is back."""
    match dice.choice(("power cut", "sessions", "stop")):
        case "power cut":
            server.kill()
            time.sleep(dice.uniform(0, 0.3))
            server.start()
        case "sessions":
            with suppress(psycopg.OperationalError):
                server.execute(END_SESSIONS.format(name=name))
        case "stop":
            server.stop()
            time.sleep(dice.uniform(0, 0.3))
            server.start()


async def deaths(
    server: PostgresServer, name: str, state: Path, times: int, dice: random.Random
) -> Told:
    """What the clients were told while the server died so many times."""
    database = open_record(state, server.url(name))
    recorder, ids, told = Recorder(database), EventIds(0), Told()
    recorder.start()
    stop = asyncio.Event()
    clients = [asyncio.create_task(load(recorder, ids, told, stop)) for _ in range(CLIENTS)]
    for _ in range(times):
        await asyncio.sleep(dice.uniform(0.05, 0.6))
        await asyncio.to_thread(die, server, name, dice)
        told.deaths += 1
        before = len(told.allowed)
        while len(told.allowed) == before:  # it is back, and something is on record again
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*clients)
    told.left = await asyncio.to_thread(recorder.close, 30)
    return told


def held_against(server: PostgresServer, name: str, state: Path, told: Told) -> Verdict:
    """Looks at every event and count. Raises AssertionError; gives back what verifying found."""
    rows = server.execute("SELECT id, allowed FROM events", name)
    on_record = dict(rows)
    assert len(on_record) == len(rows)
    assert told.left == 0
    assert told.allowed == {number for number, allowed in on_record.items() if allowed}
    assert set(on_record) <= told.allowed | told.refused
    counts = server.execute(
        "SELECT allowed, sum(number) FROM counts WHERE span = 1 AND kind = 'embed' GROUP BY 1", name
    )
    assert dict(counts).get(True) == told.counted
    assert dict(counts).get(False, 0) == told.not_counted
    found = verify(open_record_readonly(state, server.url(name)))
    assert found.broken is None, found.broken
    assert found.events == len(rows)
    return found


def main(times: int, seed: int) -> None:
    server = PostgresServer()
    try:
        server.start()
        name = server.new_database()
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder) / "var"
            told = asyncio.run(deaths(server, name, state, times, random.Random(seed)))
            found = held_against(server, name, state, told)
    finally:
        server.close()
    print(
        f"{told.deaths} deaths (seed {seed}): {len(told.allowed):,} requests were told that they "
        f"were on record, and are, once each; {len(told.refused):,} were refused, and none of them "
        f"is on record as allowed; {told.counted:,} counted, each once. {found.seals:,} seals, "
        "all whole."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int((*sys.argv[2:], "20261122")[0]))
