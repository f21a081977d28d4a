"""Whether all is well, in facts that a monitoring program or an admin can read."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from addon.policy_in_force import InForce
from addon.status import Reading

LAG_LIMIT: Final = 5.0  # seconds that an event may wait for the disk before somebody should look


@cache
def versions() -> Mapping[str, str]:
    """What runs here: Schoolgate, Python, mitmproxy."""
    return {
        "schoolgate": version("schoolgate"),
        "python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
    }


def health(
    in_force: InForce, readings: Sequence[Reading], workers: int, now: datetime
) -> dict[str, Any]:
    """All the facts, ready for JSON. `problems` holds a sentence for each thing that is not well.

    `workers` is how many proxy workers there should be; a status left behind by a worker beyond
    that number is out of date, not ill, and is passed over. Ages and lags are in seconds, times in
    UTC.
    """
    expected = [reading for reading in readings if reading.worker < workers]
    statuses = [reading.status for reading in expected if reading.status is not None]
    found = list(_problems(in_force, expected, workers))
    return {
        "status": "attention" if found else "ok",
        "problems": found,
        "at": now.isoformat(timespec="seconds"),
        "versions": versions(),
        "policy": {
            "digest": in_force.policy.digest,
            "files": [path.name for path in in_force.policy.files],
            "loaded_at": in_force.since.isoformat(timespec="seconds"),
            "age": _seconds(in_force.since, now),
            "last_reload_error": in_force.last_reload_error,
        },
        "record": {
            "lag": max((status.record.lag for status in statuses), default=0.0),
            "pending": sum(status.record.pending for status in statuses),
            "lost": sum(status.record.lost for status in statuses),
        },
        "workers": [_worker(reading, now) for reading in expected],
    }


def _worker(reading: Reading, now: datetime) -> dict[str, Any]:
    state = "running" if reading.answering else "not answering"
    facts: dict[str, Any] = {"worker": reading.worker, "state": state}
    if (status := reading.status) is None:
        return {**facts, "fault": reading.fault}
    return {
        **facts,
        "pid": status.pid,
        "up": _seconds(status.started_at, now),
        "heard": _seconds(status.at, now),
        "policy": status.policy,
        "policy_age": _seconds(status.policy_loaded_at, now),
        "last_reload_error": status.last_reload_error,
        "record": asdict(status.record),
        "decided": status.decided,
        "refused": status.refused,
        "passed": status.passed,
    }


def _problems(in_force: InForce, readings: Sequence[Reading], workers: int) -> Iterator[str]:
    if in_force.last_reload_error:
        yield "The portal could not use the new policy and keeps to the old one."
    heard = {reading.worker for reading in readings}
    for number in range(workers):
        if number not in heard:
            yield f"Proxy worker {number} has not said anything yet."
    for reading in readings:
        if reading.fault:
            yield f"Proxy worker {reading.worker}: {reading.fault}"
        elif not reading.answering:
            yield f"Proxy worker {reading.worker} is not answering."
        elif reading.status is not None:
            yield from _worker_problems(reading, in_force)


def _worker_problems(reading: Reading, in_force: InForce) -> Iterator[str]:
    status, who = reading.status, f"Proxy worker {reading.worker}"
    if status is None:
        return
    if status.last_reload_error:
        yield f"{who} could not use the new policy and keeps to the old one."
    elif status.policy != in_force.policy.digest:
        yield f"{who} and the portal go by different policies."
    if status.record.lag > LAG_LIMIT:
        yield f"{who} has waited {status.record.lag:.0f} seconds to write to the record."
    if status.record.lost:
        yield f"{who} lost {status.record.lost} events that could not be written to the record."
    if status.record.last_error:
        yield f"{who} could not write to the record: {status.record.last_error}"


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, round((now - since).total_seconds(), 1))
