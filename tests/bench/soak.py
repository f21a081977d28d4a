"""A soak: the whole gateway at about half of what it can carry, for a long time.

All is as in `gateway`'s benchmark, in full mode with two workers. While the devices do what they
do (`soak_clients`), the policy is put in force anew every minute, somebody is granted a site, and
the grant is revoked. At the end the record is held against what the site itself has seen: each
request that reached it must be there as allowed, once, and each refusal once too.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from addon.status import read_all
from tests.bench.soak_clients import REFUSED
from tests.bench.soak_school import School
from tests.bench.soak_street import GRANTED, seen, soak_street
from tests.bench.soak_watch import Watched, processes
from tests.bench.stage import ALLOWED, BLOCKED, BenchError
from tests.bench.street import why_not

__all__ = ["Found", "soak", "why_not"]

EVERY = 30.0
"""Seconds between two looks."""
_CEILING_FOR = 10.0


@dataclass
class Found:
    """What a soak found. `faults` are sentences; none is what one wants."""

    ceiling: float
    rate: float
    seconds: float = 0.0
    watched: list[Watched] = field(default_factory=list)
    acts: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        processes = [
            {
                "process": one.name,
                "slope_mb_an_hour": one.slope,
                "growth": one.growth,
                "more_files": one.more_files,
                "at": one.at,
                "memory_mb": one.memory,
                "files": one.files,
            }
            for one in self.watched
        ]
        rest = {key: value for key, value in vars(self).items() if key != "watched"}
        return {**rest, "processes": processes}


def soak(minutes: float, rate: float | None, say: Callable[[str], None]) -> Found:
    """Soaks for so long. `rate` is acts a second; None is half of what it can carry.

    Raises BenchError where nothing could be measured.
    """
    with tempfile.TemporaryDirectory() as folder, soak_street(Path(folder)) as street:
        school = School(street)
        say("measuring what it can carry")
        school.clients("ceiling", _CEILING_FOR).wait(_CEILING_FOR + 60)
        ceiling = school.figures("ceiling")["rate"]
        found = Found(ceiling, rate or ceiling / 2)
        _run(school, minutes * 60, found, say)
        figures = {run: school.figures(run) for run in ("ceiling", "soak")}
        found.acts = figures["soak"]["acts"]
        late = figures["soak"]["late"]
        found.faults += [f"{late} acts could not begin in time"] if late else []
        for one in figures.values():
            found.faults += [f"{number} times {wrong}" for wrong, number in one["wrong"].items()]
        refused = sum(one["acts"][act]["done"] for one in figures.values() for act in REFUSED)
        time.sleep(3)
        found.faults += [fault for one in found.watched for fault in one.faults()]
        found.faults += _compared(school, refused, found.counts)
        found.faults += [f"it said: {line}" for line in school.words()[:50]]
        return found


def _run(school: School, seconds: float, found: Found, say: Callable[[str], None]) -> None:
    found.watched = processes(school.process.pid)
    clients = school.clients("soak", seconds, found.rate)
    begun = time.monotonic()
    chores = _chores(school)
    looked = -EVERY
    while clients.poll() is None:
        at = time.monotonic() - begun
        if at > seconds + 700:
            raise BenchError("The devices do not come to their end.")
        if at - looked >= EVERY:
            looked = at
            _look(school, at, found)
            say(f"{at / 60:.1f} minutes, {len(found.faults)} faults")
        if at < seconds and (fault := next(chores)):
            found.faults.append(f"{_stamp()}: {fault}")
        time.sleep(0.5)
    found.seconds = time.monotonic() - begun


def _chores(school: School) -> Iterator[str | None]:
    """One change at a time, each kind once a minute; what is wrong with it."""
    begun = time.monotonic()
    for number, chore in enumerate(_for_ever(school.reload, school.grant, school.revoke)):
        while time.monotonic() < begun + number * 20:
            yield None
        yield chore()


def _for_ever(*chores: Callable[[], str | None]) -> Iterator[Callable[[], str | None]]:
    while True:
        yield from chores


def _look(school: School, at: float, found: Found) -> None:
    for one in found.watched:
        try:
            one.look(at)
        except OSError:
            found.faults.append(f"{_stamp()}: {one.name} is gone")
    for reading in read_all(school.state, _now()):
        name = f"{_stamp()}: worker {reading.worker}"
        if not reading.answering or not reading.status:
            found.faults.append(f"{name} does not answer: {reading.fault}")
            continue
        status = reading.status
        if status.record.lost or status.record.last_error:
            lost, error = status.record.lost, status.record.last_error
            found.faults.append(f"{name}: {lost} records lost, the last error: {error}")
        if status.last_reload_error:
            found.faults.append(f"{name}: {status.last_reload_error}")


def _compared(school: School, refused: int, counts: dict[str, int]) -> list[str]:
    """The record beside what the site saw and what the devices were answered."""
    there = seen(school.street.folder, ALLOWED)
    query = "SELECT path FROM events WHERE host = ? AND allowed = 1"
    here = Counter(path for (path,) in school.rows(query, ALLOWED))
    lost, doubled = there - here, Counter({path: n for path, n in here.items() if n > 1})
    granted_there = sum(seen(school.street.folder, GRANTED).values())
    granted = school.rows(query, GRANTED)
    query = (  # a refusal that an app asks for again and again is one event with a number beside it
        "SELECT count(*) + coalesce(sum(repeats.number), 0) FROM events "
        "LEFT JOIN repeats ON repeats.event = events.id "
        "WHERE host = ? AND allowed = 0 AND method = 'GET'"
    )
    ((refusals,),) = school.rows(query, BLOCKED)
    blocked_there = sum(seen(school.street.folder, BLOCKED).values())
    ((rows,),) = school.rows("SELECT count(*) FROM events")
    counts |= {
        "rows on record": rows,
        "allowed requests that the site saw": sum(there.values()),
        "of them not on record": sum(lost.values()),
        "allowed on record": sum(here.values()),
        "on record twice": sum(doubled.values()),
        "granted requests that the site saw": granted_there,
        "granted on record": len(granted),
        "refusals that the devices saw": refused,
        "refusals on record": refusals,
        "requests to a refused site that reached it": blocked_there,
    }
    faults = [f"not on record: {path}" for path in list(lost)[:5]]
    faults += [f"on record {number} times: {path}" for path, number in list(doubled.items())[:5]]
    if granted_there > len(granted):
        faults.append(f"{granted_there} granted requests, and {len(granted)} on record")
    if refusals != refused:
        faults.append(f"{refused} refusals, and {refusals} on record")
    if blocked_there:
        faults.append(f"{blocked_there} requests to {BLOCKED} reached it")
    return faults


def _now() -> datetime:
    return datetime.now(UTC)


def _stamp() -> str:
    return f"{_now():%H:%M:%S}"
