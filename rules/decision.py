"""A decision is a value that carries its reason: what, why, which rule, which clause."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from rules.school import Clause
from rules.sites import Site


class Outcome(StrEnum):
    """How a request was decided. The second group is decided where traffic arrives."""

    NOT_RESTRICTED = "not-restricted"
    PURPOSE = "purpose"
    GRANT = "grant"
    NO_PURPOSE = "no-purpose"
    UNIDENTIFIED = "unidentified"
    WITHDRAWN = "withdrawn"

    MISMATCH = "mismatch"
    MALFORMED = "malformed"
    NAMELESS = "nameless"
    INTERNAL_ERROR = "internal-error"
    RECORD_UNAVAILABLE = "record-unavailable"
    RECORD_FULL = "record-full"
    APP_REFUSED = "app-refused"
    NO_CERTIFICATE = "no-certificate"


@dataclass(frozen=True, slots=True)
class RuleRef:
    """A rule and where it is written."""

    id: str
    title: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's access to one site until a moment (aware, UTC), declared or approved.

    `purpose` is the id of a declared purpose, or the purpose in words; `reference` is what the
    grant is called on record.
    """

    person: str
    site: str
    until: datetime
    purpose: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request.

    `records_path` is true when the rule that decided looked at the path, and the record therefore
    needs it; otherwise the path is nobody's business. `grant` is the grant that opened it, if one
    did.
    """

    allowed: bool
    outcome: Outcome
    reason: str
    site: Site | None = None
    rule: RuleRef | None = None
    clause: Clause | None = None
    records_path: bool = False
    grant: Grant | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it in values that JSON has."""
        return {
            "allowed": self.allowed,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "site": self.site and {"id": self.site.id, "name": self.site.name},
            "rule": self.rule and _rule_json(self.rule),
            "clause": self.clause
            and {"id": self.clause.id, "heading": self.clause.heading, "text": self.clause.text},
            "records_path": self.records_path,
            "grant": self.grant and self.grant.reference,
        }


@dataclass(frozen=True, slots=True)
class Near:
    """A rule that came close, and in words each condition that failed."""

    rule: RuleRef
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A purpose that a person could declare for a site, and in words what rules it out just now.

    `longest` is how long it opens the site at most, `a_day` how often a day. With `needs_approval`
    somebody else decides first.
    """

    rule: RuleRef
    longest: timedelta
    needs_approval: bool
    a_day: int
    failed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it in values that JSON has, the length in minutes."""
        return {
            "rule": _rule_json(self.rule),
            "longest_minutes": int(self.longest.total_seconds()) // 60,
            "approval": "needed" if self.needs_approval else "not-needed",
            "a_day": self.a_day,
            "failed": list(self.failed),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with the rules that came close, the closest first, and what could be declared."""

    decision: Decision
    near: tuple[Near, ...] = ()
    offers: tuple[Offer, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give it in values that JSON has."""
        return {
            **self.decision.as_json(),
            "near": [
                {"rule": _rule_json(near.rule), "failed": list(near.failed)} for near in self.near
            ],
            "could_declare": [offer.as_json() for offer in self.offers],
        }


def _rule_json(rule: RuleRef) -> dict[str, Any]:
    return {"id": rule.id, "title": rule.title, "file": rule.file, "line": rule.line}
