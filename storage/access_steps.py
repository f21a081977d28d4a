"""Who was granted what, and whose web access is withdrawn: a history, and the present it comes to.

Nothing is ever changed or taken away. A grant is a step, its revocation is another, and the
present is what all steps come to in the order in which they were written:

    grant      opens one site to one person, from a moment to a moment
    revoke     ends that person's grants on that site that were given before it
    withdraw   takes a person's web access away, and ends every grant they were given before it
    restore    gives the access back; grants that have ended stay ended

It is the order that counts and not the clock, so a clock that is set back cannot bring a revoked
grant to life. Only a grant's own two ends are moments, and are asked for with a `now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

LONGEST_TEXT: Final = 500
"""Characters of a reason or of a person's own words."""


class What(StrEnum):
    """What a step does."""

    GRANT = "grant"
    REVOKE = "revoke"
    WITHDRAW = "withdraw"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `id` is 0 until it is on record; times are aware UTC.

    `person` and `by` are ids of the policy, as are `site` (of a grant and a revocation) and
    `purpose` (of a grant). `words` is what the person said the purpose was, if anything.
    Raises ValueError when something is missing that its kind needs.
    """

    id: int = 0
    at: datetime
    what: What
    person: str
    by: str
    site: str | None = None
    starts: datetime | None = None
    until: datetime | None = None
    purpose: str | None = None
    words: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be understood later."""
        if not self.person or not self.by:
            raise ValueError("A step names the person it is about, and who takes it.")
        about_a_site = self.what in (What.GRANT, What.REVOKE)
        if about_a_site is not bool(self.site):
            raise ValueError("A grant and a revocation are about one site, the others about all.")
        if self.what is What.GRANT:
            if not self.starts or not self.until or not self.starts < self.until:
                raise ValueError("A grant ends, and begins before that.")
        elif self.starts or self.until or self.purpose or self.words:
            raise ValueError("Only a grant has a beginning, an end and a purpose.")
        for text in (self.person, self.by, self.site, self.purpose, self.words, self.reason):
            if text and (len(text) > LONGEST_TEXT or not text.isprintable()):
                raise ValueError(f"A text is on one line, with {LONGEST_TEXT} characters at most.")

    @property
    def reference(self) -> str:
        """How a grant is named in the record of events: `lesson#17`."""
        return f"{self.purpose or ''}#{self.id}"

    def is_live(self, now: datetime) -> bool:
        """Whether a grant that nothing has ended is open at `now` (aware)."""
        return bool(self.starts and self.until and self.starts <= now < self.until)


@dataclass(frozen=True, slots=True)
class Present:
    """What a history comes to.

    `grants` are those that no later step has ended; whether one is live is a question of the time.
    `withdrawn` holds the withdrawal of everybody whose access is taken away, and `restored` the
    last restoration of everybody who has it back, by person.
    """

    grants: tuple[Step, ...] = ()
    withdrawn: Mapping[str, Step] = field(default_factory=dict)
    restored: Mapping[str, Step] = field(default_factory=dict)


def present(steps: Iterable[Step]) -> Present:
    """What steps, in the order of their ids, come to."""
    grants: list[Step] = []
    withdrawn: dict[str, Step] = {}
    restored: dict[str, Step] = {}
    for step in steps:
        who = step.person
        match step.what:
            case What.GRANT:
                grants.append(step)
            case What.REVOKE:
                grants = [g for g in grants if (g.person, g.site) != (who, step.site)]
            case What.WITHDRAW:
                grants = [g for g in grants if g.person != who]
                restored.pop(who, None)
                # A second withdrawal of the same access changes nothing; the first has the reason.
                withdrawn.setdefault(who, step)
            case What.RESTORE:
                withdrawn.pop(who, None)
                restored[who] = step
    return Present(tuple(grants), withdrawn, restored)
