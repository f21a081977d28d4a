"""One line of the doctor's: what was looked at, how it is, what was found, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How something is."""

    GOOD = "good"
    LOOK = "look here"  # works, and somebody should do something
    BROKEN = "broken"
    UNSEEN = "not seen"  # this user may not look; nothing is known


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` and `remedy` are whole sentences; a good finding has no remedy."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""

    @property
    def wants_something(self) -> bool:
        """Whether somebody has to do something."""
        return self.verdict in (Verdict.LOOK, Verdict.BROKEN)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def good(what: str, found: str) -> Finding:
    """Nothing is to be done."""
    return Finding(what, Verdict.GOOD, found)


def look(what: str, found: str, remedy: str) -> Finding:
    """It works, but not as it should, or not for long."""
    return Finding(what, Verdict.LOOK, found, remedy)


def broken(what: str, found: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(what, Verdict.BROKEN, found, remedy)


def unseen(what: str, found: str) -> Finding:
    """An ordinary user cannot see this."""
    return Finding(what, Verdict.UNSEEN, found, "Run it with sudo to see this too.")
