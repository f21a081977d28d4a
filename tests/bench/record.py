"""How fast the record is written and read. Run it by hand; it prints figures and asserts nothing.

python tests/bench/record.py [--events 300000] [--writers 1 4] [--overview 1000000] [--state FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

from storage.database import open_record, open_record_readonly
from storage.events import Event, EventIds
from storage.recorder import Recorder

START = datetime(2026, 9, 1, 8, tzinfo=UTC)
SITES = ("facebook", "instagram", "x", "youtube", "tiktok", "pinterest", "linkedin", "whatsapp")
KINDS = ("navigation", "navigation", "action", "embed", "background", "unknown")


def make(ids: EventIds, number: int, at: datetime, staff: int = 20) -> Event:
    return Event(
        id=ids.next(at),
        at=at,
        person=f"staff.{number * 7 % staff}" if number % 29 else None,
        source="address",
        address=f"192.168.1.{number % 250}",
        site=SITES[number * 5 % 13 % len(SITES)],
        host="www.facebook.com",
        scheme="https",
        method="GET",
        kind=KINDS[number % len(KINDS)],
        allowed=number % 3 == 0,
        outcome="purpose" if number % 3 == 0 else "no-purpose",
        reason="The school's own page may be kept up to date by the office.",
        rule="school-page" if number % 3 == 0 else None,
        clause="personal-use",
        policy="0123456789ab",
    )


def sustained(state: Path, events: int, worker: int, start: Barrier) -> None:
    """Records events that were made beforehand, as fast as the recorder takes them."""
    database = open_record(state)
    ids = EventIds(worker, database.last_event_id())
    ready = [make(ids, n, START + timedelta(milliseconds=n)) for n in range(events)]
    recorder = Recorder(database, limit=events + 1)
    recorder.start()
    start.wait()
    for event in ready:
        recorder.note(event)
    left = recorder.close(600)
    if left or recorder.state.lost:
        raise SystemExit(f"lost {left + recorder.state.lost}: {recorder.state.last_error}")


def latency(state: Path, clients: int, rounds: int) -> list[float]:
    database = open_record(state)
    ids = EventIds(15, database.last_event_id())
    recorder = Recorder(database)
    recorder.start()
    took: list[float] = []

    async def client() -> None:
        for number in range(rounds):
            begun = time.perf_counter()
            await recorder.durable(make(ids, number, START), 30)
            took.append(time.perf_counter() - begun)

    async def everyone() -> None:
        await asyncio.gather(*(client() for _ in range(clients)))

    asyncio.run(everyone())
    recorder.close(10)
    return took


def fill(state: Path, events: int, staff: int) -> None:
    """A school year: 190 days of ten hours, through the recorder."""
    database = open_record(state)
    ids = EventIds(0)
    recorder = Recorder(database)
    recorder.start()
    step = timedelta(days=190) / events
    for number in range(events):
        place = START + step * number
        at = place.replace(hour=7 + place.hour * 10 // 24)
        recorder.note(make(ids, number * 31 + number // 97, at, staff))
        while number % 1_000 == 0 and recorder.state.pending > 50_000:
            time.sleep(0.01)
    recorder.close(600)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=300_000)
    options.add_argument("--writers", type=int, nargs="*", default=[1, 4])
    options.add_argument("--overview", type=int, default=0)
    options.add_argument("--staff", type=int, default=20)
    options.add_argument("--state", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = chosen.state or Path(temporary)
        for writers in chosen.writers:
            state = root / f"writers-{writers}"
            open_record(state)
            each = chosen.events // writers
            start = multiprocessing.Barrier(writers + 1)
            children = [
                multiprocessing.Process(target=sustained, args=(state, each, worker, start))
                for worker in range(writers)
            ]
            for child in children:
                child.start()
            start.wait()
            begun = time.perf_counter()
            for child in children:
                child.join()
            took = time.perf_counter() - begun
            codes = [child.exitcode for child in children]
            stored = (
                sqlite3.connect(state / "record.sqlite3")
                .execute("SELECT count(*) FROM events")
                .fetchone()[0]
            )
            size = (state / "record.sqlite3").stat().st_size
            print(
                f"{writers} writer(s): {stored / took:,.0f} events/s, {stored:,} stored, "
                f"{size / stored:.0f} bytes each, exit codes {codes}"
            )
        for clients in (1, 32):
            took_each = latency(root / "latency", clients, max(10, 2000 // clients))
            ordered = sorted(took_each)
            print(
                f"durable, {clients} client(s): median {statistics.median(ordered) * 1000:.2f} ms, "
                f"99 % {ordered[len(ordered) * 99 // 100] * 1000:.2f} ms"
            )
        if chosen.overview:
            from storage.usage import overview

            state = root / "year"
            if not (state / "record.sqlite3").exists():
                begun = time.perf_counter()
                fill(state, chosen.overview, chosen.staff)
                print(f"filled {chosen.overview:,} in {time.perf_counter() - begun:.0f} s")
            database = open_record_readonly(state)
            for days in (7, 365):
                begun = time.perf_counter()
                found = overview(database, START, START + timedelta(days=days))
                print(
                    f"overview of {days} days: {time.perf_counter() - begun:.3f} s, "
                    f"{len(found.sites)} sites"
                )


if __name__ == "__main__":
    main()
