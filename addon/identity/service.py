"""The identity process: `python -m addon.identity.service --state DIR --policy FILE`.

It alone notices who is where and writes it down; the workers follow the record. When it starts
again after a short while, it goes on with what was open and can still be vouched for; after a
longer one it ends the rest where they were last vouched for, because departures may have been
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from addon.identity.counter import Counter
from addon.identity.desk import Desk
from addon.identity.intervals import Interval
from addon.identity.lease_files import LeaseFiles
from addon.identity.neighbours import Neighbours
from addon.identity.presence import Presence, last_alive, write_presence
from addon.identity.radius_listener import RadiusListener
from addon.identity.radius_order import REMEMBERED
from addon.identity.rows import interval_of, row_of
from addon.identity.sessions import Session, SessionKey
from addon.identity.tracking import Tracker
from addon.kept_policy import KeptPolicy
from addon.lifeline import ALIVE_EVERY, say_alive, say_ready, stop_with_parent
from addon.policy_in_force import PolicyInForce
from addon.record_address import record_url
from addon.state_folder import bell_of, identity_heartbeat, lists_folder
from rules.identity import Source
from rules.loading import PolicyError
from storage.bindings import (
    last_binding_id,
    open_bindings,
    sessions_known,
    sessions_over,
    write_bindings,
)
from storage.connections import Database
from storage.database import open_record
from storage.faults import AwayError, RecordError

log = logging.getLogger("schoolgate.identity")

_HEARTBEAT: Final = 1.0  # seconds
_SHORT: Final = timedelta(minutes=1)
"""Clients of RADIUS repeat what was not answered for about as long (RFC 5080, section 2.2.1)."""
_REMEMBERED: Final = timedelta(days=1)
"""How long a RADIUS session that has ended cannot begin again, whatever is sent."""
_SURVIVES: Final = frozenset({Source.SIGN_IN})
"""Sources whose departures cannot be missed: a sign-out needs this process, and an end is known."""


async def watch(state: Path, policy: Path) -> None:
    """Runs until SIGTERM or SIGINT. Raises PolicyError, RecordError, OSError."""
    in_force = PolicyInForce(
        policy, _now, lists_folder(state), bell_of(state), KeptPolicy(state, policy)
    )
    in_force.keep()
    database = await _once_there(state)
    tracker = taken_up(database, _now(), last_alive(state))
    desk = Desk(tracker, lambda: in_force.now.policy, database)
    neighbours, leases = Neighbours(desk), LeaseFiles(desk)
    ended = sessions_over(database, Source.RADIUS, _now() - _REMEMBERED)
    known = sessions_known(database, Source.RADIUS, REMEMBERED)
    radius, counter = RadiusListener(desk, state, ended, known), Counter(desk, state)
    radius.set_up(in_force.now.policy.identity.radius)
    await counter.open()
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)

    async def follow_policy() -> None:
        while True:
            try:
                await asyncio.wait_for(reload.wait(), _HEARTBEAT)
            except TimeoutError:
                if not in_force.has_changed():
                    continue
            reload.clear()
            if faults := await asyncio.to_thread(in_force.reload):
                log.error("The new policy has faults; the old one stays in force.\n%s", faults)
                continue
            neighbours.forget()
            leases.forget()
            try:
                radius.set_up(in_force.now.policy.identity.radius)
            except OSError as error:
                desk.troubles["radius"] = f"RADIUS cannot be listened for: {error.strerror}."
                log.error("%s", desk.troubles["radius"])

    work: list[Coroutine[Any, Any, None]] = [
        desk.write(), desk.sweep(), neighbours.run(), leases.run(), follow_policy(),
        _beat(state, desk),
    ]  # fmt: skip
    tasks = [asyncio.create_task(one) for one in work]
    tasks.append(asyncio.create_task(_ready_until(stop)))
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    radius.close()
    await counter.close()
    await desk.write_now()
    for task in done:
        if error := task.exception():
            raise error


async def _once_there(state: Path) -> Database:
    """The record; one that is away is waited for. Raises RecordError."""
    said = False
    while True:
        try:
            return open_record(state, record_url())
        except AwayError as error:
            if not said:
                log.warning("%s Who is where cannot be written down until then.", error)
                say_ready()  # nobody waits for this process
            said = True
        say_alive()
        await asyncio.sleep(_HEARTBEAT)


def taken_up(database: Database, now: datetime, alive: datetime | None) -> Tracker:
    """A tracker that goes on with the open intervals that can still be vouched for.

    `alive` is when this process last ran, if it can be told. The other intervals are ended where
    they were last vouched for. Raises RecordError.
    """
    tracker = Tracker(last_binding_id(database))
    briefly = alive is not None and timedelta() <= now - alive <= _SHORT
    sessions: dict[SessionKey, list[Interval]] = defaultdict(list)
    over: list[Interval] = []
    for row in open_bindings(database):
        interval = interval_of(row)
        if interval is None:
            continue
        if interval.confidence(now) and (briefly or interval.source in _SURVIVES):
            sessions[interval.source, interval.session].append(interval)
        else:
            ended = max(interval.began, min(interval.vouched, interval.ends or interval.vouched))
            if interval.ends is not None and interval.source in _SURVIVES and interval.ends <= now:
                ended = max(interval.began, interval.ends)
            over.append(replace(interval, ended=ended, why="restarted"))
    write_bindings(database, [row_of(interval) for interval in over])
    for intervals in sessions.values():
        first = intervals[0]
        places = {interval.address for interval in intervals}
        # A session that names no address of its own holds wherever its device is.
        own = first.session if first.session in places else ""
        if not first.hardware and len(places) == 1:
            own = first.address
        session = Session(
            first.source, first.session, first.person, max(i.vouched for i in intervals),
            own, first.hardware, first.ends,
        )  # fmt: skip
        tracker.take_up(session, intervals, now)
    return tracker


async def _ready_until(stop: asyncio.Event) -> None:
    say_ready()
    await stop.wait()


async def _beat(state: Path, desk: Desk) -> None:
    started, beats = _now(), 1
    while True:
        presence = Presence(
            *(os.getpid(), started, desk.now()),
            heard={source.value: at for source, at in desk.tracker.heard.items()},
            troubles=tuple(desk.troubles.values()),
            known=desk.tracker.addresses,
        )
        try:
            write_presence(state, presence)
        except OSError as error:
            log.warning("%s could not be written: %s.", identity_heartbeat(state), error.strerror)
        if beats % ALIVE_EVERY == 0:
            say_alive()
        beats += 1
        await asyncio.sleep(_HEARTBEAT)


def _now() -> datetime:
    return datetime.now(UTC)


def main(arguments: list[str] | None = None) -> int:
    """As the supervisor starts it. 0 after a wanted stop, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="addon.identity.service", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--policy", type=Path, required=True)
    settings = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    stop_with_parent()
    try:
        asyncio.run(watch(settings.state, settings.policy))
    except (PolicyError, RecordError) as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        log.error("Who is where cannot be watched: %s.", error.strerror or error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
