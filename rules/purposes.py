"""School purposes: those that stand for good, and those that a person declares when needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from rules.conditions import Asked, Condition, ForPeople, OnSite
from rules.decision import Offer, RuleRef
from rules.school import Clause


@dataclass(frozen=True, slots=True)
class Terms:
    """What the two kinds of purpose have in common: who, where, and what else has to be so."""

    rule: RuleRef
    who: ForPeople
    on: OnSite
    conditions: tuple[Condition, ...]
    owner: str
    review: date
    until: date | None
    clause: Clause | None

    @property
    def sites(self) -> frozenset[str]:
        """The ids of the sites that it opens."""
        return self.on.sites

    @property
    def every(self) -> tuple[Condition, ...]:
        """All its conditions, in the order of the question: who, where, what, when."""
        return (self.who, self.on, *self.conditions)

    def failed(self, asked: Asked) -> list[Condition]:
        """Give every condition that does not hold."""
        return [condition for condition in self.every if not condition.holds(asked)]


@dataclass(frozen=True, slots=True)
class Purpose(Terms):
    """A standing school purpose: it fits when everything it asks for is so."""

    needs_path: bool = False


@dataclass(frozen=True, slots=True)
class DeclaredPurpose(Terms):
    """A purpose that a person may declare, and so be granted one site for a while.

    `longest` is how long one grant lasts at most, and `a_day` how many one person may have in a
    day. With `needs_approval`, the head teacher decides before it begins.
    """

    longest: timedelta = timedelta(hours=1)
    needs_approval: bool = True
    a_day: int = 3


def offers(declared: Iterable[DeclaredPurpose], asked: Asked) -> tuple[Offer, ...]:
    """Give what this person could declare for this site, each with what rules it out just now."""
    return tuple(
        Offer(
            purpose.rule,
            purpose.longest,
            purpose.needs_approval,
            purpose.a_day,
            tuple(condition.why_not(asked) for condition in purpose.failed(asked)),
        )
        for purpose in declared
        if purpose.who.holds(asked) and purpose.on.holds(asked)
    )
