"""How the identity process says that it is well, and how the portal and the doctor hear it.

It writes one small file in the state folder every second. Its age says whether the process still
runs, and, when the process starts again, how long it was away. It holds nothing about anybody.

Beside it lies the file that says whether the process is wanted at all: the policy in force decides,
and the supervisor goes by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from addon.durable_file import replace_file
from addon.state_folder import identity_heartbeat, identity_wanted
from rules.policy import Policy

SILENT_AFTER: Final = timedelta(seconds=5)
_LONGEST: Final = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Presence:
    """The process at one moment; times aware UTC.

    `heard` is by source when it last said anything, `troubles` a sentence for each thing that is
    not well, `known` how many addresses somebody is known to be at.
    """

    pid: int
    started_at: datetime
    at: datetime
    heard: Mapping[str, datetime] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    known: int = 0

    def answers(self, now: datetime) -> bool:
        """Whether it was there just now."""
        return abs(now - self.at) <= SILENT_AFTER


def is_wanted(policy: Policy) -> bool:
    """Whether a policy's sources have to be watched."""
    return policy.identity.listens(policy.devices)


def note_whether_wanted(state: Path, policy: Policy) -> None:
    """Has the supervisor start the process, or end it. Raises OSError."""
    path = identity_wanted(state)
    if is_wanted(policy):
        path.touch(mode=0o600)
    else:
        path.unlink(missing_ok=True)


def write_presence(state: Path, presence: Presence) -> None:
    """Replaces the file in one step. Raises OSError."""
    path = identity_heartbeat(state)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    facts = {
        "pid": presence.pid,
        "started_at": presence.started_at.isoformat(),
        "at": presence.at.isoformat(),
        "heard": {source: at.isoformat() for source, at in presence.heard.items()},
        "troubles": list(presence.troubles),
        "known": presence.known,
    }
    replace_file(path, json.dumps(facts).encode())


def read_presence(state: Path) -> Presence | None:
    """What the process last said; None if it never did, or nothing that can be understood."""
    try:
        with identity_heartbeat(state).open("rb") as file:
            facts: dict[str, Any] = json.loads(file.read(_LONGEST))
        return Presence(
            pid=int(facts["pid"]),
            started_at=_moment(facts["started_at"]),
            at=_moment(facts["at"]),
            heard={str(source): _moment(at) for source, at in facts["heard"].items()},
            troubles=tuple(map(str, facts["troubles"])),
            known=int(facts["known"]),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def last_alive(state: Path) -> datetime | None:
    """When the process last ran, if that can be told."""
    with suppress(OSError):
        return datetime.fromtimestamp(identity_heartbeat(state).stat().st_mtime, UTC)
    return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
