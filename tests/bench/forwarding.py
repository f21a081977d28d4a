"""How fast a record reaches the centre: `python -m tests.bench.forwarding [--events 1000000]`.

A gateway's record is made as the writer makes it, in commits of `--commit` events, with their ends
a commit later; then it is forwarded from nothing to a real PostgreSQL server, whose files lie in
memory where they can. The processor time of both sides is measured too, because a wall clock on a
busy machine tells little.
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from storage.centre.address import Address
from storage.centre.forwarding import Forwarder
from storage.centre.verifying import verify_at
from storage.connections import Database
from storage.database import open_record
from storage.events import Completion, EventIds
from storage.writing import Line, Work, completion_row, event_row, write
from tests.storage.centre.conftest import Centre
from tests.storage.conftest import ALLOWED, NOON
from tests.support.postgresql import PostgresServer

_TICK = os.sysconf("SC_CLK_TCK")


def record(database: Database, events: int, commit: int) -> None:
    """As many events, each completed in the commit after its own."""
    ids = EventIds(0)
    before: list[Completion] = []
    with closing(database.writer()) as connection:
        for number in range(0, events, commit):
            at = NOON + timedelta(seconds=number // commit)
            told = [
                replace(ALLOWED, id=ids.next(at), at=at, person=f"p.{n % 50}")
                for n in range(min(commit, events - number))
            ]
            ended = [completion_row(each) for each in before]
            before = [Completion(each.id, 200, 1_000, 20_000, at) for each in told]
            work = Work([Line(event_row(each), False) for each in told], [], ended)
            with connection.begin():
                write(connection, work, at, careful=False)


def processor(server: PostgresServer) -> float:
    """Seconds that the server's processes, those that have ended too, have used."""
    assert server._process is not None
    total = 0.0
    for pid in (server._process.pid, *server._children()):
        with suppress(OSError):
            facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            last = 15 if pid == server._process.pid else 13
            total += sum(map(int, facts[11:last])) / _TICK
    return total


@click.command()
@click.option("--events", default=100_000, show_default=True)
@click.option("--commit", default=200, show_default=True, help="Events in one commit.")
def main(events: int, commit: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="schoolgate-forwarding-"))
    database = open_record(folder / "var")
    record(database, events, commit)
    server = PostgresServer()
    try:
        server.start()
        centre = Centre(server)
        url = centre.school("ash")
        forwarder = Forwarder(database, Address(url))
        memory, began, own, theirs = (
            _memory(),
            time.monotonic(),
            time.process_time(),
            processor(server),
        )
        rows = 0
        while (progress := forwarder.step()).seals:
            rows += progress.rows
        wall = time.monotonic() - began
        own, theirs = time.process_time() - own, processor(server) - theirs
        forwarder.close()
        click.echo(
            f"{events:,} events ({rows:,} rows, {commit} in a commit): {wall:.1f} s,"
            f" {events / wall:,.0f} events/s; processor time {own:.1f} s here and {theirs:.1f} s at"
            f" the centre, {events / max(own, theirs):,.0f} events for each second of the busier;"
            f" memory {memory:.0f} MB before and {_memory():.0f} MB at most"
        )
        began = time.monotonic()
        held = verify_at(Address(url), None)[-1]
        assert held.verdict.broken is None
        assert held.verdict.events == events
        size = centre.ask("SELECT pg_database_size(current_database())")[0][0]
        click.echo(
            f"Verified at the centre in {time.monotonic() - began:.1f} s; it takes"
            f" {int(str(size)) / events:,.0f} bytes an event there, and"
            f" {(folder / 'var/record.sqlite3').stat().st_size / events:,.0f} at the gateway."
        )
    finally:
        server.close()
        shutil.rmtree(folder)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
