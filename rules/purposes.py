"""School purposes: those that stand for good, and those that a person declares when needed."""

from dataclasses import dataclass
from datetime import date, timedelta

from rules.conditions import Asked, Condition
from rules.decision import RuleRef
from rules.school import Clause


@dataclass(frozen=True, slots=True)
class Purpose:
    """A standing school purpose: it fits when all its conditions hold."""

    rule: RuleRef
    sites: frozenset[str]
    conditions: tuple[Condition, ...]
    owner: str
    review: date
    until: date | None = None
    clause: Clause | None = None
    needs_path: bool = False

    def fits(self, asked: Asked) -> bool:
        """Say whether every condition holds."""
        return all(condition.holds(asked) for condition in self.conditions)

    def failed(self, asked: Asked) -> list[Condition]:
        """Give the conditions that do not hold."""
        return [condition for condition in self.conditions if not condition.holds(asked)]


@dataclass(frozen=True, slots=True)
class DeclaredPurpose:
    """A purpose that a person may declare, and so be granted one site for a while.

    `longest` is how long one grant lasts at most, and `a_day` how many one person may have in a
    day. With `needs_approval`, the head teacher decides before it begins.
    """

    rule: RuleRef
    sites: frozenset[str]
    conditions: tuple[Condition, ...]
    longest: timedelta
    needs_approval: bool
    a_day: int
    owner: str
    review: date
    until: date | None = None
    clause: Clause | None = None

    def open_to(self, asked: Asked) -> bool:
        """Say whether this person may declare it for this site now."""
        return all(condition.holds(asked) for condition in self.conditions)
