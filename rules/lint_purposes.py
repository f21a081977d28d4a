"""What of a purpose is probably a mistake, or is due to be looked at again."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from rules.conditions import Condition, Doing, During, ForPeople, OnPath
from rules.days import Calendar
from rules.faults import Fault
from rules.notes import note
from rules.paths import PathPattern
from rules.policy import Policy
from rules.purposes import DeclaredPurpose, Purpose
from rules.request import Role
from rules.sites import Action, Site
from rules.spans import Span


def purpose_notes(
    policy: Policy, purpose: Purpose | DeclaredPurpose, key: str, today: date
) -> Iterator[Fault]:
    """Give what is worth a second look about one purpose; `today` is the school's."""
    if purpose.review < today:
        owner = policy.people[purpose.owner].name
        yield note(
            policy, key, f"This was due for review by {purpose.review}.", f"{owner} answers for it."
        )
    if purpose.until is not None and purpose.until < today:
        yield note(policy, key, f"This ended on {purpose.until}.", "Take it out.")
    if not _anybody(policy, purpose.who):
        yield note(policy, key, "This is for nobody.", "The people it names have gone.")
    for condition in purpose.conditions:
        yield from _condition(policy, purpose, condition, key, today)
    for site_id in sorted(purpose.sites - policy.restricted):
        yield note(
            policy,
            key,
            f"{policy.catalogue.sites[site_id].name} is not restricted, so it needs no purpose.",
            "Restrict it, or take it out here.",
        )


def _condition(
    policy: Policy,
    purpose: Purpose | DeclaredPurpose,
    condition: Condition,
    key: str,
    today: date,
) -> Iterator[Fault]:
    sites = [policy.catalogue.sites[site_id] for site_id in sorted(purpose.sites)]
    if isinstance(condition, During) and not _ever_holds(condition, today):
        yield note(
            policy,
            key,
            "This can never hold: no day of the coming year has such an hour.",
            "Look at its hours, and in 'calendar' at 'terms', 'directed-time', 'breaks'.",
        )
    if isinstance(condition, OnPath | Doing):
        for site in sites:
            if site.id in policy.not_decrypted:
                yield note(
                    policy,
                    key,
                    f"{site.name} is not decrypted for its app, so "
                    "paths and actions are not seen there, and this fits in a browser only.",
                    "Leave 'paths' and 'actions' out, or take the site out of 'not-decrypted'.",
                )
    if isinstance(condition, OnPath):
        for pattern in condition.patterns:
            if any(_is_whole(pattern, site) for site in sites):
                names = " and ".join(site.name for site in sites)
                yield note(
                    policy,
                    key,
                    f"The path '{pattern.text}' is all of {names}, and not the front page only.",
                    "Name the parts that are needed, or leave 'paths' out if all is meant.",
                )
    if isinstance(condition, Doing):
        for site in sites:
            # What no endpoint names is viewing.
            if condition.actions.isdisjoint(_known(site)):
                yield note(
                    policy,
                    key,
                    f"This can never hold on {site.name}: no request there is known to be "
                    f"{' or '.join(sorted(condition.actions))}.",
                    "Leave 'actions' out, or list the requests as 'endpoints' under 'sites'.",
                )


def _known(site: Site) -> frozenset[Action]:
    return frozenset({Action.VIEW, *(endpoint.action for endpoint in site.endpoints)})


def _is_whole(pattern: PathPattern, site: Site) -> bool:
    """Whether a pattern covers a site's pages, all of them; its other domains serve the pages."""
    pages = site.domains[:1]
    host = pattern.host.removeprefix("www.")
    return (not host or host in pages) and "".join(pattern.pieces) == "/"


def _anybody(policy: Policy, condition: ForPeople) -> bool:
    if policy.unidentified_as_visitor and Role.VISITOR in condition.roles:
        return True
    return any(condition.covers(person) for person in policy.people.values())


def _ever_holds(condition: During, today: date) -> bool:
    return any(_ever(span, condition.calendar, today) for span in condition.spans)


def _ever(span: Span, calendar: Calendar | None, today: date) -> bool:
    if not span.needs_calendar or calendar is None:
        return True
    # Hours begin or end where a window does, so those minutes are all that need looking at.
    minutes = {span.window.start}
    for window in (*calendar.directed, *calendar.breaks):
        minutes |= {window.start, window.end % (24 * 60)}
    return any(
        span.holds(
            datetime.combine(today + timedelta(day), datetime.min.time()).replace(
                hour=minute // 60, minute=minute % 60
            ),
            calendar,
        )
        for day in range(366)
        for minute in minutes
    )
