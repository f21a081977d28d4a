"""How a proxy worker says that it is well, and how the portal hears it.

Each worker writes one small file in the state folder every second: `status/proxy-0.json`. A file
needs no port and no protocol, it outlives the worker by a moment, and its age says whether the
worker still runs. It holds counts and times only, nothing about anybody.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

from addon.durable_file import replace_file

SILENT_AFTER: Final = timedelta(seconds=5)
_FOLDER: Final = "status"
_LONGEST: Final = 64 * 1024  # bytes; a status is under one thousand


@dataclass(frozen=True, slots=True)
class RecordStatus:
    """How the worker's recorder keeps up."""

    pending: int = 0  # events waiting to be written
    lag: float = 0.0  # seconds that the oldest of them has waited
    lost: int = 0  # events that could not be kept, since the worker started
    written: int = 0
    last_error: str | None = None
    size: int = 0  # bytes that the record takes
    limit: int | None = None  # bytes that it may take


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at one moment. Times are aware and UTC; counts are since it started."""

    worker: int
    pid: int
    started_at: datetime
    at: datetime
    policy: str  # the digest in force, hexadecimal
    policy_loaded_at: datetime
    last_reload_error: str | None = None
    record: RecordStatus = RecordStatus()
    decided: int = 0
    refused: int = 0
    passed: int = 0  # connections let through without being decided
    authority: tuple[str, ...] = ()  # what is not well with the certificates, a sentence each


@dataclass(frozen=True, slots=True)
class Reading:
    """What a status file said: a status, or why there is none; and whether it is fresh."""

    worker: int
    status: WorkerStatus | None
    answering: bool
    fault: str | None = None


def status_path(state: Path, worker: int) -> Path:
    """Where worker number `worker` (from 0) leaves its status."""
    return state / _FOLDER / f"proxy-{worker}.json"


def publish(path: Path, status: "DataclassInstance") -> None:
    """Replace the file at `path`, in one step, readable by its owner only.

    A reader sees the old status or the new one, never half. Raises OSError when it cannot be
    written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, json.dumps(asdict(status), default=_as_text).encode())


def read_all(state: Path, now: datetime) -> tuple[Reading, ...]:
    """What each worker last said, by number; one silent for over five seconds is not answering.

    Never raises: a file that cannot be read or understood is a Reading with its fault.
    """
    readings = []
    for path in (state / _FOLDER).glob("proxy-*.json"):
        number = path.stem.removeprefix("proxy-")
        if number.isascii() and number.isdecimal():
            readings.append(_read(path, int(number), now))
    return tuple(sorted(readings, key=lambda reading: reading.worker))


def _read(path: Path, worker: int, now: datetime) -> Reading:
    try:
        with path.open("rb") as file:
            status = _understood(json.loads(file.read(_LONGEST)))
    except OSError as fault:
        return Reading(worker, None, False, f"{path.name} cannot be read: {fault.strerror}.")
    except (ValueError, TypeError, KeyError, RecursionError):
        return Reading(worker, None, False, f"{path.name} does not hold a worker's status.")
    return Reading(worker, status, abs(now - status.at) <= SILENT_AFTER)


def _understood(facts: dict[str, Any]) -> WorkerStatus:
    times = {
        name: datetime.fromisoformat(facts[name]).astimezone(UTC)
        for name in ("started_at", "at", "policy_loaded_at")
    }
    record, authority = RecordStatus(**facts["record"]), tuple(facts.get("authority", ()))
    status = WorkerStatus(**{**facts, **times, "record": record, "authority": authority})
    if not all(isinstance(sentence, str) for sentence in authority):
        raise TypeError("a sentence is none")
    counts = (status.pid, status.decided, status.refused, status.passed, *_numbers(status.record))
    if not all(isinstance(count, int | float) for count in counts):
        raise TypeError("a count is not a number")
    return status


def _numbers(record: RecordStatus) -> tuple[float, ...]:
    return record.pending, record.lag, record.lost, record.written, record.size, record.limit or 0


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in a status")
