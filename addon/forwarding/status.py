"""How forwarding fares, in one small file: `status/forwarding.json` in the state folder.

It is for people only. How far the centre is, the centre itself knows.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from addon.status import publish as put_down

SILENT_AFTER: Final = timedelta(minutes=5)
"""One step, with all its time limits, takes less."""

LONG: Final = timedelta(minutes=15)
"""A link that is gone for less is nobody's worry: nothing is lost by it."""

_LONGEST: Final = 16 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class ForwardingStatus:
    """At one moment; times are aware and UTC. `centre` shows no password.

    `worked_at` is when the centre last had all, or took something; `behind` how many seals it then
    lacked. `problem` is a sentence, None when all is well; `changed`: it is that the centre and the
    record do not agree.
    """

    pid: int
    started_at: datetime
    at: datetime
    centre: str
    school: str = ""
    worked_at: datetime | None = None
    behind: int | None = None
    problem: str | None = None
    changed: bool = False

    def worry(self, now: datetime) -> str | None:
        """What somebody should look at, in a sentence that anybody may read; None if nothing."""
        if self.changed:
            return "The record and what the centre holds of it do not agree."
        if now - self.at > SILENT_AFTER:
            return "The process that forwards the record to the centre is not answering."
        if self.problem and now - (self.worked_at or self.started_at) > LONG:
            since = f"since {_moment(self.worked_at)}" if self.worked_at else "yet"
            return f"Nothing of the record has reached the centre {since}."
        return None

    def in_words(self) -> str:
        """How far it is, in a sentence."""
        if self.worked_at is None:
            return "Nothing has been forwarded yet."
        if self.behind:
            return (
                f"{self.behind:,} seals are still to go; it last worked {_moment(self.worked_at)}."
            )
        return f"The centre had all of it {_moment(self.worked_at)}."


def forwarding_status_path(state: Path) -> Path:
    """Where it lies."""
    return state / "status" / "forwarding.json"


def publish(state: Path, status: ForwardingStatus) -> None:
    """Puts it down; where that fails, nobody is the worse for it."""
    with suppress(OSError):
        put_down(forwarding_status_path(state), status)


def read_forwarding(state: Path) -> ForwardingStatus | None:
    """What was put down last; None where nothing is forwarded, or nothing can be read."""
    try:
        with forwarding_status_path(state).open("rb") as file:
            facts: dict[str, Any] = json.loads(file.read(_LONGEST))
        times = {
            name: datetime.fromisoformat(facts[name]).astimezone(UTC) if facts[name] else None
            for name in ("started_at", "at", "worked_at")
        }
        return ForwardingStatus(**{**facts, **times})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _moment(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M} UTC"
