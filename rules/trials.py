"""The policy's own tests: what it must answer, as the head teacher has read and agreed it."""

from dataclasses import dataclass
from datetime import datetime

from rules.request import WebRequest


@dataclass(frozen=True, slots=True)
class Trial:
    """One question to the policy, and the answer that the school expects."""

    who: str | None
    when: datetime
    what: str
    request: WebRequest
    opens: bool
    why: str
    file: str
    line: int
