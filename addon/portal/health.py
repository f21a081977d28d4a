"""Whether all is well, in facts that a monitoring program or an admin can read."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from addon.forwarding.status import ForwardingStatus
from addon.identity.presence import Presence, is_wanted
from addon.policy_in_force import InForce
from addon.status import Reading
from rules.policy import Policy

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
    in_force: InForce,
    readings: Sequence[Reading],
    workers: int,
    now: datetime,
    presence: Presence | None = None,
    forwarding: ForwardingStatus | None = None,
    further: Iterable[str] = (),
) -> dict[str, Any]:
    """All the facts, ready for JSON. `problems` holds a sentence for each thing that is not well.

    `workers` is how many proxy workers there should be; a status left behind by a worker beyond
    that number is out of date, not ill, and is passed over. `presence` is what the identity process
    last said; `forwarding` is None where no centre gets the record; `further` are problems that
    were found elsewhere. Ages and lags are in seconds, sizes in bytes, times in UTC.
    """
    expected = [reading for reading in readings if reading.worker < workers]
    statuses = [reading.status for reading in expected if reading.status is not None]
    found = [
        *_problems(in_force, expected, workers),
        *identity_problems(in_force.policy, presence, now),
        *further,
    ]
    if forwarding and (worry := forwarding.worry(now)):
        found.append(f"{worry} 'schoolgate doctor' says more.")
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
            "from_copy": in_force.from_copy,
        },
        "record": {
            "lag": max((status.record.lag for status in statuses), default=0.0),
            "pending": sum(status.record.pending for status in statuses),
            "lost": sum(status.record.lost for status in statuses),
            "size": max((status.record.size for status in statuses), default=0),
            "limit": next((status.record.limit for status in statuses), None),
        },
        **({"centre": _centre(forwarding)} if forwarding else {}),
        "workers": [_worker(reading, now) for reading in expected],
        "identity": _identity(in_force.policy, presence, now),
    }


def identity_problems(policy: Policy, presence: Presence | None, now: datetime) -> Iterator[str]:
    """A sentence for each thing that is not well with watching who is where."""
    if not is_wanted(policy):
        return
    if presence is None or not presence.answers(now):
        yield "Nobody watches who is where: the identity process is not answering."
    else:
        yield from presence.troubles


def _identity(policy: Policy, presence: Presence | None, now: datetime) -> dict[str, Any]:
    sources = [source.value for source in policy.identity.sources]
    if not is_wanted(policy):
        return {"state": "not needed", "sources": sources}
    if presence is None or not presence.answers(now):
        return {"state": "not answering", "sources": sources}
    heard = {
        source: _seconds(presence.heard[source], now) if source in presence.heard else None
        for source in sources
    }
    return {
        "state": "running",
        "pid": presence.pid,
        "up": _seconds(presence.started_at, now),
        "sources": sources,
        "heard": heard,
        "known": presence.known,
    }


def _centre(forwarding: ForwardingStatus) -> dict[str, Any]:
    # Not where it is, nor its words: anybody at the school may ask for this page.
    worked = forwarding.worked_at
    return {
        "worked_at": worked.isoformat(timespec="seconds") if worked else None,
        "behind": forwarding.behind,
        "well": forwarding.problem is None,
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
    if in_force.from_copy:
        yield (
            "The policy's files have faults. The gate goes by its copy of the policy in force since"
            f" {in_force.since_in_words}. 'schoolgate check' says what to put right."
        )
    elif in_force.last_reload_error:
        yield (
            "The policy's files have faults. The policy in force since"
            f" {in_force.since_in_words} stays. 'schoolgate check' says what to put right."
        )
    if in_force.not_kept:
        yield (
            f"No copy of the policy could be kept ({in_force.not_kept}), so the gate could not"
            " start again while its files have faults."
        )
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
    if status.policy != in_force.policy.digest:
        yield f"{who} and the portal go by different policies."
    yield from status.authority
    if status.record.lag > LAG_LIMIT:
        yield f"{who} has waited {status.record.lag:.0f} seconds to write to the record."
    if status.record.lost:
        lost = "1 event" if status.record.lost == 1 else f"{status.record.lost} events"
        yield f"{who} could not write {lost} to the record and gave up."
    if status.record.last_error:
        yield f"{who} could not write to the record: {status.record.last_error}"


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, round((now - since).total_seconds(), 1))
