"""How fast events are put on record: by one process or several at once, and waited for."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.synchronize import Barrier

from storage.database import Database
from storage.events import EventIds
from storage.recorder import Recorder
from tests.bench.record_material import START, event
from tests.bench.stage import BenchError

type Open = Callable[[], Database]


def sustained(opened: Open, events: int, writers: int) -> float:
    """Events a second, from the first that is told to the last that is on the disk."""
    start = multiprocessing.Barrier(writers + 1)
    children = [
        multiprocessing.Process(target=_write, args=(opened, events // writers, worker, start))
        for worker in range(writers)
    ]
    for child in children:
        child.start()
    start.wait()
    begun = time.perf_counter()
    for child in children:
        child.join()
    took = time.perf_counter() - begun
    if any(child.exitcode for child in children):
        raise BenchError("A writer lost events; see above.")
    return events // writers * writers / took


def _write(opened: Open, events: int, worker: int, start: Barrier) -> None:
    database = opened()
    ids = EventIds(worker, database.last_event_id())
    ready = [event(ids, n, START + timedelta(milliseconds=n)) for n in range(events)]
    recorder = Recorder(database, limit=events + 1)
    recorder.start()
    start.wait()
    for one in ready:
        recorder.note(one)
    left = recorder.close(600)
    if left or recorder.state.lost:
        raise SystemExit(f"lost {left + recorder.state.lost}: {recorder.state.last_error}")


def waited(opened: Open, clients: int, events: int) -> list[float]:
    """Seconds that each event took to be on the disk, while so many clients wait for one each."""
    database = opened()
    ids = EventIds(15, database.last_event_id())
    recorder = Recorder(database)
    recorder.start()
    took: list[float] = []

    async def client() -> None:
        for number in range(max(10, events // clients)):
            begun = time.perf_counter()
            await recorder.durable(event(ids, number, START), 30)
            took.append(time.perf_counter() - begun)

    async def everyone() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    asyncio.run(everyone())
    recorder.close(10)
    return sorted(took)
