"""A program of its own that records: `python recording.py STATE WORKER EVENTS [URL]`.

It waits for each event and prints its id once it is durable. Tests kill it, or run several at once.
With EVENTS 0 it goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

from storage.database import open_record
from storage.events import Completion, Event, EventIds
from storage.recorder import Recorder


async def main(state: Path, worker: int, events: int, url: str | None) -> None:
    database = open_record(state, url)
    ids = EventIds(worker, database.last_event_id())
    recorder = Recorder(database)
    recorder.start()
    numbers = iter(range(events)) if events else itertools.count()

    async def client(name: int) -> None:
        for _ in numbers:
            now = datetime.now(UTC)
            told = Event(
                id=ids.next(now),
                at=now,
                person=f"client.{name}",
                source="address",
                address="127.0.0.1",
                site="facebook",
                host="facebook.com",
                scheme="https",
                method="GET",
                kind="navigation",
                allowed=True,
                outcome="purpose",
                reason="A school purpose.",
            )
            await recorder.durable(told, 60)
            print(told.id, flush=True)
            recorder.complete(Completion(told.id, 200, 1, 1, now))

    await asyncio.gather(*(client(name) for name in range(8)))
    print(f"left {recorder.close(30)} lost {recorder.state.lost}", flush=True)


if __name__ == "__main__":
    folder, number, wanted, *address = sys.argv[1:]
    asyncio.run(main(Path(folder), int(number), int(wanted), "".join(address) or None))
