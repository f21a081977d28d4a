"""Checked forms into the policy's own objects. Nothing here can fail: the checks came before."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from rules.conditions import Condition, Doing, During, ForPeople, OnPath, OnSite, Until
from rules.decision import Outcome, RuleRef
from rules.forms import (
    CategoryForm,
    ContactForm,
    PolicyForm,
    PurposeForm,
    SchoolForm,
    UnidentifiedAccess,
)
from rules.policy import Policy, Purpose
from rules.request import Person
from rules.school import Clause, Contact, Contacts, School
from rules.site_forms import EndpointsForm, SiteForm
from rules.sites import Catalogue, Endpoint, Site
from rules.wording import Wording


def build_policy(
    form: PolicyForm, shipped: Mapping[str, SiteForm], digest: str, files: tuple[Path, ...]
) -> Policy:
    """Put a policy together from its forms and the shipped sites."""
    assert form.school is not None  # noqa: S101 - the loader has raised for a missing section
    people, clause_forms = form.people or {}, form.clauses or {}
    clauses = {id_: Clause(id_, c.heading, c.text.strip()) for id_, c in clause_forms.items()}
    catalogue = Catalogue(
        _site(site_id, site, form.categories) for site_id, site in {**shipped, **form.sites}.items()
    )
    words = {placed.value for placed in form.restricted or ()}
    return Policy(
        school=_school(form.school),
        clauses=clauses,
        people={
            id_: Person(id_, person.name, person.role, frozenset(person.groups))
            for id_, person in people.items()
        },
        addresses={
            address.value: id_ for id_, person in people.items() for address in person.addresses
        },
        catalogue=catalogue,
        restricted=frozenset(s.id for s in catalogue if s.id in words or s.categories & words),
        purposes=tuple(
            _purpose(id_, purpose, catalogue, frozenset(people), clauses)
            for id_, purpose in form.purposes.items()
        ),
        wording=_wording(form, catalogue, words, clauses),
        unidentified_as_visitor=form.unidentified.access is UnidentifiedAccess.AS_VISITOR,
        essentials=frozenset(form.essentials),
        digest=digest,
        files=files,
    )


def endpoints(form: EndpointsForm | None) -> tuple[Endpoint, ...]:
    """Give a site's endpoints in the order of the form."""
    if form is None:
        return ()
    return tuple(endpoint for f in fields(form) for endpoint in getattr(form, f.name))


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


def _site(site_id: str, form: SiteForm, categories: Mapping[str, CategoryForm]) -> Site:
    joined = {name for name, category in categories.items() if site_id in category.sites}
    return Site(
        site_id,
        form.name,
        tuple(domain.value for domain in form.domains),
        tuple(network.value for network in form.networks),
        frozenset(form.categories) | joined,
        endpoints(form.endpoints),
        form.source,
        form.checked,
    )


def _purpose(
    purpose_id: str,
    form: PurposeForm,
    catalogue: Catalogue,
    people: frozenset[str],
    clauses: Mapping[str, Clause],
) -> Purpose:
    names = " and ".join(catalogue.sites[site].name for site in form.sites)
    # The order is that of the question: who, where, what, when.
    conditions: list[Condition] = [
        ForPeople.named(frozenset(word.value for word in form.who), people),
        OnSite(frozenset(form.sites), names),
    ]
    if form.paths:
        conditions.append(OnPath(tuple(path.value for path in form.paths)))
    if form.actions:
        conditions.append(Doing(frozenset(form.actions)))
    if form.when:
        conditions.append(During(tuple(window.value for window in form.when)))
    if form.until:
        conditions.append(Until(form.until))
    return Purpose(
        RuleRef(purpose_id, form.title, form.spot.file, form.spot.line),
        frozenset(form.sites),
        tuple(conditions),
        form.owner,
        form.review,
        form.until,
        clauses[form.clause] if form.clause else None,
        bool(form.paths),
    )


def _wording(
    form: PolicyForm, catalogue: Catalogue, restricted: set[str], clauses: Mapping[str, Clause]
) -> Wording:
    texts: dict[Outcome, str] = {}
    quoted: dict[Outcome, Clause] = {}
    for outcome in Outcome:
        reason = getattr(form.reasons, outcome.replace("-", "_"), None)
        if reason is not None and reason.text is not None:
            texts[outcome] = " ".join(reason.text.value.split())
        if reason is not None and reason.clause is not None:
            quoted[outcome] = clauses[reason.clause]
    kinds = {
        category: form.categories[category].name
        if category in form.categories
        else f"{category.replace('-', ' ')} site"
        for site in catalogue
        for category in site.categories & restricted
    }
    return Wording(texts, quoted, kinds)
