"""Whether a declared purpose can be granted as it is asked for; if not, every reason why not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.conditions import Asked
from rules.policy import Policy
from rules.purposes import DeclaredPurpose
from rules.request import Person, WebRequest
from rules.sites import Site


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: one site for one person, from a moment to a moment (aware).

    `by` is who grants it, the person themself where nobody has to approve.
    """

    person: Person
    site: Site
    purpose: DeclaredPurpose
    starts: datetime
    until: datetime
    by: Person


def obstacles(
    policy: Policy, wish: Wish, earlier: Iterable[datetime], now: datetime
) -> tuple[str, ...]:
    """Give every reason against a wish, a sentence each; none if it can be granted.

    `earlier` are the beginnings of the grants that the person has had for this purpose, whenever
    that was; those on the same day of the school's count. All times are aware.
    """
    return tuple(_obstacles(policy, wish, earlier, now))


def _obstacles(
    policy: Policy, wish: Wish, earlier: Iterable[datetime], now: datetime
) -> Iterable[str]:
    person, purpose, zone = wish.person, wish.purpose, policy.school.timezone
    title = f"“{purpose.rule.title}”"
    local = wish.starts.astimezone(zone)
    if person.withdrawn:
        yield f"{person.name}'s web access is withdrawn, so a grant would open nothing."
    if wish.site.id not in policy.restricted:
        yield f"{wish.site.name} is not restricted, so it is open already."
    if failed := purpose.failed(asked := Asked.about(WebRequest(""), wish.site, person, local)):
        reasons = "; ".join(condition.why_not(asked) for condition in failed)
        yield f"The purpose {title} does not fit: {reasons}."
    if wish.until <= max(now, wish.starts):
        yield "It would end before it begins."
    elif wish.until - wish.starts > purpose.longest:
        yield f"The purpose {title} opens a site for {in_words(purpose.longest)} at most."
    had = sum(moment.astimezone(zone).date() == local.date() for moment in earlier)
    if had >= purpose.a_day:
        times = "once" if purpose.a_day == 1 else f"{purpose.a_day} times"
        yield f"{person.name} has had it {times} that day, which is as often as it may be."
    if purpose.needs_approval and wish.by.id == person.id:
        owner = policy.people[purpose.owner].name
        yield f"Somebody else has to approve {title}; {owner} answers for it."


def in_words(length: timedelta) -> str:
    """Write out a length of time of a minute or more: `1 hour 30 minutes`."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    parts = [(hours, "hour"), (minutes, "minute")]
    return " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n)
