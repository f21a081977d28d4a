"""Grants and withdrawals in words, and for machines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from addon.look import in_words
from rules.policy import Policy
from storage.access import Present, Step, What


class InWords:
    """Says what happened by the names that the policy gives; what it has dropped keeps its id."""

    def __init__(self, rules: Policy) -> None:
        self._rules = rules

    def person(self, person: str) -> str:
        """A person's name."""
        known = self._rules.people.get(person)
        return known.name if known else person

    def site(self, site: str | None) -> str:
        """A site's name."""
        known = self._rules.catalogue.sites.get(site or "")
        return known.name if known else site or ""

    def time(self, at: datetime | None) -> str:
        """A time in the school's own."""
        return in_words(at.astimezone(self._rules.school.timezone)) if at else ""

    def purpose(self, step: Step) -> str:
        """A grant's purpose, with the person's own words where there are any."""
        titles = {declared.rule.id: declared.rule.title for declared in self._rules.declared}
        title = titles.get(step.purpose or "", step.purpose or "")
        return f"{title} (“{step.words}”)" if step.words else title

    def grant(self, step: Step, now: datetime) -> str:
        """What somebody may do."""
        begins = f"from {self.time(step.starts)} " if step.starts and step.starts > now else ""
        return (
            f"{self.person(step.person)} may use {self.site(step.site)} {begins}until"
            f" {self.time(step.until)}, for {self.purpose(step)}"
            f" ({step.reference}, granted by {self.person(step.by)})."
        )

    def withdrawal(self, step: Step) -> str:
        """Whose access is withdrawn."""
        return (
            f"{self.person(step.person)}'s web access is withdrawn since {self.time(step.at)},"
            f" by {self.person(step.by)}: {step.reason or 'no reason was given'}"
        )

    def step(self, step: Step) -> str:
        """A line of the history."""
        match step.what:
            case What.GRANT:
                done = (
                    f"granted {self.person(step.person)} {self.site(step.site)} from"
                    f" {self.time(step.starts)} until {self.time(step.until)}, for"
                    f" {self.purpose(step)}"
                )
            case What.REVOKE:
                done = f"revoked {self.person(step.person)}'s grants for {self.site(step.site)}"
            case What.WITHDRAW:
                done = f"withdrew {self.person(step.person)}'s web access"
            case What.RESTORE:
                done = f"restored {self.person(step.person)}'s web access"
        why = f": {step.reason}" if step.reason else ""
        return f"#{step.id}, {self.time(step.at)}: {self.person(step.by)} {done}{why}"


def step_json(step: Step) -> dict[str, Any]:
    """A step in values that JSON has; times are UTC."""
    times = {"at": step.at, "starts": step.starts, "until": step.until}
    return {
        "id": step.id,
        "what": str(step.what),
        "person": step.person,
        "by": step.by,
        "site": step.site,
        "purpose": step.purpose,
        "words": step.words,
        "reason": step.reason,
        "reference": step.reference if step.what is What.GRANT else None,
        **{name: at and at.isoformat() for name, at in times.items()},
    }


def open_grants(now: datetime, here: Present) -> list[Step]:
    """The grants that are live at `now` (aware) or still to begin, the first to end first."""
    grants = [step for step in here.grants if step.until and step.until > now]
    return sorted(grants, key=lambda step: (step.until, step.id))
