"""Where the day's head is kept elsewhere, and when it last got there: `kept-heads.json` in the
state folder, which says nothing about anybody.

It keeps the daily chore to once a day, across restarts, and is what the doctor goes by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from addon.durable_file import replace_file
from addon.state_folder import kept_heads

_LONGEST: Final = 64 * 1024  # bytes
_MOST: Final = 8  # places


class How(StrEnum):
    """The ways out."""

    FILE = "file"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Place:
    """A file or an address. `wanted`: `schoolgate run` sees to it daily.

    `done` (aware UTC) is when a head last got there, `problem` why it did not at the last attempt,
    in a sentence.
    """

    how: How
    where: str
    wanted: bool = False
    done: datetime | None = None
    problem: str | None = None


def places(state: Path) -> tuple[Place, ...]:
    """All that is known of; nothing where nothing can be read."""
    try:
        with kept_heads(state).open("rb") as file:
            return tuple(_place(facts) for facts in json.loads(file.read(_LONGEST)))
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def place(state: Path, how: How, where: str) -> Place:
    """What is known of one."""
    known = {(each.how, each.where): each for each in places(state)}
    return known.get((how, where)) or Place(how, where)


def put_down(state: Path, changed: Place) -> None:
    """Keeps what is known of one place. Raises OSError."""
    others = [each for each in places(state) if (each.how, each.where) != _key(changed)]
    _write(state, [changed, *others])


def want(state: Path, wanted: Mapping[How, str]) -> None:
    """Keeps which places are seen to daily from now on, and that no others are. Raises OSError."""
    known = places(state)
    there = {(each.how, each.where) for each in known}
    new = [Place(*each) for each in wanted.items() if each not in there]
    changed = [replace(each, wanted=wanted.get(each.how) == each.where) for each in (*new, *known)]
    if changed != list(known):
        _write(state, changed)


def _key(of: Place) -> tuple[How, str]:
    return of.how, of.where


def _write(state: Path, known: list[Place]) -> None:
    # Those that are wanted first, then the newest: of all others the oldest are forgotten.
    never = datetime.min.replace(tzinfo=UTC)
    known = sorted(known, key=lambda each: (each.wanted, each.done or never), reverse=True)
    content = json.dumps([asdict(each) for each in known[:_MOST]], default=_as_text, indent=2)
    replace_file(kept_heads(state), content.encode(), durable=True, as_folders_owner=True)


def _place(facts: dict[str, Any]) -> Place:
    done, problem = facts["done"], facts["problem"]
    return Place(
        How(facts["how"]),
        str(facts["where"]),
        bool(facts["wanted"]),
        datetime.fromisoformat(done).astimezone(UTC) if done else None,
        str(problem) if problem else None,
    )


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in what is kept of heads")
