"""How the school looks after the record: how long it is kept, and who may look at a person's."""

# ruff: noqa: RUF009 - a Period is a frozen value, safe to share

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.lengths import Period
from rules.school import Clause


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each class of record is kept. A legal hold, set on a case, goes before all of it.

    The defaults are those that the school's data protection officer is asked to confirm.
    """

    events: Period = Period(days=90)
    visits: Period = Period(months=12)
    figures: Period = Period(months=36)
    access: Period = Period(months=12)
    cases_without_finding: Period = Period(months=6)
    cases_with_finding: Period = Period(months=72)
    looks: Period = Period(months=72)


@dataclass(frozen=True, slots=True)
class Ground:
    """A reason for which the policy lets a person's use be looked at."""

    id: str
    title: str
    clause: Clause | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Cases:
    """Who authorises a monitoring case (person ids), for how long at most, and on which grounds.

    A case about one of those who authorise is authorised by `about_them`.
    """

    authorised_by: tuple[str, ...]
    about_them: str
    longest: Period = Period(days=28)
    grounds: Mapping[str, Ground] = field(default_factory=dict)

    def may_authorise(self, person: str, subject: str) -> bool:
        """Say whether a person may authorise a case about another; never about themselves."""
        if subject in self.authorised_by:
            return person == self.about_them and person != subject
        return person in self.authorised_by and person != subject
