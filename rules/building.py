"""Checked forms into the policy's own objects. Nothing here can fail: the checks came before."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Protocol

from rules.building_identity import build_identity
from rules.building_purposes import build_declared, build_purposes
from rules.building_wording import build_wording
from rules.care import Cases, Ground, Retention
from rules.care_forms import CalendarForm, CasesForm, RetentionForm, TrialForm
from rules.days import Calendar, Term
from rules.faults import Spot
from rules.forms import CategoryForm, ListedPathsUse, PolicyForm, UnidentifiedAccess
from rules.listed_paths import ListedPaths
from rules.long_lists import LongList
from rules.people_forms import ContactForm, SchoolForm
from rules.policy import Policy
from rules.request import Person, request_for
from rules.school import Clause, Contact, Contacts, School
from rules.site_forms import EndpointsForm, SiteForm
from rules.sites import Catalogue, Endpoint, Network, Site
from rules.trials import Trial


def build_policy(
    form: PolicyForm,
    shipped: Mapping[str, SiteForm],
    listed: Mapping[str, LongList],
    digest: str,
    files: tuple[Path, ...],
) -> Policy:
    """Put a policy together from its forms, the shipped sites and the imported lists."""
    assert form.school is not None
    people, school = form.people or {}, _school(form.school)
    clauses = {
        id_: Clause(id_, c.heading, c.text.strip()) for id_, c in (form.clauses or {}).items()
    }
    own = [_site(id_, site, form.categories) for id_, site in {**shipped, **form.sites}.items()]
    catalogue = Catalogue(
        (*own, *_lists(form, listed, own)), {id_: one.domains for id_, one in listed.items()}
    )
    words = {placed.value for placed in form.restricted or ()}
    restricted = frozenset(s.id for s in catalogue if s.id in words or s.categories & words)
    calendar = None if form.calendar is None else _calendar(form.calendar)
    return Policy(
        school=school,
        clauses=clauses,
        people={i: Person(i, p.name, p.role, frozenset(p.groups)) for i, p in people.items()},
        addresses={address.value: i for i, p in people.items() for address in p.addresses},
        devices={device.value: i for i, p in people.items() for device in p.devices},
        categories={category: form.categories[category].name for category in form.categories},
        groups={group: form.groups[group].title for group in form.groups},
        catalogue=catalogue,
        restricted=restricted,
        listed_paths=_listed_paths(form, catalogue, listed, restricted),
        purposes=build_purposes(form, catalogue, clauses, calendar),
        declared=build_declared(form, catalogue, clauses, calendar),
        wording=build_wording(form, catalogue, clauses),
        unidentified_as_visitor=form.unidentified.access is UnidentifiedAccess.AS_VISITOR,
        needed_confidence=form.unidentified.confidence,
        identity=build_identity(form.identity, people),
        essentials=frozenset(host.value for host in form.essentials),
        not_decrypted=frozenset(form.not_decrypted),
        calendar=calendar,
        retention=_retention(form.retention),
        cases=None if form.cases is None else _cases(form.cases, clauses),
        review=form.review,
        reviewed_by=form.reviewed_by,
        trials=tuple(_trial(trial, school) for trial in form.tests),
        spots=_spots(form),
        digest=digest,
        files=files,
    )


def _school(form: SchoolForm) -> School:
    def contact(contact: ContactForm, usual: str) -> Contact:
        return Contact(contact.name, contact.title or usual, contact.email, contact.phone)

    contacts = form.contacts
    return School(
        form.name,
        form.timezone,
        Contacts(
            contact(contacts.head, "Head Teacher"),
            contact(contacts.senior_teacher, "Senior Teacher"),
            contact(contacts.chair, "Chair of Governors"),
            contact(contacts.it, "IT support"),
        ),
    )


def _lists(
    form: PolicyForm, listed: Mapping[str, LongList], sites: Iterable[Site]
) -> Iterator[Site]:
    """Give each list as a site. What belongs to a site, or an earlier list, stays with that."""
    known = Catalogue(sites)
    taken: set[Network] = set()
    for list_id, long_list in form.lists.items():
        networks = tuple(
            network
            for network in listed[list_id].networks
            if network not in taken and known.site_at(str(network.network_address)) is None
        )
        taken.update(networks)
        yield Site(
            list_id,
            long_list.name,
            (),
            networks,
            categories=frozenset(long_list.categories),
            source=long_list.source,
        )


def _listed_paths(
    form: PolicyForm,
    catalogue: Catalogue,
    listed: Mapping[str, LongList],
    restricted: frozenset[str],
) -> ListedPaths | None:
    used = {
        catalogue.sites[list_id]: listed[list_id].paths
        for list_id, long_list in form.lists.items()
        if long_list.paths is ListedPathsUse.DECRYPTED and list_id in restricted
    }
    return ListedPaths(used) if any(used.values()) else None


def _site(site_id: str, form: SiteForm, categories: Mapping[str, CategoryForm]) -> Site:
    joined = {name for name, category in categories.items() if site_id in category.sites}
    return Site(
        site_id,
        form.name,
        tuple(domain.value for domain in form.domains),
        tuple(network.value for network in form.networks),
        frozenset(form.categories) | joined,
        _endpoints(form.endpoints),
        form.source,
        form.checked,
    )


def _endpoints(form: EndpointsForm | None) -> tuple[Endpoint, ...]:
    if form is None:
        return ()
    return tuple(endpoint for f in fields(form) for endpoint in getattr(form, f.name))


def _calendar(form: CalendarForm) -> Calendar:
    return Calendar(
        terms=tuple(Term(term.name, term.first, term.last) for term in form.terms),
        closed=tuple((days.first, days.last) for days in form.closed),
        inset=frozenset(form.inset_days),
        directed=tuple(window.value for window in form.directed_time),
        breaks=tuple(window.value for window in form.breaks),
        part=form.bank_holidays,
    )


def _retention(form: RetentionForm) -> Retention:
    set_by_policy = {f.name: getattr(form, f.name) for f in fields(form)}
    return Retention(**{name: period for name, period in set_by_policy.items() if period})


def _cases(form: CasesForm, clauses: Mapping[str, Clause]) -> Cases:
    grounds = {
        id_: Ground(id_, g.title, clauses[g.clause] if g.clause else None, g.advice)
        for id_, g in form.grounds.items()
    }
    people = tuple(person.value for person in form.authorised_by)
    if form.longest is None:
        return Cases(people, form.about_them.value, grounds=grounds)
    return Cases(people, form.about_them.value, form.longest, grounds)


def _trial(form: TrialForm, school: School) -> Trial:
    return Trial(
        None if form.who == "nobody" else form.who,
        form.when.value.replace(tzinfo=school.timezone),
        form.what.value,
        request_for(form.what.value, form.method),
        form.expect == "opens",
        form.why,
        form.spot.file,
        form.spot.line,
    )


class _Placed(Protocol):
    @property
    def spot(self) -> Spot: ...


def _spots(form: PolicyForm) -> dict[str, Spot]:
    sections: dict[str, Mapping[str, _Placed]] = {
        "people": form.people or {},
        "groups": form.groups,
        "sites": form.sites,
        "purposes": form.purposes,
        "declared": form.declared,
        "lists": form.lists,
    }
    spots = {
        f"{section}.{name}": entry.spot
        for section, entries in sections.items()
        for name, entry in entries.items()
    }
    spots |= {f"restricted.{word.value}": word.spot for word in form.restricted or ()}
    spots |= {f"essentials.{host.value}": host.spot for host in form.essentials}
    if form.unidentified.spot.line:  # the policy says it itself
        spots["unidentified"] = form.unidentified.spot
    return spots | {"": form.spot}
