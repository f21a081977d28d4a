"""What is allowed in a policy and is probably a mistake, or is due to be looked at again.

Faults stop a policy from being used; these do not. `schoolgate check` shows them after the faults.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches

from rules.faults import Fault
from rules.identity import is_randomised
from rules.lint_purposes import purpose_notes
from rules.notes import note
from rules.policy import Policy
from rules.readers import is_public_suffix, is_shared_network
from rules.request import Person

# Anyone may register names below these in the sense of the public suffix list, but only the public
# bodies that they are for.
_PUBLIC_BODIES = (".gov.uk", ".sch.uk", ".nhs.uk", ".ac.uk", ".mod.uk", ".nhs.scot", ".police.uk")


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
        found += purpose_notes(policy, purpose, f"purposes.{purpose.rule.id}", today)
    for declared in policy.declared:
        found += purpose_notes(policy, declared, f"declared.{declared.rule.id}", today)
    return tuple(sorted(found))


def _devices(policy: Policy) -> Iterator[Fault]:
    for device, person in policy.devices.items():
        if is_randomised(device):
            yield note(
                policy,
                f"people.{person}",
                f"The device {device} made its address up by itself, and can change it.",
                "On the device, turn 'private' or 'random' addresses off for the school's network.",
            )


def _reviews(policy: Policy, today: date) -> Iterator[Fault]:
    if policy.review is not None and policy.review < today:
        who = policy.reviewed_by or "The governors"
        yield note(
            policy,
            "",
            f"The policy was due for review by {policy.review}.",
            f"{who} should see it.",
        )
    if not policy.trials:
        yield note(
            policy,
            "",
            "The policy has no tests of its own.",
            "Add 'tests:' with questions whose answers the school is sure of.",
        )


def _groups(policy: Policy) -> Iterator[Fault]:
    peopled = {group for person in policy.people.values() for group in person.groups}
    for group in policy.groups:
        if group not in peopled:
            yield note(
                policy,
                f"groups.{group}",
                f"Nobody is in the group '{group}'.",
                "Is it still needed?",
            )
    # A mistyped group is a group of its own, and whoever is in it is missed by every purpose.
    for person in policy.people.values():
        for group in sorted(person.groups - policy.groups.keys()):
            if near := get_close_matches(group, policy.groups, 1, 0.75):
                yield note(
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
            yield note(
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
            yield note(
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
                yield note(
                    policy,
                    key,
                    f"{site.name} alone is in the category '{category}'.",
                    f"Did you mean '{near[0]}'?" if near else "Nothing restricts it.",
                )


def _essentials(policy: Policy) -> Iterator[Fault]:
    for host in sorted(policy.essentials):
        if is_public_suffix(host) and not f".{host}".endswith(_PUBLIC_BODIES):
            yield note(
                policy,
                "",
                f"The essential '{host}' is shared by everyone who registers a name below it.",
                "Name the hosts that are needed.",
            )
        elif is_shared_network(host):
            yield note(
                policy,
                "",
                f"The essential '{host}' is a content network that thousands of sites share.",
                "Name the hosts that are needed.",
            )
        if (site := policy.restricted_site(host)) is not None:
            yield note(
                policy,
                "",
                f"The essential '{host}' belongs to {site.name}, which is restricted.",
                "It opens only with a purpose even so.",
            )
