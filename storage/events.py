"""What the record is told: an event, its completion, the id of an event, and the reference people
quote.

An id has 50 bits: 40 for the milliseconds since 2026, 4 for the worker, 6 to tell apart what one
worker decides within a millisecond. Ids therefore rise with time, differ between workers that
never talk to each other, and fit in ten letters and digits that can be read out over the
telephone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

WORKERS: Final = 16
LARGEST_ID: Final = 2**50 - 1

_START = datetime(2026, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST_MILLISECOND = 2**40 - 1
_LAST_SEQUENCE = 63

# Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {symbol: value for value, symbol in enumerate(_SYMBOLS)} | {"O": 0, "I": 1, "L": 1}


@dataclass(frozen=True, slots=True)
class Event:
    """One request that was decided, as it goes on record.

    `at` is aware UTC. `person` is None for a device nobody has signed in to; `source` is how the
    person is known ('address', ...), '' when unknown; `address` is the client's. `path` is set
    only where a rule needed it. `policy` is the beginning of the digest of the policy that
    decided. `confidence` is how sure it was, 0 to 100, that it was this person. `action` is what
    was done on the site, '' where nothing says; `inside`: from a page of the site itself. Both are
    kept only of what counts as an act (see `storage.visits`).
    """

    id: int
    at: datetime
    person: str | None
    source: str
    address: str
    site: str
    host: str
    scheme: str
    method: str
    kind: str
    allowed: bool
    outcome: str
    reason: str
    rule: str | None = None
    clause: str | None = None
    path: str | None = None
    policy: str = ""
    confidence: int | None = None
    action: str = ""
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """How an allowed request ended: HTTP status (None if none came), bytes each way, and when
    (aware UTC).
    """

    id: int
    status: int | None
    bytes_up: int
    bytes_down: int
    ended_at: datetime


class EventIds:
    """Gives out the ids of one worker, always rising, even when the clock goes back.

    `worker` is 0 to 15 and belongs to this process alone. `after` is the highest id already on
    record (`Database.last_event_id`), so that a restart never gives one out twice. Safe to share
    between threads.
    """

    def __init__(self, worker: int = 0, after: int = 0) -> None:
        if not 0 <= worker < WORKERS:
            raise ValueError(f"A worker's number is 0 to {WORKERS - 1}, not {worker}.")
        self._worker = worker << 6
        self._millisecond = after >> 10
        self._sequence = _LAST_SEQUENCE if after else -1
        self._lock = Lock()

    def next(self, now: datetime) -> int:
        """The next id for `now` (aware). A clock set before 2026 or set back is counted on from
        the last id.

        Raises ValueError when the clock is past the year 2060, where ids of this size end.
        """
        clock = (now - _START) // _MILLISECOND
        with self._lock:
            millisecond, sequence = self._millisecond, self._sequence + 1
            if clock > millisecond:
                millisecond, sequence = clock, 0
            elif sequence > _LAST_SEQUENCE:
                millisecond, sequence = millisecond + 1, 0
            if millisecond > _LAST_MILLISECOND:
                raise ValueError(
                    f"The clock says {now:%Y}, past the last year events can be numbered in; "
                    "set it right."
                )
            self._millisecond, self._sequence = millisecond, sequence
            return millisecond << 10 | self._worker | sequence


def first_id(at: datetime) -> int:
    """The lowest id an event of that moment (aware) can have: ids rise with time."""
    return max(0, (at - _START) // _MILLISECOND) << 10


def event_time(event_id: int) -> datetime:
    """When the event with this id was decided, by the clock of then (aware, UTC)."""
    return _START + (event_id >> 10) * _MILLISECOND


def reference(event_id: int) -> str:
    """What a block page prints for an event, such as '0F3K9-21TB0'.

    Raises ValueError for no possible id.
    """
    if not 0 <= event_id <= LARGEST_ID:
        raise ValueError(f"{event_id} cannot be the id of an event.")
    symbols = "".join(_SYMBOLS[event_id >> shift & 31] for shift in range(45, -5, -5))
    return f"{symbols[:5]}-{symbols[5:]}"


def event_id(reference: str) -> int:
    """The id behind a reference, however it was typed: any case, O for 0, I or L for 1, dashes or
    spaces anywhere.

    Raises ValueError, in a sentence for the person who typed it, when it cannot be one.
    """
    symbols = [symbol for symbol in reference.upper() if symbol not in "- \t\r\n"]
    if len(symbols) != 10 or not all(symbol in _VALUES for symbol in symbols):
        raise ValueError(
            f"{reference[:40]!r} is not a reference: it has ten letters and digits, like "
            "0F3K9-21TB0."
        )
    number = 0
    for symbol in symbols:
        number = number << 5 | _VALUES[symbol]
    return number
