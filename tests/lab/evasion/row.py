"""One row of the evasion table: what somebody tries, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.lab.device import Answer, Device


class Verdict(StrEnum):
    """What comes of an attempt on `Row.target`."""

    RECORDED = "refused, on record"
    """Nothing reaches the site, and the record has it."""
    REFUSED = "refused"
    """Nothing reaches the site. Nothing named it either, so there is nothing to put on record."""
    ELSEWHERE = "leads to the site that it names"
    """Nothing reaches the restricted site; the unrelated one that was named answers."""
    PASSES = "passes"
    """Nothing restricted in it: the unrelated site answers, with its own certificate."""
    LOOKED_INTO = "passes, looked into"
    """Nothing restricted in it, which shows only inside; it is not recorded."""
    OURS = "answered by the gateway"
    """Whoever was asked, the gateway answers, and what it says is `Row.says`."""
    OPENS = "opens, on record"
    """Allowed to this person for a school purpose, and recorded before it left."""
    GAP = "gets through"
    """A known limit. The row proves that it is true, and says what helps."""


@dataclass(frozen=True)
class Row:
    """`who` is whose device it is; `target` the restricted site that is tried for, or the name of a
    server that must not be reached.

    `outcomes` are those that the record may give as the reason; none means any.
    """

    theme: str
    case: str
    attempt: Callable[[Device], Answer]
    verdict: Verdict
    why: str
    who: str = "teacher"
    target: str = "facebook"
    outcomes: tuple[str, ...] = ()
    beyond: str = ""
    """A path of the target that is open to `who`: only requests for others count."""
    says: bytes = b""
    """What must be in the answer."""
    six: bool = False
    """Tried over IPv6 too."""
    selective: Verdict | None = None
    """What comes of it in selective mode, where it is tried there too."""

    def in_selective_mode(self) -> Row:
        """The same attempt with that mode's verdict."""
        return replace(self, verdict=self.selective or self.verdict)
