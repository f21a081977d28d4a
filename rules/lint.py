"""What is allowed in a policy and is probably a mistake, or is due to be looked at again.

Faults stop a policy from being used; these do not. `schoolgate check` shows them after the faults.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from difflib import get_close_matches

from rules.conditions import Doing, During, ForPeople, OnPath
from rules.days import Calendar
from rules.faults import Fault, Spot
from rules.identity import is_randomised
from rules.policy import Policy
from rules.purposes import DeclaredPurpose, Purpose
from rules.readers import is_shared_network
from rules.request import Person, Role
from rules.spans import Span

_NOWHERE = Spot("", 0)


def lint(policy: Policy, today: date) -> tuple[Fault, ...]:
    """Give everything worth a second look, in the order of the files; `today` is the school's."""
    found = [
        *_reviews(policy, today),
        *_groups(policy),
        *_people(policy),
        *_own_sites(policy),
        *_essentials(policy),
        *_devices(policy),
    ]
    for purpose in policy.purposes:
        found += _purpose(policy, purpose, f"purposes.{purpose.rule.id}", today)
    for declared in policy.declared:
        found += _purpose(policy, declared, f"declared.{declared.rule.id}", today)
    return tuple(sorted(found))


def _devices(policy: Policy) -> Iterator[Fault]:
    for device, person in policy.devices.items():
        if is_randomised(device):
            yield _note(
                policy,
                f"people.{person}",
                f"The device {device} made its address up by itself, and can change it.",
                "On the device, turn 'private' or 'random' addresses off for the school's network.",
            )


def _note(policy: Policy, key: str, finding: str, remedy: str) -> Fault:
    spot = policy.spots.get(key, _NOWHERE)
    return Fault(spot.file, spot.line, key, finding, remedy)


def _reviews(policy: Policy, today: date) -> Iterator[Fault]:
    if policy.review is not None and policy.review < today:
        who = policy.reviewed_by or "The governors"
        yield _note(
            policy,
            "",
            f"The policy was due for review by {policy.review}.",
            f"{who} should see it.",
        )
    if not policy.trials:
        yield _note(
            policy,
            "",
            "The policy has no tests of its own.",
            "Add 'tests:' with questions whose answers the school is sure of.",
        )


def _groups(policy: Policy) -> Iterator[Fault]:
    peopled = {group for person in policy.people.values() for group in person.groups}
    for group in policy.groups:
        if group not in peopled:
            yield _note(
                policy,
                f"groups.{group}",
                f"Nobody is in the group '{group}'.",
                "Is it still needed?",
            )
    # A mistyped group is a group of its own, and whoever is in it is missed by every purpose.
    for person in policy.people.values():
        for group in sorted(person.groups - policy.groups.keys()):
            if near := get_close_matches(group, policy.groups, 1, 0.75):
                yield _note(
                    policy,
                    f"people.{person.id}",
                    f"{person.name} is in the group '{group}', which 'groups' does not name.",
                    f"Did you mean '{near[0]}'?",
                )


def _people(policy: Policy) -> Iterator[Fault]:
    by_name: dict[str, Person] = {}
    for person in policy.people.values():
        first = by_name.setdefault(person.name.casefold(), person)
        if first.role is not person.role:
            yield _note(
                policy,
                f"people.{person.id}",
                f"{person.name} is {person.role} here and {first.role} as '{first.id}'.",
                "Give each person one entry with one role.",
            )


def _own_sites(policy: Policy) -> Iterator[Fault]:
    """What the policy says of its own sites and lists; the catalogue's are sorted already."""
    numbers = Counter(category for site in policy.catalogue for category in site.categories)
    for site in policy.catalogue:
        section = next((s for s in ("sites", "lists") if f"{s}.{site.id}" in policy.spots), "")
        if not section:
            continue
        key = f"{section}.{site.id}"
        if not site.categories:
            yield _note(
                policy,
                key,
                f"{site.name} is in no category.",
                "It is restricted only if 'restricted' names it.",
            )
        # A mistyped category is a category of its own, which nothing restricts.
        for category in sorted(site.categories):
            if numbers[category] > 1 or category in policy.categories:
                continue
            others = sorted(numbers.keys() - {category})
            near = get_close_matches(category, others, 1, 0.75)
            if near or site.id not in policy.restricted:
                yield _note(
                    policy,
                    key,
                    f"{site.name} alone is in the category '{category}'.",
                    f"Did you mean '{near[0]}'?" if near else "Nothing restricts it.",
                )


def _essentials(policy: Policy) -> Iterator[Fault]:
    for host in sorted(policy.essentials):
        if is_shared_network(host):
            yield _note(
                policy,
                "",
                f"The essential '{host}' is a content network that thousands of sites share.",
                "Name the hosts that are needed.",
            )
        if (site := policy.restricted_site(host)) is not None:
            yield _note(
                policy,
                "",
                f"The essential '{host}' belongs to {site.name}, which is restricted.",
                "It opens only with a purpose even so.",
            )


def _purpose(
    policy: Policy, purpose: Purpose | DeclaredPurpose, key: str, today: date
) -> Iterator[Fault]:
    if purpose.review < today:
        owner = policy.people[purpose.owner].name
        yield _note(
            policy, key, f"This was due for review by {purpose.review}.", f"{owner} answers for it."
        )
    if purpose.until is not None and purpose.until < today:
        yield _note(policy, key, f"This ended on {purpose.until}.", "Take it out.")
    if not _anybody(policy, purpose.who):
        yield _note(policy, key, "This is for nobody.", "The people it names have gone.")
    for condition in purpose.conditions:
        match condition:
            case During() if not _ever_holds(condition, today):
                yield _note(
                    policy,
                    key,
                    "This can never hold: no day of the coming year has such an hour.",
                    "Look at its hours, and in 'calendar' at 'terms', 'directed-time', 'breaks'.",
                )
            case OnPath() | Doing():
                for site_id in sorted(purpose.sites & policy.not_decrypted):
                    yield _note(
                        policy,
                        key,
                        f"{policy.catalogue.sites[site_id].name} is not decrypted for its app, so "
                        "paths and actions are not seen there, and this fits in a browser only.",
                        "Leave 'paths' and 'actions' out, or take the site out of 'not-decrypted'.",
                    )
    for site_id in sorted(purpose.sites - policy.restricted):
        yield _note(
            policy,
            key,
            f"{policy.catalogue.sites[site_id].name} is not restricted, so it needs no purpose.",
            "Restrict it, or take it out here.",
        )


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
