"""What the entries of a policy must not do to each other, found once all of them are read."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Protocol

from rules.care_forms import CalendarForm, CasesForm, DatesForm, TrialForm
from rules.faults import FaultList, Spot, shown
from rules.forms import PolicyForm, ReasonForm
from rules.hosts import HostError
from rules.identity_checks import check_identity
from rules.people_forms import PersonForm
from rules.purpose_forms import DeclaredForm, PurposeForm
from rules.reading import Placed
from rules.request import Role, request_for
from rules.site_checks import check_sites
from rules.site_forms import SiteForm
from rules.wording import SLOTS, unknown_slots

ROLE_WORDS = frozenset(Role) | {"staff"}


def check_policy(form: PolicyForm, shipped: Mapping[str, SiteForm], faults: FaultList) -> None:
    """Note everything that is wrong between the entries of a policy."""
    sites = {**shipped, **form.sites}
    check_sites(sites, faults)
    _check_people(form.people or {}, faults)
    check_identity(form.identity, form.people or {}, faults)
    for group, declared in form.groups.items():
        _check_group(group, declared.spot, form.people or {}, faults)
    pupils = _pupils(form.people or {})
    purposes: list[PurposeForm | DeclaredForm] = [*form.purposes.values(), *form.declared.values()]
    for purpose in purposes:
        _check_purpose(purpose, form, sites, pupils, faults)
    unread = any(fault.key == "people" for fault in faults.faults)  # there, and said to be wrong
    if form.people is None and not form.people_from and not unread:
        faults.add(form.spot, "There are no people.", "Add 'people:', or 'people-from:' a table.")
    for list_id, long_list in form.lists.items():
        if list_id in sites:
            faults.add(
                long_list.spot, f"'{list_id}' is also a site.", "Give the list another name."
            )
    if form.calendar is not None:
        _check_calendar(form.calendar, faults)
    if form.cases is not None:
        _check_cases(form.cases, faults)
        for who in (*form.cases.authorised_by, form.cases.about_them):
            _check_decides(who.value, who.spot, form, faults)
    for trial in form.tests:
        _check_trial(trial, faults)
    _check_wording(vars(form.reasons).values(), faults)


def _check_people(people: Mapping[str, PersonForm], faults: FaultList) -> None:
    """Refuse an address of two people, and a name for both a group and something else."""
    owners: dict[str, str] = {}
    for person_id, person in people.items():
        for address in person.addresses:
            if (other := owners.setdefault(address.value, person_id)) != person_id:
                faults.add(
                    address.spot,
                    f"{address.value} is already an address of {other}.",
                    "An address tells people apart, so it belongs to one person.",
                )
        for device in person.devices:
            if (other := owners.setdefault(device.value, person_id)) != person_id:
                faults.add(
                    device.spot,
                    f"{device.value} is already a device of {other}.",
                    "A device tells people apart, so it belongs to one person.",
                )
        for group in person.groups:
            _check_group(group, person.spot, people, faults)


def _check_group(
    group: str, spot: Spot, people: Mapping[str, PersonForm], faults: FaultList
) -> None:
    if group in ROLE_WORDS or group in people:
        what = "a role" if group in ROLE_WORDS else "a person"
        faults.add(
            spot,
            f"The group '{group}' has the name of {what}.",
            "Give the group another name, or rules could mean either.",
        )


def _check_purpose(
    purpose: PurposeForm | DeclaredForm,
    form: PolicyForm,
    sites: Mapping[str, SiteForm],
    pupils: Mapping[str, str],
    faults: FaultList,
) -> None:
    for word in purpose.who:
        _check_no_pupil(word, pupils, faults)
    _check_decides(purpose.owner, purpose.spot.under("owner"), form, faults)
    _check_hours(purpose.when, faults)
    for span in purpose.when:
        if span.value.needs_calendar and form.calendar is None:
            faults.add(
                span.spot,
                f"'{span.value.words}' needs the school's calendar, and there is none.",
                "Add 'calendar:' with the terms, or write days and hours.",
            )
    if isinstance(purpose, PurposeForm):
        _check_paths(purpose, sites, faults)


def _pupils(people: Mapping[str, PersonForm]) -> dict[str, str]:
    """Give every word that would mean a pupil, each with how it does."""
    words = {str(Role.PUPIL): "'pupil' is one"}
    for person_id, person in people.items():
        if person.role is Role.PUPIL:
            words[person_id] = f"'{person_id}' is one"
            for group in person.groups:
                words.setdefault(group, f"the group '{group}' has one in it: {person.name}")
    return words


def _check_no_pupil(word: Placed[str], pupils: Mapping[str, str], faults: FaultList) -> None:
    if word.value in pupils:
        faults.add(
            word.spot,
            f"No purpose opens a restricted site to a pupil, and {pupils[word.value]}.",
            "Name members of staff, or a group of theirs.",
        )


def _check_decides(person_id: str, spot: Spot, form: PolicyForm, faults: FaultList) -> None:
    person = (form.people or {}).get(person_id)
    if person is not None and person.role is Role.PUPIL:
        faults.add(
            spot,
            f"{person.name} is a pupil, and pupils decide nothing here.",
            "Name a member of staff.",
        )


class _Overlapping(Protocol):
    def overlaps(self, other: Any, /) -> bool: ...


def _check_hours[T: _Overlapping](hours: Sequence[Placed[T]], faults: FaultList) -> None:
    for earlier, later in combinations(hours, 2):
        if later.value.overlaps(earlier.value):
            split = _has_hours(earlier.value) is not _has_hours(later.value)
            faults.add(
                later.spot,
                f"These hours ({later.value}) overlap others here ({earlier.value}).",
                "Write days and their hours together, as in 'Mon-Fri 08:30-15:45'."
                if split
                else "Write each hour once, so that nobody mends one line and misses the other.",
            )


def _has_hours(words: object) -> bool:
    return any(letter.isdigit() for letter in str(words))


def _check_paths(purpose: PurposeForm, sites: Mapping[str, SiteForm], faults: FaultList) -> None:
    opened = [sites[site] for site in purpose.sites if site in sites]
    names = " or ".join(site.name for site in opened)
    domains = tuple(domain.value for site in opened for domain in site.domains)
    for path in purpose.paths:
        host = path.value.host
        if host in ("http:", "https:"):
            faults.add(
                path.spot,
                f"{shown(path.value.text)} has a scheme in front.",
                "Leave out 'https://', as in 'www.facebook.com/our-school'.",
            )
        elif "*" in host:
            faults.add(
                path.spot,
                f"{shown(host)} is not a host; write it like 'facebook.com'.",
                "Leave '*.' out: a host counts with everything below it.",
            )
        elif opened and host and not any(host == d or host.endswith("." + d) for d in domains):
            faults.add(
                path.spot,
                f"{shown(host)} is not part of {names}.",
                "Begin with '/', or with a host of the purpose's own sites.",
            )


def _check_calendar(form: CalendarForm, faults: FaultList) -> None:
    _check_hours(form.directed_time, faults)
    _check_hours(form.breaks, faults)
    for days in (*form.terms, *form.closed):
        if days.last < days.first:
            faults.add(
                days.spot, f"It ends on {days.last}, before it begins.", "Swap the two dates."
            )
    for one, other in combinations(form.terms, 2):
        _check_apart(one, other, faults)


def _check_apart(one: DatesForm, other: DatesForm, faults: FaultList) -> None:
    if one.first <= other.last and other.first <= one.last:
        faults.add(
            other.spot,
            f"This term overlaps the one that begins on {one.first}.",
            "A day belongs to one term.",
        )


def _check_cases(form: CasesForm, faults: FaultList) -> None:
    if form.about_them.value in {person.value for person in form.authorised_by}:
        faults.add(
            form.about_them.spot,
            f"{form.about_them.value} would authorise a case about themselves.",
            "Name somebody who is not in 'authorised-by', such as the chair of governors.",
        )


def _check_trial(trial: TrialForm, faults: FaultList) -> None:
    try:
        request_for(trial.what.value)
    except HostError as error:
        faults.add(trial.what.spot, str(error), "Write it like 'https://www.facebook.com/'.")


def _check_wording(reasons: Iterable[ReasonForm | None], faults: FaultList) -> None:
    """Refuse wording with slots that nothing fills."""
    for reason in reasons:
        if reason is not None and reason.text is not None:
            for slot in unknown_slots(reason.text.value):
                faults.add(
                    reason.text.spot,
                    f"Nothing is filled in for {shown(slot)}.",
                    f"It can be: {', '.join(f'{{{name}}}' for name in sorted(SLOTS))}.",
                )
